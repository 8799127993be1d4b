//! Signer of the certificates of our parts.
//!
//! Guarantee: a certificate names exactly the identity that the API server vouches for (service account, and for
//! agents the node in the bound token), never what the requester says of itself.
//!
//! | file | concern |
//! |---|---|
//! | [`authority`](mod@authority) | the certificate authority: created once, published, its own certificate for the controller |
//! | `decision` | who may have which name; pure |
//! | `requests` | watches, approves, signs and denies CertificateSigningRequests |
//! | `bundle` | puts the authority into our webhook configurations |

mod authority;
mod bundle;
mod decision;
mod requests;

pub use authority::{Authority, authority, own_identity};
pub use bundle::inject_ca_bundle;
pub use requests::serve;

/// Why the signer cannot work.
#[derive(Debug, thiserror::Error)]
pub enum SignerError {
    /// The API server refused or could not be reached.
    #[error("cannot {action}: {}", shadow_identity::said(error))]
    Api {
        /// What was tried.
        action: &'static str,
        /// What it said.
        error: kube::Error,
    },
    /// The Secret of the authority is there and holds no usable authority.
    #[error(
        "Secret {}/{} is unusable: {reason}. Delete it and restart the controller; all parts then get new certificates",
        shadow_core::names::SYSTEM_NAMESPACE,
        shadow_core::names::CA_SECRET
    )]
    Unusable {
        /// What is wrong with it.
        reason: String,
    },
    /// A key or certificate could not be made.
    #[error(transparent)]
    Identity(#[from] shadow_identity::IdentityError),
}

impl SignerError {
    fn api(action: &'static str) -> impl Fn(kube::Error) -> Self {
        move |error| Self::Api { action, error }
    }
}
