//! Which registries a node talks to, and how: its operator's word, given to the agent at start.
//!
//! Guarantee: plain HTTP is spoken only with the hosts that the operator named, and nothing is dialled that the guard has not judged.

use reqwest::Url;
use shadow_core::dialling::{HostPattern, Refusal, bare};
use shadow_core::repository::Repository;
use shadow_dialling::{Guard, GuardedNames};

use super::RegistryError;

/// The operator's word.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Hosts that may be spoken to in plain HTTP.
    pub plain_http: Vec<HostPattern>,
    /// Judges which hosts and addresses are dialled.
    pub guard: Guard,
}

/// A registry that may be dialled.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    /// Scheme, host and port.
    pub(super) base: Url,
    /// `host[:port]` as the user wrote it.
    pub(super) name: String,
    /// Its addresses.
    pub(super) names: GuardedNames,
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
        let host = repository.host();
        let plain = !certified && self.is_plain(host, repository.port());
        let port = repository.served_at(plain);
        let judged = self.guard.rules().judge_host(host, port);
        judged.map_err(|refusal| RegistryError::Forbidden(refusal.to_string()))?;
        let scheme = if plain { "http" } else { "https" };
        let served_by = repository.served_by();
        let base = Url::parse(&format!("{scheme}://{served_by}:{port}/")).map_err(|error| {
            RegistryError::Forbidden(format!(
                "registry {name} has an address that is not valid: {error}"
            ))
        })?;
        let names = GuardedNames::of(self.guard.clone(), served_by, port).listed_as(host);
        Ok(Endpoint { base, name, names })
    }

    fn is_plain(&self, host: &str, port: Option<u16>) -> bool {
        self.plain_http.iter().any(|allowed| allowed.matches(host, port))
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
        let plain = self.is_plain(host, url.port_or_known_default());
        if url.scheme() != "https" && !(url.scheme() == "http" && plain) {
            return forbidden(
                "and plain HTTP is not allowed: archives contain memory, hence secrets. Serve it by HTTPS, or let the \
                 operator allow it; type: kubectl shadow install --plain-http HOST:PORT",
            );
        }
        if !url.username().is_empty() || url.password().is_some() {
            return forbidden("with credentials of its own");
        }
        let Ok(address) = bare(host).parse() else {
            return Ok(());
        };
        let judged = self.guard.rules().judge_address(host, address);
        judged.or_else(|refusal| match &refusal {
            Refusal::Address { why, .. } => forbidden(&format!("an address that is {why}")),
            Refusal::NotListed { .. } | Refusal::Plain { .. } => forbidden(&refusal.to_string()),
        })
    }
}

#[cfg(test)]
mod tests {
    use shadow_core::dialling::{Peer, Rules};

    use super::*;

    fn policy(plain: &[&str], only: &[&str]) -> Policy {
        Policy {
            plain_http: plain.iter().map(|text| text.parse().unwrap()).collect(),
            guard: Guard::new(Rules {
                only: only.iter().map(|text| text.parse().unwrap()).collect(),
                ..Rules::of(Peer::Registry)
            }),
        }
    }

    fn base(policy: &Policy, repository: &str) -> Result<String, String> {
        let endpoint = policy.endpoint(&Repository::parse(repository).unwrap(), false);
        endpoint
            .map(|endpoint| endpoint.base.to_string())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn plain_http_is_for_whom_the_operator_names() {
        let policy = policy(&["10.100.0.1:5000", "intern"], &[]);
        for (repository, expected) in [
            ("10.100.0.1:5000/a", "http://10.100.0.1:5000/"),
            ("10.100.0.1:5001/a", "https://10.100.0.1:5001/"),
            ("10.100.0.1/a", "https://10.100.0.1/"),
            ("intern:80/a", "http://intern/"),
            ("intern/a", "http://intern/"),
            ("localhost:5000/a", "https://localhost:5000/"),
            ("registry.example.org/a", "https://registry.example.org/"),
            ("docker.io/me/a", "https://registry-1.docker.io/"),
        ] {
            assert_eq!(base(&policy, repository).unwrap(), expected);
        }
    }

    #[test]
    fn a_registry_with_a_known_authority_is_never_met_in_plain_http() {
        let repository = Repository::parse("intern:5000/a").unwrap();
        let endpoint = policy(&["intern"], &[]).endpoint(&repository, true).unwrap();
        assert_eq!(endpoint.base.as_str(), "https://intern:5000/");
    }

    #[test]
    fn only_the_registries_that_the_operator_allows_are_met() {
        let policy = policy(&[], &["registry.example.org", "docker.io"]);
        assert!(base(&policy, "registry.example.org:5000/a").is_ok());
        assert!(base(&policy, "docker.io/a").is_ok());
        let error = base(&policy, "evil.example.org/a").unwrap_err();
        assert!(
            error.contains("--allow-registry evil.example.org:443") && error.contains("registry.example.org"),
            "{error}"
        );
    }

    #[test]
    fn addresses_that_no_registry_has_are_refused_at_once() {
        for (repository, why) in [
            ("169.254.169.254/latest", "metadata"),
            ("[fe80::1]/a", "link-local"),
            ("0.0.0.0:5000/a", "one host"),
            ("127.0.0.1:5000/a", "loopback"),
            ("[::1]:5000/a", "loopback"),
        ] {
            let error = base(&policy(&["127.0.0.1"], &[]), repository).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn a_registry_leads_only_to_places_that_may_be_dialled() {
        let policy = policy(&["intern"], &["registry.example.org"]);
        let far = policy
            .endpoint(&Repository::parse("registry.example.org/a").unwrap(), false)
            .unwrap();
        let check = |url: &str| policy.check(&Url::parse(url).unwrap(), &far).is_ok();
        assert!(check("https://storage.example.org/blob?sig=x"));
        assert!(check("http://intern/blob"));
        for bad in [
            "http://storage.example.org/blob",
            "http://127.0.0.1:80/",
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://169.254.169.254/latest",
            "https://user:password@storage.example.org/",
            "ftp://storage.example.org/",
            "file:///etc/passwd",
        ] {
            assert!(!check(bad), "{bad} was allowed");
        }
    }
}
