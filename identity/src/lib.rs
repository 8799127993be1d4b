//! Certificates of our parts: asked for, renewed and reloaded live.
//!
//! Guarantees:
//! - a connection between two of our parts is TLS 1.3 with a certificate on each side, both issued by our own
//!   authority and both checked at that very handshake (no session is resumed past an expiry or a rotation);
//! - a server or client configuration stays valid for the life of the process: what it presents and whom it
//!   trusts are read anew at every handshake;
//! - a private key never leaves the process that generated it.
//!
//! | file | concern |
//! |---|---|
//! | [`identity`] | [`Identity`]: what a part presents and whom it trusts, now |
//! | [`request`] | asks for a certificate through the Kubernetes API |
//! | `renew` | renews it, follows the authority |
//! | [`authority`] | signs requests; used by the controller |
//! | [`serve`] | accept loop that tells the router who calls |
//! | [`client`] | HTTP client for a part dialled by address and identified by name |
//! | [`peer`] | the names in a peer's certificate |
//! | `crowd` | which connection makes room when there are too many |
//! | `capped` | what a peer answers, read to a limit |
//! | `said` | what an API server answered, for people |
#![forbid(unsafe_code)]

pub mod authority;
mod capped;
pub mod client;
mod crowd;
mod error;
pub mod identity;
mod material;
pub mod peer;
mod renew;
pub mod request;
mod said;
pub mod serve;
mod verify;
mod wait;

pub use authority::Authority;
pub use capped::{CappedError, capped};
pub use client::peer_url;
pub use error::IdentityError;
pub use identity::Identity;
pub use material::Parts;
pub use peer::{PeerNames, peer_names};
pub use request::Role;
pub use said::said;
pub use serve::{serve_mutual_tls, serve_tls};
