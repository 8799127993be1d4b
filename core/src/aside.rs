//! Which migrations are set aside: the controller died twice while it drove the same one, and no other was common to both deaths. Pure.
//!
//! Guarantees: a death is a process that ended without a word; one that was asked to end, or lost its lease, leaves no record of one.
//! Where several migrations are common to the deaths, they are driven one at a time, so that the next death names one of them. One that
//! was set aside is driven again only when its user changes it, or the record of deaths is deleted.

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::api::StatefulMigration;
use crate::machine::Cause;
use crate::names;
use crate::reason::Reason;

/// Two deaths that are further apart have two causes.
pub const TOGETHER: SignedDuration = SignedDuration::from_secs(3_600);
/// As many are kept; the oldest go first.
pub const KEPT: usize = 64;

/// A migration as its user wrote it last: a cancel, or a deletion, makes another one of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Driven(String);

impl Driven {
    /// `None` of an object that the API server did not make.
    pub fn of(migration: &StatefulMigration) -> Option<Self> {
        let uid = migration.metadata.uid.as_ref()?;
        let generation = migration.metadata.generation.unwrap_or_default();
        Some(Self(format!("{uid}.{generation}")))
    }

    /// One that was read from a note.
    pub fn read(text: &str) -> Option<Self> {
        let (uid, generation) = text.rsplit_once('.')?;
        let lawful = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let is_one = !uid.is_empty() && uid.chars().all(lawful) && generation.parse::<i64>().is_ok();
        is_one.then(|| Self(text.to_owned()))
    }

    /// For a note: letters, digits, `-` and `.`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A controller that died, and what it drove then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Death {
    /// When the next process found its notes.
    pub at: Time,
    /// What it drove.
    pub drove: BTreeSet<Driven>,
}

/// How a migration is driven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// As any.
    Free,
    /// It may be the cause of deaths: beside no other of that kind.
    Suspect,
    /// Not at all.
    Aside,
}

/// Whether it is driven, after these deaths.
pub fn standing(deaths: &[Death], driven: &Driven) -> Standing {
    let mut standing = Standing::Free;
    let died: Vec<&Death> = deaths
        .iter()
        .filter(|death| death.drove.contains(driven))
        .collect();
    for (place, first) in died.iter().enumerate() {
        for second in died.iter().skip(place + 1) {
            if second.at.0.duration_since(first.at.0).abs() > TOGETHER {
                continue;
            }
            if first.drove.intersection(&second.drove).count() == 1 {
                return Standing::Aside;
            }
            standing = Standing::Suspect;
        }
    }
    standing
}

/// The record with one more death.
#[must_use]
pub fn with(mut deaths: Vec<Death>, death: Death) -> Vec<Death> {
    deaths.push(death);
    let over = deaths.len().saturating_sub(KEPT);
    deaths.split_off(over)
}

/// Why it is not driven, what stays as it is, and the way out.
pub fn cause(migration: &StatefulMigration) -> Cause {
    Cause::new(
        Reason::SetAside,
        format!(
            "the controller died twice while it drove this migration and no other one was common to both, so it does not drive it any \
             more. {} To see why it died, type: kubectl --namespace {} logs deployment/shadow-controller --previous. {}",
            stays(migration),
            names::SYSTEM_NAMESPACE,
            way_out(migration)
        ),
    )
}

/// Nothing is deleted.
fn stays(migration: &StatefulMigration) -> String {
    let status = migration.status.as_ref();
    let Some((plan, leg)) = status.and_then(|status| Some((status.plan.as_ref()?, status.legs.last()?)))
    else {
        return format!("Nothing was touched: pod {} goes on.", migration.spec.source_pod);
    };
    let queue = &plan.queue.queue;
    let (pod, copy) = (&leg.from.pod, &leg.to.pod);
    if leg.committed.is_some() {
        format!(
            "Nothing is deleted: pod {copy} on node {}, or its archive there, has the memory, and messages that it does not read wait in \
             queue {queue}.",
            leg.to.node
        )
    } else {
        format!(
            "Nothing is deleted: pod {pod} on node {} has the memory, and messages that it does not read wait in queue {queue} or in \
             its backlog queue.",
            leg.from.node
        )
    }
}

fn way_out(migration: &StatefulMigration) -> String {
    let name = migration.metadata.name.as_deref().unwrap_or_default();
    let namespace = migration.metadata.namespace.as_deref().unwrap_or_default();
    if migration.metadata.deletion_timestamp.is_some() {
        return format!(
            "When the cause is mended, to have it driven once more, type: kubectl --namespace {} delete configmap {}",
            names::SYSTEM_NAMESPACE,
            names::DEATHS
        );
    }
    if migration.spec.cancel {
        return format!(
            "To have it driven once more, to its end, type: kubectl --namespace {namespace} delete statefulmigration {name} --wait=false"
        );
    }
    let status = migration.status.as_ref();
    let committed = status.is_some_and(|status| status.legs.iter().any(|leg| leg.committed.is_some()));
    let then = if committed {
        "goes on to its end, since it is too late to undo it"
    } else {
        "is undone"
    };
    format!(
        "To have it driven once more, type: kubectl shadow cancel {} --namespace {namespace}; the move {then}",
        migration.spec.source_pod
    )
}

#[cfg(test)]
mod tests {
    use k8s_openapi::jiff::Timestamp;
    use serde_json::json;

    use super::*;

    fn driven(name: &str) -> Driven {
        Driven::read(&format!("{name}.1")).unwrap()
    }

    fn death(minute: i64, drove: &[&str]) -> Death {
        Death {
            at: Time(Timestamp::from_second(1_700_000_000 + 60 * minute).unwrap()),
            drove: drove.iter().map(|name| driven(name)).collect(),
        }
    }

    #[test]
    fn two_deaths_set_aside_what_alone_is_common_to_both() {
        use Standing::{Aside, Free, Suspect};
        for (deaths, a, b) in [
            (vec![], Free, Free),
            (vec![death(0, &["a"])], Free, Free),
            (vec![death(0, &["a"]), death(1, &["a"])], Aside, Free),
            (vec![death(0, &["a", "b"]), death(1, &["a", "c"])], Aside, Free),
            (
                vec![death(0, &["a", "b"]), death(1, &["a", "b"])],
                Suspect,
                Suspect,
            ),
            // Driven one at a time, the third death names it.
            (
                vec![death(0, &["a", "b"]), death(1, &["a", "b"]), death(2, &["b"])],
                Suspect,
                Aside,
            ),
            (vec![death(0, &["a"]), death(1, &["b"])], Free, Free),
            (vec![death(0, &["a"]), death(61, &["a"])], Free, Free),
        ] {
            let of = |name| standing(&deaths, &driven(name));
            assert_eq!((of("a"), of("b")), (a, b), "{deaths:?}");
        }
    }

    #[test]
    fn a_change_by_its_user_makes_another_one_of_it() {
        let deaths = vec![death(0, &["a"]), death(1, &["a"])];
        let changed = Driven::read("a.2").unwrap();
        assert_eq!(standing(&deaths, &changed), Standing::Free);
    }

    #[test]
    fn a_note_is_read_back_and_another_file_is_none() {
        assert_eq!(driven("1-f").as_str(), "1-f.1");
        for text in ["", "1-f", ".1", "1-f.", "../x.1", "a b.1"] {
            assert!(Driven::read(text).is_none(), "{text}");
        }
    }

    #[test]
    fn only_the_last_deaths_are_kept() {
        let all = (0..80).fold(Vec::new(), |all, minute| with(all, death(minute, &["a"])));
        assert_eq!((all.len(), all[0].clone()), (KEPT, death(16, &["a"])));
    }

    #[test]
    fn what_is_set_aside_says_what_stays_and_how_to_go_on() {
        let told = |spec: serde_json::Value, deleted: bool| {
            let mut migration: StatefulMigration = serde_json::from_value(json!({
                "apiVersion": "migration.ms2m.io/v1alpha1", "kind": "StatefulMigration",
                "metadata": {"name": "m", "namespace": "shop", "uid": "u", "generation": 1}, "spec": spec,
            }))
            .unwrap();
            migration.metadata.deletion_timestamp = deleted.then_some(Time(Timestamp::UNIX_EPOCH));
            cause(&migration).message
        };
        let fresh = told(json!({"sourcePod": "orders-0"}), false);
        assert!(
            fresh.contains("Nothing was touched: pod orders-0 goes on"),
            "{fresh}"
        );
        assert!(
            fresh.contains("kubectl shadow cancel orders-0 --namespace shop; the move is undone"),
            "{fresh}"
        );
        let cancelled = told(json!({"sourcePod": "orders-0", "cancel": true}), false);
        assert!(cancelled.contains("delete statefulmigration m"), "{cancelled}");
        let deleted = told(json!({"sourcePod": "orders-0", "cancel": true}), true);
        assert!(deleted.contains("delete configmap shadow-deaths"), "{deleted}");
    }
}
