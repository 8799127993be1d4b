//! What the operator said at install of the hosts that users name, and what follows for a move.

use clap::Args;
use shadow_core::api::{RestoreBackend, StatefulMigrationSpec, TransferMode};
use shadow_core::dialling::{Block, HostPattern, List, Peer, Place, Rules, Transport};
use shadow_core::premise::world::Way;
use shadow_core::repository::Repository;
use shadow_dialling::{DialError, Guard};

use crate::error::ControllerError;

/// The operator's word, as `install` puts it into the manifest.
#[derive(Args, Clone, Debug, Default)]
pub struct Word {
    /// The only brokers that are dialled: `host`, `host:port`, `*.zone`, or a block of addresses, between commas; any when empty.
    #[arg(long = "broker", env = "SHADOW_BROKERS", default_value = "")]
    pub brokers: List<Place>,
    /// The only registries that checkpoint images may go to, written in the same way; any when empty.
    #[arg(long = "registry", env = "SHADOW_REGISTRIES", default_value = "")]
    pub registries: List<Place>,
    /// Registries that the agents speak plain HTTP with.
    #[arg(long = "plain-http", env = "SHADOW_PLAIN_HTTP_REGISTRIES", default_value = "")]
    pub plain_http: List<HostPattern>,
    /// Blocks of addresses that are dialled although they are loopback, link-local, a node's or the API server's.
    #[arg(long = "allow-address", env = "SHADOW_ALLOW_ADDRESSES", default_value = "")]
    pub exempt: List<Block>,
    /// Refuse brokers and registries without TLS.
    #[arg(long, env = "SHADOW_REQUIRE_TLS", default_value_t = false, num_args = 0..=1, default_missing_value = "true", action = clap::ArgAction::Set)]
    pub require_tls: bool,
}

/// Guards what is dialled, and knows what the agents dial.
#[derive(Clone, Debug)]
pub struct Dialling {
    brokers: Guard,
    registries: Guard,
    plain_http: Vec<HostPattern>,
}

impl Dialling {
    /// By the operator's word.
    pub fn by(word: Word) -> Self {
        let rules = |peer, only: List<Place>| Rules {
            only: only.0,
            exempt: word.exempt.0.clone(),
            require_tls: word.require_tls,
            ..Rules::of(peer)
        };
        Self {
            brokers: Guard::new(rules(Peer::Broker, word.brokers)),
            registries: Guard::new(rules(Peer::Registry, word.registries)),
            plain_http: word.plain_http.0,
        }
    }

    /// For brokers and their management APIs.
    pub fn brokers(&self) -> &Guard {
        &self.brokers
    }

    /// The nodes that are known by now.
    pub fn nodes_are(&self, nodes: Vec<std::net::IpAddr>) {
        self.registries.nodes_are(nodes.clone());
        self.brokers.nodes_are(nodes);
    }

    /// The way of an archive to the registry, if it takes one. One whose authority the Secret has is never met in plain HTTP.
    pub fn way(&self, spec: &StatefulMigrationSpec, restore: RestoreBackend, certified: bool) -> Option<Way> {
        let by_registry = match restore {
            RestoreBackend::Image => true,
            RestoreBackend::RuntimeClass => spec.transfer_mode == Some(TransferMode::Registry),
        };
        let repository = Repository::parse(spec.checkpoint_image_repository.as_deref()?).ok()?;
        by_registry.then(|| Way {
            transport: Transport::Registry,
            host: repository.authority(),
            encrypted: certified || !self.is_plain(&repository),
        })
    }

    fn is_plain(&self, repository: &Repository) -> bool {
        let is_it = |pattern: &HostPattern| pattern.matches(repository.host(), repository.port());
        self.plain_http.iter().any(is_it)
    }

    /// Whether the agents may dial the registry, as far as it is known here. Who cannot resolve its name is no judge.
    pub(crate) async fn judge(
        &self,
        repository: &Repository,
        certified: bool,
    ) -> Result<(), ControllerError> {
        let plain = self.is_plain(repository) && !certified;
        let not_allowed = |refusal| ControllerError::RegistryNotAllowed(Box::new(refusal));
        if plain {
            let judged = self
                .registries
                .rules()
                .judge_plain(Transport::Registry, &repository.authority());
            judged.map_err(not_allowed)?;
        }
        let port = repository.served_at(plain);
        let resolved = self
            .registries
            .resolved_as(repository.host(), repository.served_by(), port);
        match resolved.await {
            Err(DialError::Refused(refusal)) => Err(not_allowed(refusal)),
            Ok(_) | Err(DialError::Failed(_)) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        word: Word,
    }

    fn dialling(arguments: &[&str]) -> Dialling {
        let all = std::iter::once("controller").chain(arguments.iter().copied());
        Dialling::by(Program::try_parse_from(all).unwrap().word)
    }

    fn spec(spec: serde_json::Value) -> StatefulMigrationSpec {
        serde_json::from_value(spec).unwrap()
    }

    async fn judged(dialling: &Dialling, repository: &str) -> Result<(), String> {
        let repository = Repository::parse(repository).unwrap();
        let judged = dialling.judge(&repository, false).await;
        judged.map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn a_registry_is_refused_before_an_agent_dials_it() {
        let free = dialling(&[]);
        assert_eq!(judged(&free, "10.96.0.9:5000/a").await, Ok(()));
        for (repository, why) in [
            ("127.0.0.1:5000/a", "loopback"),
            ("169.254.169.254/a", "metadata"),
            ("[fd00:ec2::254]/a", "metadata"),
        ] {
            let told = judged(&free, repository).await.unwrap_err();
            assert!(
                told.starts_with("spec.checkpointImageRepository: ") && told.contains(why),
                "{told}"
            );
        }
        free.nodes_are(vec!["10.100.0.11".parse().unwrap()]);
        let told = judged(&free, "10.100.0.11:5000/a").await.unwrap_err();
        assert!(told.contains("a node's"), "{told}");
        let confined = dialling(&["--registry", "registry.example.org"]);
        let told = judged(&confined, "10.96.0.9:5000/a").await.unwrap_err();
        assert!(told.contains("--allow-registry 10.96.0.9:5000"), "{told}");
    }

    #[tokio::test]
    async fn a_plain_registry_is_refused_where_tls_is_required() {
        let strict = dialling(&["--plain-http", "10.96.0.9:5000", "--require-tls"]);
        let told = judged(&strict, "10.96.0.9:5000/a").await.unwrap_err();
        assert!(
            told.contains("--require-tls") && told.contains("https://"),
            "{told}"
        );
        assert_eq!(judged(&strict, "10.96.0.8:5000/a").await, Ok(()));
        let set = dialling(&["--require-tls=true"]);
        assert!(set.brokers().rules().require_tls);
        assert!(!dialling(&["--require-tls=false"]).brokers().rules().require_tls);
    }

    #[test]
    fn the_way_of_an_archive_is_plain_where_the_agents_speak_plain_http() {
        let dialling = dialling(&["--plain-http", "10.96.0.9:5000"]);
        let encrypted = |mode: &str, repository: &str, restore, certified| {
            let named = serde_json::json!({"sourcePod": "p", "transferMode": mode, "checkpointImageRepository": repository});
            let way = dialling.way(&spec(named), restore, certified);
            way.map(|way| way.encrypted)
        };
        let by_class = RestoreBackend::RuntimeClass;
        assert_eq!(encrypted("Direct", "10.96.0.9:5000/a", by_class, false), None);
        assert_eq!(
            encrypted("Direct", "10.96.0.9:5000/a", RestoreBackend::Image, false),
            Some(false)
        );
        assert_eq!(
            encrypted("Registry", "10.96.0.9:5000/a", by_class, false),
            Some(false)
        );
        assert_eq!(
            encrypted("Registry", "10.96.0.9:5000/a", by_class, true),
            Some(true)
        );
        assert_eq!(
            encrypted("Registry", "r.example.org/a", by_class, false),
            Some(true)
        );
    }
}
