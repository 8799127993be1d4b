//! What can go wrong between a decision and its effect, and whether trying again can help.

use std::fmt;

use shadow_core::api::Witness;
use shadow_core::dialling::Refusal;
use shadow_core::machine::Outcome;
use shadow_core::reason::Reason;
use shadow_core::wire::Problem;

use crate::broker::{BrokerError, NamedBy};

/// Why a Secret cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretTrouble {
    /// There is none.
    Absent,
    /// No Role allows it.
    Forbidden,
}

impl fmt::Display for SecretTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Absent => "it does not exist",
            Self::Forbidden => "the controller may not read it",
        })
    }
}

impl SecretTrouble {
    /// What to type.
    fn way_out(self, namespace: &str, name: &str) -> String {
        match self {
            Self::Absent => format!(
                "To create it, type: kubectl create secret generic -n {namespace} {name} \
                 --from-literal=uri=amqp://USER:PASSWORD@HOST:5672/VHOST --from-literal=managementUri=http://USER:PASSWORD@HOST:15672"
            ),
            Self::Forbidden => {
                format!("To allow it, type: kubectl shadow allow -n {namespace} --secret {name}")
            }
        }
    }
}

/// Anything that a reconciliation may fail with.
#[derive(Debug, thiserror::Error)]
pub enum ControllerError {
    /// The API server refused or did not answer.
    #[error("{}", shadow_identity::said(.0))]
    Api(#[from] kube::Error),
    /// The broker refused or did not answer.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// The broker was gone before it had confirmed START_REPLAY.
    #[error("{source}")]
    ParkUnsure {
        /// Connections of before.
        witness: Box<Witness>,
        /// What happened to the broker.
        source: BrokerError,
    },
    /// An agent answered with a problem.
    #[error("the agent on {node}: {problem}")]
    Agent {
        /// Node of the agent.
        node: String,
        /// Its answer.
        problem: Problem,
        /// Whether it may work later.
        transient: bool,
    },
    /// An agent cannot be reached.
    #[error(
        "the agent on {node} does not answer ({cause}). To look at it, type: kubectl -n shadow-system get pods -o wide -l \
         app.kubernetes.io/name=shadow-agent"
    )]
    AgentUnreachable {
        /// Node of the agent.
        node: String,
        /// Why.
        cause: String,
    },
    /// The broker Secret cannot be read.
    #[error(
        "{by}: the controller cannot read Secret {namespace}/{name} ({trouble}). {}", trouble.way_out(namespace, name)
    )]
    Secret {
        /// What names it.
        by: NamedBy,
        /// Namespace.
        namespace: String,
        /// Name.
        name: String,
        /// Why.
        trouble: SecretTrouble,
    },
    /// The broker Secret lacks a key.
    #[error(
        "{by}: Secret {namespace}/{name} has no key {key:?}. Add it: the Secret needs the keys uri \
         (amqp://user:password@host:5672/vhost) and managementUri (http://user:password@host:15672)"
    )]
    SecretKey {
        /// What names it.
        by: NamedBy,
        /// Namespace.
        namespace: String,
        /// Name.
        name: String,
        /// Key.
        key: &'static str,
    },
    /// The registry's Secret cannot be read or used.
    #[error("spec.checkpointImageSecretRef: Secret {namespace}/{name} cannot be used: {cause}")]
    RegistrySecret {
        /// Namespace.
        namespace: String,
        /// Name.
        name: String,
        /// Why, and the way out.
        cause: String,
    },
    /// The registry's repository is missing or malformed.
    #[error("spec.checkpointImageRepository: {0}")]
    Repository(String),
    /// The operator does not let the agents dial the registry.
    #[error("spec.checkpointImageRepository: {0}")]
    RegistryNotAllowed(Box<Refusal>),
    /// No broker was named.
    #[error(
        "no broker is named. Set spec.brokerSecretRef or spec.messageQueueConfig.brokerUrl, or the annotation \
         migration.ms2m.io/broker-secret on the pod or its owner"
    )]
    NoBroker,
    /// The API server does not yet send the re-created pod to the webhook.
    #[error(
        "the webhook did not rewrite a dry-run copy of the pod. The API server may not know the rule yet. It is tried again"
    )]
    RuleNotInForce,
    /// Another controller may have taken over.
    #[error(
        "this controller could not renew its lease in time, so another controller may lead. Nothing was done; it goes on by itself"
    )]
    NotLeading,
    /// An effect was left before it was done.
    #[error(
        "a part of this step took more than {0} s and was stopped. It is tried again. The API server, the broker or an \
         agent may not answer"
    )]
    TooLong(u64),
    /// Something cannot be watched at the moment.
    #[error("{0}")]
    Blind(String),
    /// The object is not what the API promises.
    #[error("{0}")]
    Malformed(String),
}

impl ControllerError {
    pub(crate) fn secret(namespace: &str, name: &str, by: NamedBy, error: kube::Error) -> Self {
        let code = if let kube::Error::Api(status) = &error {
            status.code
        } else {
            0
        };
        let trouble = match code {
            404 => SecretTrouble::Absent,
            403 => SecretTrouble::Forbidden,
            _ => return Self::Api(error),
        };
        Self::Secret {
            by,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            trouble,
        }
    }

    /// Whether the same may work later without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Api(kube::Error::Api(status)) => !matches!(status.code, 400 | 403 | 404 | 422),
            Self::Api(_)
            | Self::AgentUnreachable { .. }
            | Self::RuleNotInForce
            | Self::NotLeading
            | Self::TooLong(_)
            | Self::Blind(_) => true,
            Self::Broker(error) | Self::ParkUnsure { source: error, .. } => error.is_transient(),
            Self::Agent { transient, .. } => *transient,
            Self::Secret { .. }
            | Self::SecretKey { .. }
            | Self::RegistrySecret { .. }
            | Self::Repository(_)
            | Self::RegistryNotAllowed(_)
            | Self::NoBroker
            | Self::Malformed(_) => false,
        }
    }

    /// For conditions and decisions.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Api(_) if !self.is_transient() => Reason::ApiServerRefused,
            Self::Api(_) | Self::NotLeading | Self::Blind(_) => Reason::ApiServer,
            Self::TooLong(_) => Reason::TooLong,
            Self::Broker(error) | Self::ParkUnsure { source: error, .. } if error.is_transient() => {
                Reason::BrokerUnreachable
            }
            Self::Broker(BrokerError::LeftFenced { .. }) => Reason::LeftFenced,
            Self::Broker(BrokerError::NotAllowed { .. }) => Reason::BrokerNotAllowed,
            Self::Broker(_) | Self::ParkUnsure { .. } => Reason::BrokerRefused,
            Self::Agent { problem, .. } => problem.reason,
            Self::AgentUnreachable { .. } => Reason::AgentUnreachable,
            Self::Secret { .. } | Self::SecretKey { .. } | Self::NoBroker => Reason::BrokerSecret,
            Self::RegistrySecret { .. } => Reason::RegistrySecret,
            Self::Repository(_) => Reason::RegistryRepository,
            Self::RegistryNotAllowed(_) => Reason::RegistryNotAllowed,
            Self::RuleNotInForce => Reason::RuleNotInForce,
            Self::Malformed(_) => Reason::Malformed,
        }
    }

    /// What the effect that failed has brought to light nevertheless.
    pub fn learned(&self) -> Option<Outcome> {
        if let Self::ParkUnsure { witness, .. } = self {
            Some(Outcome::ParkUnsure((**witness).clone()))
        } else {
            None
        }
    }

    /// Whether somebody else changed the object since it was read.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Api(kube::Error::Api(status)) if status.code == 409)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_is_not_there_is_to_be_created_and_one_that_may_not_be_read_is_to_be_allowed() {
        for (trouble, way) in [
            (
                SecretTrouble::Absent,
                "kubectl create secret generic -n shop broker ",
            ),
            (
                SecretTrouble::Forbidden,
                "kubectl shadow allow -n shop --secret broker",
            ),
        ] {
            let way_out = trouble.way_out("shop", "broker");
            assert!(way_out.contains(way), "{way_out}");
        }
    }
}
