//! A repository of an image registry, as `spec.checkpointImageRepository` names it.
//!
//! Guarantee: whatever passes has a host and a path, and neither scheme nor credentials, tag, digest, query or anything
//! that could lead a request elsewhere; so it can be part of a URL without quoting.
//!
//! `oci-spec` has a `Reference`, which is another thing: it completes what is missing with `docker.io` and `latest`, takes
//! hosts such as `2130706433` and refuses IPv6 addresses, and has one word for all that may be wrong.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Longest `host[:port]/path` that is accepted, as in the distribution specification.
pub const MAX_LENGTH: usize = 255;

/// `host[:port]/path`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(into = "String")]
pub struct Repository {
    host: String,
    port: Option<u16>,
    path: String,
}

/// Why a text is no [`Repository`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not a repository: {why}. Write host[:port]/path, such as registry.example.org:5000/checkpoints"
)]
pub struct BadRepository {
    text: String,
    why: String,
}

impl Repository {
    /// Accepts `host[:port]/path`; IPv6 hosts stand in brackets.
    pub fn parse(text: &str) -> Result<Self, BadRepository> {
        let bad = |why: &str| BadRepository {
            text: text.chars().take(100).collect(),
            why: why.to_owned(),
        };
        if text.len() > MAX_LENGTH {
            return Err(bad(&format!("it is longer than {MAX_LENGTH} characters")));
        }
        if text.contains("://") {
            return Err(bad("it must not have a scheme"));
        }
        if text.contains('@') {
            return Err(bad("it must not have a user or a digest"));
        }
        let (authority, path) = text
            .split_once('/')
            .ok_or_else(|| bad("it needs a host and a path"))?;
        if path.contains(':') {
            return Err(bad(
                "it must not have a tag, since each checkpoint gets a tag of its own",
            ));
        }
        let (host, port) =
            split_port(authority).ok_or_else(|| bad("its port is not a number from 1 to 65535"))?;
        if !is_host(host) {
            return Err(bad("its first part is neither a host name nor an address"));
        }
        if !path.split('/').all(is_component) {
            return Err(bad(
                "each part of its path has to consist of a-z, 0-9 and single '.', '_', '-' between them",
            ));
        }
        Ok(Self {
            host: host.to_ascii_lowercase(),
            port,
            path: path.to_owned(),
        })
    }

    /// Host name or address, lower case; an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Host that serves it. Docker's registry is met elsewhere than its images are named.
    pub fn served_by(&self) -> &str {
        match (self.host.as_str(), self.port) {
            ("docker.io" | "index.docker.io", None) => "registry-1.docker.io",
            (host, _) => host,
        }
    }

    /// Port that serves it.
    pub fn served_at(&self, plain: bool) -> u16 {
        self.port.unwrap_or(if plain { 80 } else { 443 })
    }

    /// The port, if one was given.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// `host[:port]`.
    pub fn authority(&self) -> String {
        match self.port {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.clone(),
        }
    }

    /// What comes after the host, without a leading `/`.
    pub fn path(&self) -> &str {
        &self.path
    }
}

/// Host, and port if there is one; `None` when what stands for a port is none.
fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    // The colons of an IPv6 address are inside of its brackets.
    let after = authority.rfind(']').map_or(0, |end| end + 1);
    match authority.get(after..)?.rfind(':') {
        None => Some((authority, None)),
        Some(colon) => {
            let (host, port) = authority.split_at(after + colon);
            let port = port
                .get(1..)
                .filter(|port| port.bytes().all(|b| b.is_ascii_digit()))?;
            let port = port.parse::<u16>().ok().filter(|port| *port != 0)?;
            Some((host, Some(port)))
        }
    }
}

fn is_host(host: &str) -> bool {
    if let Some(inner) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return inner.parse::<std::net::Ipv6Addr>().is_ok();
    }
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // What looks like a number must be a plain IPv4 address: resolvers know more ways to write one.
    let numeric = host
        .rsplit('.')
        .next()
        .is_some_and(|last| last.starts_with(|c: char| c.is_ascii_digit()));
    host.split('.').all(label) && (!numeric || host.parse::<std::net::Ipv4Addr>().is_ok())
}

/// `[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*`, the specification's rule.
fn is_component(component: &str) -> bool {
    let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = component.as_bytes();
    let ends_are_words = bytes.first().is_some_and(|b| word(*b)) && bytes.last().is_some_and(|b| word(*b));
    let mut separators = component.split(|c: char| c.is_ascii() && word(c as u8));
    ends_are_words
        && separators
            .all(|between| matches!(between, "" | "." | "_" | "__") || between.bytes().all(|b| b == b'-'))
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.authority(), self.path)
    }
}

impl From<Repository> for String {
    fn from(repository: Repository) -> Self {
        repository.to_string()
    }
}

impl<'de> Deserialize<'de> for Repository {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let text = String::deserialize(input)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_are_read_and_written_back() {
        for (text, host, port, path) in [
            (
                "registry.example.org/checkpoints",
                "registry.example.org",
                None,
                "checkpoints",
            ),
            (
                "10.100.0.1:5000/shadow/a__b",
                "10.100.0.1",
                Some(5000),
                "shadow/a__b",
            ),
            ("localhost:5000/x", "localhost", Some(5000), "x"),
            ("[::1]:5000/a-b.c/d", "[::1]", Some(5000), "a-b.c/d"),
            ("[2001:db8::1]/a", "[2001:db8::1]", None, "a"),
        ] {
            let seen = Repository::parse(text).unwrap();
            assert_eq!(
                (seen.host(), seen.port(), seen.path()),
                (host, port, path),
                "{text}"
            );
            assert_eq!(seen.to_string(), text);
            let json = serde_json::to_string(&seen).unwrap();
            assert_eq!(serde_json::from_str::<Repository>(&json).unwrap(), seen, "{json}");
        }
        assert_eq!(
            Repository::parse("Registry.Example.ORG/a").unwrap().host(),
            "registry.example.org"
        );
    }

    #[test]
    fn whatever_could_lead_elsewhere_is_refused_with_its_reason() {
        for (text, why) in [
            ("", "host and a path"),
            ("registry.example.org", "host and a path"),
            ("https://registry.example.org/a", "scheme"),
            ("user:secret@registry.example.org/a", "user"),
            ("registry.example.org/a@sha256:00", "digest"),
            ("registry.example.org/a:latest", "tag"),
            ("registry.example.org:0/a", "port"),
            ("registry.example.org:65536/a", "port"),
            ("registry.example.org:/a", "port"),
            ("registry.example.org:5000x/a", "port"),
            ("/a", "host name"),
            ("-x/a", "host name"),
            ("a..b/c", "host name"),
            ("0x7f.1/a", "host name"),
            ("2130706433/a", "host name"),
            ("127.1/a", "host name"),
            ("[::1/a", "host name"),
            ("h#x/a", "host name"),
            ("h?x/a", "host name"),
            ("h/", "path"),
            ("h//a", "path"),
            ("h/../a", "path"),
            ("h/a/..", "path"),
            ("h/A", "path"),
            ("h/a?b", "path"),
            ("h/a#b", "path"),
            ("h/a%2f", "path"),
            ("h/a b", "path"),
            ("h/a...b", "path"),
            ("h/-a", "path"),
            ("h/ä", "path"),
        ] {
            let error = Repository::parse(text).unwrap_err().to_string();
            assert!(error.contains(why), "{text:?}: {error}");
        }
        let long = format!("h/{}", "a".repeat(MAX_LENGTH));
        assert!(
            Repository::parse(&long)
                .unwrap_err()
                .to_string()
                .contains("longer")
        );
    }
}
