//! Which registries a node talks to, and how: its operator's word, given to the agent at start.
//!
//! Guarantee: plain HTTP is spoken only with this machine itself and with the hosts that the operator named.

use std::net::IpAddr;
use std::str::FromStr;

use reqwest::Url;
use shadow_core::repository::Repository;

use super::RegistryError;
use super::guard;

/// `host` or `host:port`; without a port all ports of the host are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPattern(String);

impl FromStr for HostPattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match Repository::parse(&format!("{text}/any")) {
            Ok(repository) if repository.path() == "any" => Ok(Self(repository.authority())),
            Ok(_) | Err(_) => Err(format!("{text:?} is not a host or host:port")),
        }
    }
}

/// Several, between commas; an empty text is an empty list, as an unset variable of a manifest is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostList(pub Vec<HostPattern>);

impl FromStr for HostList {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = text.split(',').map(str::trim).filter(|host| !host.is_empty());
        named.map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

impl HostPattern {
    fn matches(&self, host: &str, port: Option<u16>) -> bool {
        self.0 == host || port.is_some_and(|port| self.0 == format!("{host}:{port}"))
    }
}

/// The operator's word.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// Hosts that may be spoken to in plain HTTP.
    pub plain_http: Vec<HostPattern>,
    /// The only registries that checkpoints may go to; all when empty.
    pub only: Vec<HostPattern>,
}

/// A registry that may be dialled.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    /// Scheme, host and port.
    pub(super) base: Url,
    /// `host[:port]` as the user wrote it.
    pub(super) name: String,
    own: bool,
}

impl Policy {
    /// Where the registry of a repository is met, if this node may meet it. One whose certificate authority is known is
    /// never spoken to in plain HTTP.
    pub(super) fn endpoint(
        &self,
        repository: &Repository,
        certified: bool,
    ) -> Result<Endpoint, RegistryError> {
        let name = repository.authority();
        let (host, port) = (repository.host(), repository.port());
        if !self.only.is_empty() && !self.only.iter().any(|allowed| allowed.matches(host, port)) {
            return Err(RegistryError::Forbidden(format!(
                "checkpoints may not go to registry {name}: the agents allow only {}. The operator can add it to \
                 SHADOW_REGISTRIES of DaemonSet shadow-agent",
                names(&self.only)
            )));
        }
        let own = guard::is_loopback(host);
        let plain = own || self.plain_http.iter().any(|allowed| allowed.matches(host, port));
        let plain = plain && !certified;
        let scheme = if plain { "http" } else { "https" };
        // Docker's registry is met elsewhere than its images are named.
        let authority = match name.as_str() {
            "docker.io" | "index.docker.io" => "registry-1.docker.io",
            other => other,
        };
        let base = Url::parse(&format!("{scheme}://{authority}/")).map_err(|error| {
            RegistryError::Forbidden(format!(
                "registry {name} has an address that is not valid: {error}"
            ))
        })?;
        let endpoint = Endpoint { base, name, own };
        self.check(&endpoint.base, &endpoint)?;
        Ok(endpoint)
    }

    /// Whether a place that a registry sends us to may be dialled.
    pub(super) fn check(&self, url: &Url, endpoint: &Endpoint) -> Result<(), RegistryError> {
        let host = url.host_str().unwrap_or_default();
        let forbidden = |why: &str| {
            Err(RegistryError::Forbidden(format!(
                "registry {} leads to {}://{host}, {why}",
                endpoint.name,
                url.scheme()
            )))
        };
        let own = guard::is_loopback(host);
        if own && !endpoint.own {
            return forbidden("which is the agent itself");
        }
        let plain = own
            || self
                .plain_http
                .iter()
                .any(|allowed| allowed.matches(host, url.port_or_known_default()));
        if url.scheme() != "https" && !(url.scheme() == "http" && plain) {
            return forbidden(
                "and plain HTTP is not allowed: archives contain memory, hence secrets. Serve it by HTTPS, or let the \
                 operator allow it; type: kubectl shadow install --plain-http HOST:PORT",
            );
        }
        if !url.username().is_empty() || url.password().is_some() {
            return forbidden("with credentials of its own");
        }
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        match bare.parse::<IpAddr>().ok().and_then(guard::unlawful) {
            Some(what) => forbidden(&format!("an address that is {what}")),
            None => Ok(()),
        }
    }
}

fn names(patterns: &[HostPattern]) -> String {
    let names: Vec<&str> = patterns.iter().map(|pattern| pattern.0.as_str()).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(plain: &[&str], only: &[&str]) -> Policy {
        let parse = |list: &[&str]| list.iter().map(|text| text.parse().unwrap()).collect();
        Policy {
            plain_http: parse(plain),
            only: parse(only),
        }
    }

    fn base(policy: &Policy, repository: &str) -> Result<String, String> {
        let endpoint = policy.endpoint(&Repository::parse(repository).unwrap(), false);
        endpoint
            .map(|endpoint| endpoint.base.to_string())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn plain_http_is_for_this_machine_and_for_whom_the_operator_names() {
        let policy = policy(&["10.100.0.1:5000", "intern"], &[]);
        for (repository, expected) in [
            ("10.100.0.1:5000/a", "http://10.100.0.1:5000/"),
            ("10.100.0.1:5001/a", "https://10.100.0.1:5001/"),
            ("10.100.0.1/a", "https://10.100.0.1/"),
            ("intern:80/a", "http://intern/"),
            ("127.0.0.1:5000/a", "http://127.0.0.1:5000/"),
            ("localhost:5000/a", "http://localhost:5000/"),
            ("[::1]:5000/a", "http://[::1]:5000/"),
            ("registry.example.org/a", "https://registry.example.org/"),
            ("docker.io/me/a", "https://registry-1.docker.io/"),
        ] {
            assert_eq!(base(&policy, repository).unwrap(), expected);
        }
    }

    #[test]
    fn a_registry_with_a_known_authority_is_never_met_in_plain_http() {
        let repository = Repository::parse("localhost:5000/a").unwrap();
        let endpoint = policy(&["localhost"], &[]).endpoint(&repository, true).unwrap();
        assert_eq!(endpoint.base.as_str(), "https://localhost:5000/");
    }

    #[test]
    fn only_the_registries_that_the_operator_allows_are_met() {
        let policy = policy(&[], &["registry.example.org"]);
        assert!(base(&policy, "registry.example.org:5000/a").is_ok());
        let error = base(&policy, "evil.example.org/a").unwrap_err();
        assert!(
            error.contains("SHADOW_REGISTRIES") && error.contains("registry.example.org"),
            "{error}"
        );
    }

    #[test]
    fn addresses_that_no_registry_has_are_refused_at_once() {
        for (repository, why) in [
            ("169.254.169.254/latest", "metadata"),
            ("[fe80::1]/a", "metadata"),
            ("0.0.0.0:5000/a", "one host"),
        ] {
            let error = base(&policy(&[], &[]), repository).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn a_registry_leads_only_to_places_that_may_be_dialled() {
        let policy = policy(&["intern"], &[]);
        let far = policy
            .endpoint(&Repository::parse("registry.example.org/a").unwrap(), false)
            .unwrap();
        let check = |url: &str| policy.check(&Url::parse(url).unwrap(), &far).is_ok();
        assert!(check("https://storage.example.org/blob?sig=x"));
        assert!(check("http://intern/blob"));
        for bad in [
            "http://storage.example.org/blob",
            "http://127.0.0.1:80/",
            "https://localhost/",
            "https://169.254.169.254/latest",
            "https://user:password@storage.example.org/",
            "ftp://storage.example.org/",
            "file:///etc/passwd",
        ] {
            assert!(!check(bad), "{bad} was allowed");
        }
        let near = policy
            .endpoint(&Repository::parse("localhost:5000/a").unwrap(), false)
            .unwrap();
        assert!(
            policy
                .check(&Url::parse("http://127.0.0.1:5001/").unwrap(), &near)
                .is_ok()
        );
    }

    #[test]
    fn a_host_pattern_is_a_host_and_nothing_else() {
        for bad in ["", "http://x", "x/y", "x:y", "*", "x@y"] {
            assert!(bad.parse::<HostPattern>().is_err(), "{bad:?} was accepted");
        }
        assert_eq!("".parse::<HostList>().unwrap().0.len(), 0);
        assert_eq!("10.0.0.1:5000, intern,".parse::<HostList>().unwrap().0.len(), 2);
        assert!("intern,http://x".parse::<HostList>().is_err());
    }
}
