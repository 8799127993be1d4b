//! What can go wrong with a certificate, in words for the person who reads the log.

/// Why there is no usable identity.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// Something is not PEM or not what it should hold.
    #[error("{what} is unusable: {reason}")]
    Unusable {
        /// Which part.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A DNS name that TLS does not accept.
    #[error("{0:?} is not a DNS name")]
    BadName(String),
    /// The signing request was turned down.
    #[error(
        "the certificate for {name} was refused: {reason}. The controller's log says why. To ask again, restart this pod"
    )]
    Denied {
        /// Name asked for.
        name: String,
        /// Reason from the request's condition.
        reason: String,
    },
    /// The API server does not let us ask.
    #[error(
        "the API server refuses to {action}: {reason}. To apply the RBAC of this release, type: kubectl shadow install"
    )]
    Forbidden {
        /// What was tried.
        action: &'static str,
        /// The API server's words.
        reason: String,
    },
    /// Kubernetes API failure that did not go away.
    #[error("could not {action}: {}", crate::said(source))]
    Api {
        /// What was tried.
        action: &'static str,
        /// The cause.
        source: Box<kube::Error>,
    },
    /// Key or certificate generation failed.
    #[error("could not {action}: {source}")]
    Generate {
        /// What was tried.
        action: &'static str,
        /// The cause.
        source: rcgen::Error,
    },
    /// TLS set-up failed.
    #[error("could not set up TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// HTTP client set-up failed.
    #[error("could not build the HTTP client: {0}")]
    Http(#[from] reqwest::Error),
}

impl IdentityError {
    pub(crate) fn unusable(what: &'static str, reason: impl ToString) -> Self {
        Self::Unusable {
            what,
            reason: reason.to_string(),
        }
    }

    pub(crate) fn generate(action: &'static str) -> impl FnOnce(rcgen::Error) -> Self {
        move |source| Self::Generate { action, source }
    }
}
