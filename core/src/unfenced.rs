//! Why new messages cannot be kept away from a queue: no port can be put before it. As data, with the words in this file alone.
//!
//! Needed by `handoff: Live`, which is refused then, and by an application that reads control messages only when it has
//! nothing else to do, which cannot be helped then. Each user hears the reason with their own way out beside it.

use std::fmt;

use schemars::{Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::names;

/// What is in the way; in the status with the name of the variant as `why`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all_fields = "camelCase")]
pub enum Unfenced {
    /// Bindings cannot be read.
    NoManagement,
    /// Only classic queues tell what is unacknowledged now, and take returned messages at their head.
    NotClassic,
    /// Names of ours are made of the queue's.
    NameTooLong,
    /// It drops or refuses messages that wait.
    LengthLimited(Setting),
    /// What is urgent in the backlog would wait for what is not in the queue.
    Prioritised(Setting),
    /// Publishers use the default exchange, which goes past a port.
    NotBound,
    /// An exchange that feeds the queue cannot be looked at.
    ExchangeUnseen {
        /// Its name.
        exchange: String,
    },
    /// An exchange shares messages out among its bindings.
    ExchangeShares {
        /// Its name.
        exchange: String,
        /// Its type.
        kind: String,
    },
    /// A binding has arguments that cannot be copied.
    BindingArguments {
        /// Its exchange.
        exchange: String,
    },
    /// An exchange of another program has the name of ours.
    NameTaken {
        /// Its name.
        exchange: String,
    },
    /// Policies set something else for the helper queue.
    PolicyDiffers {
        /// The policy's key.
        key: String,
        /// What it is for the queue.
        queue: String,
        /// What it is for the helper.
        helper: String,
    },
    /// A policy limits the helper queue.
    HelperLimited {
        /// The helper queue.
        helper: String,
        /// The policy's key.
        key: String,
    },
    /// The helper queue was deleted as soon as it was declared.
    HelperGone {
        /// The helper queue.
        helper: String,
    },
    /// The broker's user may not do what it takes.
    Forbidden {
        /// What is missing.
        rights: Vec<MissingRight>,
    },
    /// A reason of a newer version.
    #[serde(other)]
    Other,
}

/// A property of a queue, set by an argument or by a policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// The argument.
    pub argument: String,
    /// The key of a policy that does the same.
    pub policy: String,
}

/// Something that the broker's user may not do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingRight {
    /// The user.
    pub user: String,
    /// What was tried, as a verb.
    pub operation: String,
    /// Queue or exchange.
    pub resource: String,
    /// Virtual host.
    pub vhost: String,
}

impl fmt::Display for Unfenced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoManagement => f.write_str(
                "the bindings of the queue are read through RabbitMQ's management API, and the broker Secret has no key managementUri, such \
                 as http://USER:PASSWORD@HOST:15672",
            ),
            Self::NotClassic => f.write_str("the queue is not a classic queue"),
            Self::NameTooLong => write!(
                f,
                "the name of the queue is longer than {} bytes",
                names::LONGEST_PORTED_QUEUE
            ),
            Self::LengthLimited(Setting { argument, policy }) => write!(
                f,
                "the queue has a maximum length ({argument}, or {policy} of a policy), which drops or refuses messages that wait"
            ),
            Self::Prioritised(Setting { argument, policy }) => write!(
                f,
                "the queue has priorities ({argument}, or {policy} of a policy), which do not order messages of two queues"
            ),
            Self::NotBound => f.write_str(
                "no exchange is bound to the queue: its publishers use the default exchange, which cannot be redirected",
            ),
            Self::ExchangeUnseen { exchange } => {
                write!(f, "exchange {exchange:?} feeds the queue and cannot be looked at")
            }
            Self::ExchangeShares { exchange, kind } => write!(
                f,
                "exchange {exchange:?} feeds the queue and is of type {kind:?}, which shares messages out among its bindings"
            ),
            Self::BindingArguments { exchange } => write!(
                f,
                "a binding of exchange {exchange:?} to the queue has lists, tables or fractions as arguments, which cannot be copied"
            ),
            Self::NameTaken { exchange } => write!(
                f,
                "exchange {exchange:?} exists with other properties than a migration gives it; if no program uses it, delete it"
            ),
            Self::PolicyDiffers { key, queue, helper } => write!(
                f,
                "policies set {key} to {queue} for the queue and to {helper} for queues whose names begin with ms2m.; make both equal"
            ),
            Self::HelperLimited { helper, key } => write!(
                f,
                "a policy sets {key} for queue {helper:?}; change its pattern so that names beginning with ms2m. do not match"
            ),
            Self::HelperGone { helper } => {
                write!(f, "queue {helper:?} was deleted as soon as it was declared")
            }
            Self::Forbidden { rights } => f.write_str(&said(rights)),
            Self::Other => f.write_str("a newer version of the controller wrote down why, and this version cannot read it"),
        }
    }
}

/// One sentence for each right.
pub fn said(rights: &[MissingRight]) -> String {
    let each: Vec<String> = rights.iter().map(ToString::to_string).collect();
    each.join("; ")
}

impl fmt::Display for MissingRight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            user,
            operation,
            resource,
            vhost,
        } = self;
        write!(
            f,
            "user {user:?} may not {operation} {resource:?} in virtual host {vhost:?}"
        )
    }
}

/// For the resource: an object with a word, and what belongs to that word.
pub(crate) fn schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "properties": { "why": { "type": "string" } },
        "required": ["why"],
        "nullable": true,
        "x-kubernetes-preserve-unknown-fields": true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting() -> Setting {
        Setting {
            argument: "x-max-length".into(),
            policy: "max-length".into(),
        }
    }

    #[test]
    fn the_status_keeps_a_word_and_its_fields_and_reads_them_again() {
        let kept = serde_json::to_value(Unfenced::LengthLimited(setting())).unwrap();
        assert_eq!(
            kept,
            serde_json::json!({"why": "LengthLimited", "argument": "x-max-length", "policy": "max-length"})
        );
        assert_eq!(
            serde_json::from_value::<Unfenced>(kept).unwrap(),
            Unfenced::LengthLimited(setting())
        );
        let newer = serde_json::json!({"why": "OfNextYear", "field": 1});
        assert_eq!(
            serde_json::from_value::<Unfenced>(newer).unwrap(),
            Unfenced::Other
        );
    }
}
