//! The premises of the verdict once more, asked in the background: broker and API server take tens of milliseconds for it, and the
//! pause is not to wait for them.
//!
//! Guarantee: an answer that is given to a decision was asked for at most [`FRESH`] ago, by this process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Pod;
use kube::{Api, Client};
use shadow_core::api::{HoldKind, Leg, Plan, StatefulMigration};
use shadow_core::machine::{EvidenceSeen, Look, Sight};
use shadow_core::names::{self, Key};
use shadow_core::premise::world::Held;
use tokio::time::timeout;

use super::port;
use super::queues::hold_queues;
use crate::broker::Broker;
use crate::context::Context;
use crate::error::ControllerError;
use crate::evidence::{self, Meanwhile};

/// How old an answer may be.
const FRESH: Duration = Duration::from_secs(2);
/// After which time it is asked again.
const AGAIN: Duration = Duration::from_secs(1);
/// For all questions of one look together.
const WITHIN: Duration = Duration::from_secs(8);
/// What was asked so long ago is of a handoff that is over.
const FORGOTTEN: Duration = Duration::from_secs(60);

/// Looks of all handoffs that are held.
#[derive(Default)]
pub struct Looks(Mutex<HashMap<Key, Asked>>);

/// The looks of one handoff.
struct Asked {
    /// When the last one began.
    last: Instant,
    /// Whether it is under way.
    under_way: bool,
    /// The last answer, and when it was asked for.
    answer: Option<(Instant, Result<EvidenceSeen, String>)>,
}

/// The answer, and what kept one from coming.
pub(super) async fn look(
    ctx: &Context,
    migration: &StatefulMigration,
    plan: &Plan,
    leg: &Leg,
    sight: Sight,
) -> Result<EvidenceSeen, ControllerError> {
    if !sight.has(Look::Evidence) {
        return Ok(EvidenceSeen::Unseen);
    }
    if ctx.evidence.begin(&leg.key) {
        let question = Question {
            client: ctx.client.clone(),
            broker: ctx.broker(migration, plan.queue.secret.as_deref()).await,
            queues: ours(migration, plan),
            plan: plan.clone(),
            leg: leg.clone(),
        };
        tokio::spawn(ask(Arc::clone(&ctx.evidence), question));
    }
    ctx.evidence
        .answer(&leg.key)
        .unwrap_or(Ok(EvidenceSeen::Unseen))
        .map_err(ControllerError::Blind)
}

/// Queues of ours that the source may read while its own is held: a client library may restore every consumer that its process
/// had under another name of its pod.
fn ours(migration: &StatefulMigration, plan: &Plan) -> Vec<String> {
    let status = migration.status.as_ref();
    let fence = status.and_then(|status| status.fence.as_ref());
    let mut queues = hold_queues(migration);
    queues.extend(fence.map(port::names).into_iter().flatten());
    let pods = status.into_iter().flat_map(|status| &status.legs);
    match plan.queue.hold {
        HoldKind::Park | HoldKind::Exchange => {
            queues.extend(
                pods.flat_map(|leg| [&leg.from.pod, &leg.to.pod].map(|pod| names::control_queue(pod))),
            );
        }
        HoldKind::SingleActive => {}
    }
    queues
}

struct Question {
    client: Client,
    broker: Result<Arc<Broker>, ControllerError>,
    queues: Vec<String>,
    plan: Plan,
    leg: Leg,
}

async fn ask(looks: Arc<Looks>, question: Question) {
    let key = question.leg.key.clone();
    let answer = match timeout(WITHIN, question.answer()).await {
        Ok(answer) => answer.map_err(|error| error.to_string()),
        Err(_) => Err(format!(
            "what the verdict rests on was not told within {} s",
            WITHIN.as_secs()
        )),
    };
    looks.end(&key, answer);
}

impl Question {
    async fn answer(self) -> Result<EvidenceSeen, ControllerError> {
        let broker = self.broker?;
        let (plan, leg) = (&self.plan, &self.leg);
        let api: Api<Pod> = Api::namespaced(self.client, &plan.source.namespace);
        let (source, copy) = tokio::try_join!(api.get_opt(&leg.from.pod), api.get_opt(&leg.to.pod))?;
        // That it is gone undoes the move anyway.
        let Some(source) = source else {
            return Ok(EvidenceSeen::Holds);
        };
        let meanwhile = Meanwhile {
            pod: &source,
            hold: plan.queue.hold,
            image: plan.image.as_ref(),
            planned: &plan.premises,
            held: Held {
                queues: self.queues,
                copy: copy.map(|pod| evidence::addresses(&pod)).unwrap_or_default(),
            },
        };
        let contradicted = evidence::contradicted(&broker, &plan.queue.queue, meanwhile).await?;
        Ok(contradicted.map_or(EvidenceSeen::Holds, EvidenceSeen::Contradicted))
    }
}

impl Looks {
    fn with<T>(&self, with: impl FnOnce(&mut HashMap<Key, Asked>) -> T) -> T {
        with(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether a look has to be begun now; it counts as begun.
    fn begin(&self, key: &Key) -> bool {
        self.with(|all| {
            all.retain(|_, asked| asked.last.elapsed() < FORGOTTEN);
            let now = Instant::now();
            let asked = all.entry(key.clone()).or_insert_with(|| Asked {
                last: now,
                under_way: false,
                answer: None,
            });
            let answered = asked.answer.as_ref();
            let due = answered.is_none_or(|(begun, answer)| answer.is_err() || begun.elapsed() >= AGAIN);
            // One that never ended was cut off with its task.
            let lost = asked.last.elapsed() > WITHIN * 2;
            let begins = due && (!asked.under_way || lost);
            if begins {
                (asked.last, asked.under_way) = (now, true);
            }
            begins
        })
    }

    fn end(&self, key: &Key, answer: Result<EvidenceSeen, String>) {
        self.with(|all| {
            if let Some(asked) = all.get_mut(key) {
                asked.under_way = false;
                asked.answer = Some((asked.last, answer));
            }
        });
    }

    /// The last answer, if it is fresh.
    fn answer(&self, key: &Key) -> Option<Result<EvidenceSeen, String>> {
        self.with(|all| {
            let (begun, answer) = all.get(key)?.answer.as_ref()?;
            (begun.elapsed() <= FRESH).then(|| answer.clone())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Key {
        Key::parse("k-1-0").unwrap()
    }

    #[test]
    fn one_look_is_under_way_and_its_answer_is_given_until_the_next() {
        let looks = Looks::default();
        assert!(looks.begin(&key()));
        assert!(!looks.begin(&key()), "one is under way");
        assert_eq!(looks.answer(&key()), None);
        looks.end(&key(), Ok(EvidenceSeen::Holds));
        assert!(!looks.begin(&key()), "the answer is of this moment");
        assert_eq!(looks.answer(&key()), Some(Ok(EvidenceSeen::Holds)));
        let another = Key::parse("k-2-0").unwrap();
        assert_eq!(looks.answer(&another), None);
        assert!(looks.begin(&another));
    }

    #[test]
    fn a_look_that_failed_is_begun_again() {
        let looks = Looks::default();
        assert!(looks.begin(&key()));
        looks.end(&key(), Err("the broker does not answer".to_owned()));
        assert_eq!(
            looks.answer(&key()),
            Some(Err("the broker does not answer".to_owned()))
        );
        assert!(looks.begin(&key()));
    }

    #[test]
    fn an_old_answer_is_none() {
        let looks = Looks::default();
        assert!(looks.begin(&key()));
        looks.end(&key(), Ok(EvidenceSeen::Holds));
        looks.with(|all| {
            let asked = all.get_mut(&key()).unwrap();
            asked.answer.as_mut().unwrap().0 -= FRESH + Duration::from_millis(1);
        });
        assert_eq!(looks.answer(&key()), None);
        assert!(looks.begin(&key()));
    }
}
