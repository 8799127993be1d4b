//! Container id as the runtime prints it: 64 lower-case hex digits, so it can be part of a path or an argument.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A container id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct ContainerId(String);

/// Why a string is no container id.
#[derive(Clone, Debug, thiserror::Error)]
#[error("container id {0:?} is malformed: 64 hexadecimal digits were expected")]
pub struct BadContainerId(String);

impl ContainerId {
    /// Accepts an id that came from outside.
    pub fn parse(text: &str) -> Result<Self, BadContainerId> {
        let lawful = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        if text.len() == 64 && text.chars().all(lawful) {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadContainerId(text.chars().take(80).collect()))
        }
    }

    /// Accepts the form in a pod's status, such as `containerd://…`.
    pub fn from_status(text: &str) -> Result<Self, BadContainerId> {
        Self::parse(text.split_once("://").map_or(text, |(_, id)| id))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ContainerId {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(input)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_ids_are_accepted() {
        let id = "0a".repeat(32);
        assert!(ContainerId::parse(&id).is_ok());
        assert_eq!(
            ContainerId::from_status(&format!("containerd://{id}"))
                .unwrap()
                .as_str(),
            id
        );
        for bad in [
            "",
            "../../etc",
            &"g".repeat(64),
            &"a".repeat(63),
            &"A".repeat(64),
            &format!("{}\n", &id[1..]),
        ] {
            assert!(ContainerId::parse(bad).is_err(), "{bad:?} was accepted");
        }
    }
}
