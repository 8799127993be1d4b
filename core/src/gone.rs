//! What a move needs and does not make itself: its namespace, the broker's Secret, the Role that shows it to us, its queue; and when
//! one of them is gone for good. Pure.
//!
//! Guarantee: only an absence counts that every look has shown for [`FOR_GOOD`]. A refusal (401, 403), a broker that does not answer
//! and a queue that a node which is down may have are no absence, however long they last.

use std::fmt;

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is absent at every look for so long is gone for good.
pub const FOR_GOOD: SignedDuration = SignedDuration::from_secs(300);
/// A namespace that is being deleted lets a move tidy up for so long; then its object must not keep the namespace.
pub const LEAVES: SignedDuration = SignedDuration::from_secs(20);

/// Something that a move needs, and no move makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// The namespace of its pod.
    Namespace(String),
    /// The broker's Secret.
    Secret(String),
    /// The Role by which the controller reads that Secret.
    Role(String),
    /// The primary queue.
    Queue(String),
}

impl Need {
    /// The word for it, in metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Namespace(_) => "Namespace",
            Self::Secret(_) => "Secret",
            Self::Role(_) => "Role",
            Self::Queue(_) => "Queue",
        }
    }

    /// All words.
    pub const KINDS: [&'static str; 4] = ["Namespace", "Secret", "Role", "Queue"];

    /// What to do that it is there again.
    pub fn way_back(&self) -> String {
        match self {
            Self::Namespace(name) => format!("namespace {name} cannot be had back"),
            Self::Secret(name) => format!("create Secret {name} again"),
            Self::Role(name) => match name.strip_prefix(crate::names::BROKER_ROLE) {
                Some(secret) => format!("type: kubectl shadow allow --secret {secret}"),
                None => format!("create Role {name} again"),
            },
            Self::Queue(name) => format!("declare queue {name} again"),
        }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Namespace(name) => write!(f, "namespace {name} is being deleted"),
            Self::Secret(name) => write!(f, "Secret {name} does not exist"),
            Self::Role(name) => write!(
                f,
                "Role {name} does not exist, so the controller may not read the broker's Secret"
            ),
            Self::Queue(name) => write!(
                f,
                "queue {name} does not exist, though all nodes of the broker run"
            ),
        }
    }
}

/// What one look shows of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sign {
    /// The look asked for none of them.
    NotAsked,
    /// No answer, or one from which nothing follows: 401, 403, a node of the broker that is down.
    Unclear,
    /// The broker answered; the queue was not asked for.
    Reached,
    /// All of them are there.
    There,
    /// One is not (404).
    Absent(Need),
}

/// An absence that every look has shown so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Absence {
    /// What.
    pub what: Need,
    /// The first of these looks.
    pub since: Timestamp,
}

/// What is known of the absence after one more look.
#[must_use]
pub fn follow(before: Option<Absence>, sign: Sign, now: Timestamp) -> Option<Absence> {
    match sign {
        Sign::NotAsked => before,
        Sign::Reached => before.filter(|absence| matches!(absence.what, Need::Queue(_))),
        Sign::Unclear | Sign::There => None,
        Sign::Absent(what) => match before {
            Some(absence) if absence.what == what => Some(absence),
            Some(_) | None => Some(Absence { what, since: now }),
        },
    }
}

/// What was seen of the world that a move needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorldSeen {
    /// Name of the namespace and the first look that saw it being deleted.
    pub leaving: Option<(String, Timestamp)>,
    /// What else is absent.
    pub absent: Option<Absence>,
}

/// What of it is gone for good.
pub fn for_good(world: &WorldSeen, now: Timestamp) -> Option<Need> {
    let lasts = |since: Timestamp, limit| now.duration_since(since) >= limit;
    let leaving = world.leaving.as_ref();
    if let Some((name, _)) = leaving.filter(|(_, since)| lasts(*since, LEAVES)) {
        return Some(Need::Namespace(name.clone()));
    }
    let absent = world.absent.as_ref();
    absent
        .filter(|absence| lasts(absence.since, FOR_GOOD))
        .map(|absence| absence.what.clone())
}

/// What a move left when it ended since something that it needed was gone for good.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Left {
    /// What was gone: `Namespace`, `Secret`, `Role` or `Queue`.
    pub gone: String,
    /// Queues at the broker, as far as they were made; those that could not be seen included.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub queues: Vec<String>,
    /// Exchanges there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exchanges: Vec<String>,
    /// Pods that do not read their queue, or that the move made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pods: Vec<String>,
}

impl Left {
    /// Nothing.
    pub fn is_nothing(&self) -> bool {
        self.queues.is_empty() && self.exchanges.is_empty() && self.pods.is_empty()
    }
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_nothing() {
            return f.write_str("It left nothing");
        }
        let mut between = "";
        let mut names = |f: &mut fmt::Formatter<'_>, what: &str, names: &[String]| {
            if names.is_empty() {
                return Ok(());
            }
            let written = write!(f, "{between}{what} {}", names.join(", "));
            between = "; ";
            written
        };
        f.write_str("It left ")?;
        names(f, "at the broker, as far as they were made, queues", &self.queues)?;
        names(f, "at the broker exchanges", &self.exchanges)?;
        names(f, "pods", &self.pods)?;
        if !self.queues.is_empty() {
            f.write_str(". Look whether a queue holds messages before you delete it")?;
        }
        if !self.pods.is_empty() {
            f.write_str(
                ". Such a pod may wait on a hold queue for good: delete it, and its owner starts it from its image; no message is lost by that",
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + seconds).unwrap()
    }

    fn secret() -> Need {
        Need::Secret("broker".into())
    }

    fn signs() -> impl Strategy<Value = Sign> {
        prop_oneof![
            6 => Just(Sign::Absent(secret())),
            1 => Just(Sign::Absent(Need::Queue("orders".into()))),
            1 => Just(Sign::NotAsked),
            1 => Just(Sign::Reached),
            1 => Just(Sign::Unclear),
            1 => Just(Sign::There),
        ]
    }

    fn judged(looks: &[(i64, Sign)]) -> Option<Need> {
        let (mut absent, mut now) = (None, at(0));
        for (pause, sign) in looks {
            now += SignedDuration::from_secs(*pause);
            absent = follow(absent, sign.clone(), now);
        }
        for_good(
            &WorldSeen {
                leaving: None,
                absent,
            },
            now,
        )
    }

    proptest! {
        /// Said by the definition: the last looks, of five minutes at least, all said that the same thing is not there.
        #[test]
        fn only_what_every_look_of_five_minutes_missed_is_gone_for_good(
            looks in proptest::collection::vec((1_i64..120, signs()), 1..40)
        ) {
            let mut at = 0;
            let timed: Vec<(i64, &Sign)> = looks.iter().map(|(pause, sign)| { at += pause; (at, sign) }).collect();
            let missed = |need: &Need| {
                let of_queue = matches!(need, Need::Queue(_));
                let speaks = |sign: &Sign| *sign != Sign::NotAsked && !(of_queue && *sign == Sign::Reached);
                let said = timed.iter().rev().filter(|(_, sign)| speaks(sign));
                let absent = said.take_while(|(_, sign)| **sign == Sign::Absent(need.clone()));
                absent.last().is_some_and(|(first, _)| at - first >= FOR_GOOD.as_secs())
            };
            let expected = [secret(), Need::Queue("orders".into())].into_iter().find(missed);
            prop_assert_eq!(judged(&looks), expected);
        }
    }

    #[test]
    fn a_refusal_or_a_silent_broker_is_never_gone_however_long_it_lasts() {
        let silent = vec![(60, Sign::Unclear); 100];
        assert_eq!(judged(&silent), None);
        let mut again = vec![(0, Sign::Absent(secret())), (299, Sign::Absent(secret()))];
        again.push((2, Sign::Unclear));
        again.push((0, Sign::Absent(secret())));
        assert_eq!(judged(&again), None);
        again.push((300, Sign::Absent(secret())));
        assert_eq!(judged(&again), Some(secret()));
    }

    #[test]
    fn a_namespace_that_goes_is_waited_for_for_twenty_seconds_only() {
        let world = WorldSeen {
            leaving: Some(("shop".into(), at(0))),
            absent: None,
        };
        assert_eq!(for_good(&world, at(19)), None);
        assert_eq!(for_good(&world, at(20)), Some(Need::Namespace("shop".into())));
    }

    #[test]
    fn what_is_left_is_told_by_name() {
        assert_eq!(Left::default().to_string(), "It left nothing");
        let left = Left {
            gone: "Secret".into(),
            queues: vec!["ms2m.hold.a".into(), "ms2m.control.b".into()],
            pods: vec!["orders-0".into()],
            ..Left::default()
        };
        let said = left.to_string();
        assert!(
            said.contains("queues ms2m.hold.a, ms2m.control.b; pods orders-0."),
            "{said}"
        );
        assert!(said.contains("delete it"), "{said}");
        let role = Need::Role(crate::names::broker_role("mq"));
        assert!(role.way_back().ends_with("kubectl shadow allow --secret mq"));
    }
}
