//! What can go wrong with a registry. No message repeats what a server sent, but for a short code: whoever names an
//! address that is no registry must not learn what answers there.

use shadow_dialling::refusal_of;

use crate::transfer::causes;

/// Why a registry did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// This node does not talk to that registry.
    #[error("{0}")]
    Forbidden(String),
    /// No connection, no answer in time, or a connection that broke.
    #[error("registry {host} cannot be reached to {what}: {why}")]
    Unreachable {
        /// Which.
        host: String,
        /// What was tried.
        what: &'static str,
        /// The causes, outermost first.
        why: String,
    },
    /// The registry's own trouble.
    #[error("registry {host} has an error: it answered {status} to the request to {what}")]
    Busy {
        /// Which.
        host: String,
        /// What was tried.
        what: &'static str,
        /// HTTP status, 5xx or 429.
        status: u16,
    },
    /// A layer broke off on its way here.
    #[error("the layer broke off after {bytes} bytes: {why}")]
    Cut {
        /// Bytes that came.
        bytes: u64,
        /// The cause.
        why: String,
    },
    /// The registry said no.
    #[error("registry {host} refused to {what} ({status}{code}): {advice}")]
    Refused {
        /// Which.
        host: String,
        /// What was tried.
        what: &'static str,
        /// HTTP status.
        status: u16,
        /// Its own word for it, with a space in front, or nothing.
        code: String,
        /// The way out.
        advice: String,
    },
    /// The answer is not what the protocol promises, or the content not what was asked for.
    #[error("the registry cannot be trusted: {0}")]
    Wrong(String),
    /// The credentials or the certificate authority in the Secret are unusable.
    #[error("the Secret in spec.checkpointImageSecretRef is unusable: {0}")]
    Secret(String),
}

impl RegistryError {
    /// Whether the same may work at once, without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Busy { .. } | Self::Cut { .. } => true,
            Self::Forbidden(_) | Self::Refused { .. } | Self::Wrong(_) | Self::Secret(_) => false,
        }
    }

    pub(super) fn unreachable(host: &str, what: &'static str, error: &reqwest::Error) -> Self {
        if let Some(refusal) = refusal_of(error) {
            return Self::Forbidden(refusal.to_string());
        }
        let why = causes(error);
        let hint = hint(&why);
        Self::Unreachable {
            host: host.to_owned(),
            what,
            why: format!("{why}{hint}"),
        }
    }
}

/// The way out, where the TLS library's words do not say it.
fn hint(why: &str) -> &'static str {
    if why.contains("corrupt message") || why.contains("InvalidContentType") {
        ". If the registry has plain HTTP only, an administrator of the cluster has to allow that. To allow it, type: kubectl shadow \
         install --plain-http HOST:PORT"
    } else if why.contains("certificate") {
        ". If its certificate has an authority of its own, put that authority into the Secret in \
         spec.checkpointImageSecretRef, as ca.crt"
    } else {
        ""
    }
}
