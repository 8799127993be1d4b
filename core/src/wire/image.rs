//! Messages about checkpoint images, for transfers through a registry.
//!
//! Guarantee: printing any of them, in whatever form, never shows a password.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::repository::Repository;

/// How a registry is met. The default is anonymous, with the public certificate authorities.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegistryAccess {
    /// Who we are there; anonymous when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<Login>,
    /// PEM of a further authority that may have signed the registry's certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
}

/// A user of one registry.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Login {
    /// User name.
    pub user: String,
    /// Password or token.
    pub password: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// Asks the source's agent to push the archive of a key as an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PushRequest {
    /// Where to.
    pub repository: Repository,
    /// How.
    #[serde(default)]
    pub access: RegistryAccess,
}

/// An image that is in a registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pushed {
    /// `host[:port]/path:tag`, for people.
    pub reference: String,
    /// Digest of the image's manifest, `sha256:` and lower-case hex; pull by this.
    pub image: String,
    /// Bytes sent (compressed).
    pub bytes: u64,
    /// From request to complete, microseconds.
    pub total_micros: u64,
}

/// Asks the target's agent to pull an image and to unpack and verify its archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PullRequest {
    /// Where from.
    pub repository: Repository,
    /// How.
    #[serde(default)]
    pub access: RegistryAccess,
    /// Digest of the image's manifest, from [`Pushed::image`].
    pub image: String,
    /// Expected digest of the archive, from [`super::Checkpointed::digest`].
    pub digest: String,
    /// Expected size of the archive, bytes, from [`super::Checkpointed::bytes`]; what unpacks to more is refused.
    pub bytes: u64,
}

/// Asks any agent to delete the image of a key from the registry. The agent derives the tag itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DiscardRequest {
    /// Namespace of the migration.
    pub namespace: String,
    /// Where it is.
    pub repository: Repository,
    /// How.
    #[serde(default)]
    pub access: RegistryAccess,
}

/// What became of a [`DiscardRequest`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "outcome")]
pub enum Discarded {
    /// Nobody can pull it any more. Its bytes leave the registry's disk when that collects its garbage.
    Deleted,
    /// The registry has no such image.
    Absent,
    /// The registry does not let us delete; the image stays there.
    Kept {
        /// What it said and what to do, for a person.
        why: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_form_of_printing_shows_the_password() {
        let access = RegistryAccess {
            login: Some(Login {
                user: "robot".to_owned(),
                password: "topsecret".to_owned(),
            }),
            ca: None,
        };
        let repository = Repository::parse("registry.example.org/checkpoints").unwrap();
        let push = PushRequest {
            repository: repository.clone(),
            access: access.clone(),
        };
        let pull = PullRequest {
            repository: repository.clone(),
            access: access.clone(),
            image: String::new(),
            digest: String::new(),
            bytes: 1,
        };
        let discard = DiscardRequest {
            namespace: "default".to_owned(),
            repository,
            access,
        };
        let printed = format!("{push:?} {pull:#?} {discard:?}");
        assert!(
            printed.contains("robot") && !printed.contains("topsecret"),
            "{printed}"
        );
        let sent = serde_json::to_string(&push).unwrap();
        assert_eq!(serde_json::from_str::<PushRequest>(&sent).unwrap(), push);
    }
}
