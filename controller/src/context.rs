//! What all reconciliations share: connections and clients. No decision rests on it; losing it costs a reconnect.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};
use shadow_core::api::StatefulMigration;
use shadow_core::turns::Limits;
use shadow_identity::Identity;

use crate::agents::Agents;
use crate::aside::{self, Notes};
use crate::broker::{Broker, BrokerAddress, NamedBy, Origin};
use crate::brokers::Brokers;
use crate::dialling::Dialling;
use crate::error::ControllerError;
use crate::events::Events;
use crate::holds::Holds;
use crate::leadership::Leadership;
use crate::line::Line;
use crate::meter::Meter;
use crate::observe::{Looks, Stopping, Worlds};
use crate::pause::Pauses;
use crate::policies::Policies;
use crate::progress::Progresses;
use crate::shown::Part;
use crate::under_way::UnderWay;

/// A Secret is read again after this time: a look at the broker every few milliseconds must not read it each time.
const ADDRESS_FRESH: Duration = Duration::from_secs(5);
/// A migration that is deleted together with the Secret gives its queue back by the address that was read last, for so long.
const ADDRESS_KEPT: Duration = Duration::from_secs(60);

/// Shared by all reconciliations.
pub struct Context {
    /// API server, for questions and changes.
    pub client: Client,
    /// The same, for watches, whose answers do not end.
    pub watching: Client,
    /// Writes Events.
    pub events: Events,
    /// Node agents.
    pub agents: Agents,
    /// Certificate of our authority, for the rules that send pods to the webhook.
    pub ca_pem: String,
    /// Pods that are watched for their end.
    pub stopping: Arc<Stopping>,
    /// How many moves may be under way.
    pub limits: Limits,
    /// Those that wait for their turn.
    pub line: Line,
    /// The pause of all moves.
    pub pauses: Pauses,
    /// The policies.
    pub policies: Policies,
    /// Held while a migration finds out whether it may begin.
    pub beginning: tokio::sync::Mutex<()>,
    /// Single-active queues that this process holds.
    pub holds: Holds,
    /// Asked before anything is done.
    pub leadership: Arc<Leadership>,
    /// Guards what is dialled that a user names.
    pub dialling: Dialling,
    /// Connected ones.
    pub brokers: Brokers,
    /// What each migration does, for people who watch.
    pub progress: Progresses,
    /// Migrations that have begun, as they were last written.
    pub under_way: UnderWay,
    /// What is shown of this process.
    pub part: Part,
    /// What was counted.
    pub meter: Meter,
    /// What the verdicts of moves that are held rest on.
    pub evidence: Arc<Looks>,
    /// What is driven, for the process after this one.
    pub notes: Notes,
    /// What moves need and do not make themselves, as far as it is absent.
    pub worlds: Worlds,
    addresses: Mutex<HashMap<(String, String), (Instant, BrokerAddress)>>,
    proven_rules: Mutex<HashSet<String>>,
}

impl Context {
    /// A context for one process.
    pub fn new(
        client: Client,
        watching: Client,
        identity: Identity,
        ca_pem: String,
        limits: Limits,
        dialling: Dialling,
        part: Part,
    ) -> Self {
        Self {
            events: Events::written_by(client.clone()),
            agents: Agents::new(client.clone(), identity),
            client,
            watching,
            ca_pem,
            stopping: Arc::default(),
            limits,
            line: Line::default(),
            pauses: Pauses::default(),
            policies: Policies::default(),
            beginning: tokio::sync::Mutex::default(),
            holds: Holds::default(),
            leadership: Leadership::begun(),
            brokers: Brokers::new(dialling.brokers().clone()),
            dialling,
            progress: Progresses::default(),
            under_way: UnderWay::default(),
            part,
            meter: Meter::default(),
            evidence: Arc::default(),
            notes: Notes::in_folder(aside::folder()),
            worlds: Worlds::default(),
            addresses: Mutex::default(),
            proven_rules: Mutex::default(),
        }
    }

    /// The broker that this migration's Secret (or URL) names; one connection for each address.
    pub async fn broker(
        &self,
        migration: &StatefulMigration,
        secret: Option<&str>,
    ) -> Result<Arc<Broker>, ControllerError> {
        let origin = origin(migration, secret);
        let address = self.broker_address(migration, &origin).await?;
        Ok(self.brokers.at(address, origin).await?)
    }

    /// The same, unless it is not connected at the moment: for questions that no move waits for.
    pub async fn connected_broker(
        &self,
        migration: &StatefulMigration,
        secret: Option<&str>,
    ) -> Result<Option<Arc<Broker>>, ControllerError> {
        let origin = origin(migration, secret);
        let address = self.broker_address(migration, &origin).await?;
        Ok(self.brokers.connected(address, origin))
    }

    async fn broker_address(
        &self,
        migration: &StatefulMigration,
        origin: &Origin,
    ) -> Result<BrokerAddress, ControllerError> {
        let Origin::Secret { namespace, name, by } = origin else {
            let uri = migration
                .spec
                .message_queue_config
                .as_ref()
                .and_then(|config| config.broker_url.clone())
                .filter(|url| !url.is_empty())
                .ok_or(ControllerError::NoBroker)?;
            return Ok(BrokerAddress::of_url(uri));
        };
        let key = (namespace.clone(), name.clone());
        let known = self
            .addresses
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&key)
            .cloned();
        if let Some((read, address)) = &known
            && read.elapsed() < ADDRESS_FRESH
        {
            return Ok(address.clone());
        }
        let is_deleted = migration.metadata.deletion_timestamp.is_some();
        let kept = known.filter(|(read, _)| is_deleted && read.elapsed() < ADDRESS_KEPT);
        let address = match (self.read_address(namespace, name, *by).await, kept) {
            (Err(ControllerError::Secret { .. }), Some((_, kept))) => return Ok(kept),
            (read, _) => read?,
        };
        let mut known = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, (read, _)| read.elapsed() < ADDRESS_KEPT);
        known.insert(key, (Instant::now(), address.clone()));
        Ok(address)
    }

    async fn read_address(
        &self,
        namespace: &str,
        name: &str,
        by: NamedBy,
    ) -> Result<BrokerAddress, ControllerError> {
        let api: Api<Secret> = Api::namespaced(self.client.clone(), namespace);
        let secret = api
            .get(name)
            .await
            .map_err(|error| ControllerError::secret(namespace, name, by, error))?;
        let text = |key: &str| {
            let bytes = secret.data.as_ref()?.get(key)?;
            Some(String::from_utf8_lossy(&bytes.0).trim().to_owned())
        };
        let uri = text("uri").ok_or_else(|| ControllerError::SecretKey {
            by,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            key: "uri",
        })?;
        Ok(BrokerAddress {
            uri,
            management_uri: text("managementUri"),
            ca: text("ca.crt"),
        })
    }

    /// Remembers that the rule of this migration answered a dry run.
    pub fn rule_was_proven(&self, uid: &str) {
        self.proven_rules
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(uid.to_owned());
    }

    /// Whether the rule of this migration answered a dry run of this process.
    pub fn is_rule_proven(&self, uid: &str) -> bool {
        self.proven_rules
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(uid)
    }

    /// Forgets the proof.
    pub fn rule_is_gone(&self, uid: &str) {
        self.proven_rules
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(uid);
    }
}

/// Where the broker of a migration is named.
fn origin(migration: &StatefulMigration, secret: Option<&str>) -> Origin {
    let Some(name) = secret else {
        return Origin::Url;
    };
    let in_spec = migration.spec.broker_secret_ref.as_deref() == Some(name);
    Origin::Secret {
        namespace: migration.metadata.namespace.clone().unwrap_or_default(),
        name: name.to_owned(),
        by: if in_spec {
            NamedBy::Spec
        } else {
            NamedBy::Annotation
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_secret_is_named_by_the_field_or_by_the_annotation_and_a_url_by_neither() {
        let migration = |spec| -> StatefulMigration {
            let object = json!({"apiVersion": "migration.ms2m.io/v1alpha1", "kind": "StatefulMigration",
                "metadata": {"name": "m", "namespace": "shop"}, "spec": spec});
            serde_json::from_value(object).unwrap()
        };
        let secret = |by| Origin::Secret {
            namespace: "shop".to_owned(),
            name: "broker".to_owned(),
            by,
        };
        for (spec, secret, named) in [
            (
                json!({"sourcePod": "p", "brokerSecretRef": "broker"}),
                Some("broker"),
                secret(NamedBy::Spec),
            ),
            (
                json!({"sourcePod": "p"}),
                Some("broker"),
                secret(NamedBy::Annotation),
            ),
            (
                json!({"sourcePod": "p", "messageQueueConfig": {"brokerUrl": "amqp://mq"}}),
                None,
                Origin::Url,
            ),
        ] {
            assert_eq!(origin(&migration(spec.clone()), secret), named, "{spec}");
        }
    }
}
