//! One look at what a move needs and does not make itself: its namespace, the broker's Secret and the Role that shows it, its queue.
//! `shadow_core::gone` says what follows.
//!
//! It asks nobody as long as the broker answers and shows the queue: what a look at the queues has come to says the rest.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::rbac::v1::Role;
use k8s_openapi::jiff::Timestamp;
use kube::{Api, ResourceExt};
use shadow_core::api::{Plan, StatefulMigration};
use shadow_core::gone::{Absence, Need, Sign, WorldSeen, follow};
use shadow_core::machine::{QueueSeen, Sight};
use shadow_core::names;

use super::queues::{self, Queues};
use crate::context::Context;
use crate::error::{ControllerError, SecretTrouble};

/// What was asked beside the queues is not asked again for so long: a look comes every few milliseconds.
const FRESH: Duration = Duration::from_secs(2);

/// What earlier looks have shown, by the UID of the migration. It lives in this process alone: one that begins waits anew.
#[derive(Default)]
pub struct Worlds(Mutex<HashMap<String, Seen>>);

#[derive(Clone, Default)]
struct Seen {
    leaving: Option<Timestamp>,
    namespace_asked: Option<Instant>,
    absent: Option<Absence>,
    asked: Option<(Instant, Sign)>,
}

impl Worlds {
    /// It has ended.
    pub fn forget(&self, uid: &str) {
        self.all().remove(uid);
    }

    fn of(&self, uid: &str) -> Seen {
        self.all().get(uid).cloned().unwrap_or_default()
    }

    /// A world of which there is nothing to say costs no place.
    fn keep(&self, uid: &str, seen: Seen) {
        let is_plain = seen.absent.is_none() && seen.asked.is_none() && seen.namespace_asked.is_none();
        if is_plain {
            self.forget(uid);
        } else {
            self.all().insert(uid.to_owned(), seen);
        }
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Seen>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `queues` is what this look at the queues has come to.
pub(super) async fn look(
    ctx: &Context,
    migration: &StatefulMigration,
    plan: &Plan,
    sight: Sight,
    queues: &Result<Queues, ControllerError>,
) -> WorldSeen {
    let uid = migration.uid().unwrap_or_default();
    let mut seen = ctx.worlds.of(&uid);
    let namespace = &plan.source.namespace;
    // Whose namespace is deleted is deleted with it, so nothing is asked of others.
    if migration.metadata.deletion_timestamp.is_some() && is_due(seen.namespace_asked) {
        seen.namespace_asked = Some(Instant::now());
        if let Some(leaves) = is_leaving(ctx, namespace).await {
            seen.leaving = leaves.then(|| seen.leaving.unwrap_or_else(Timestamp::now));
        }
    }
    let sign = sign(ctx, migration, plan, sight, queues, &mut seen).await;
    seen.absent = follow(seen.absent.take(), sign, Timestamp::now());
    let world = WorldSeen {
        leaving: seen.leaving.map(|since| (namespace.clone(), since)),
        absent: seen.absent.clone(),
    };
    ctx.worlds.keep(&uid, seen);
    world
}

fn is_due(asked: Option<Instant>) -> bool {
    asked.is_none_or(|at| at.elapsed() >= FRESH)
}

/// `None`: not known.
async fn is_leaving(ctx: &Context, namespace: &str) -> Option<bool> {
    let api: Api<Namespace> = Api::all(ctx.client.clone());
    match api.get_metadata_opt(namespace).await {
        Ok(found) => Some(found.is_none_or(|namespace| namespace.metadata.deletion_timestamp.is_some())),
        Err(error) => {
            tracing::debug!(namespace, %error, "not known whether the namespace is being deleted");
            None
        }
    }
}

async fn sign(
    ctx: &Context,
    migration: &StatefulMigration,
    plan: &Plan,
    sight: Sight,
    queues: &Result<Queues, ControllerError>,
    seen: &mut Seen,
) -> Sign {
    if !queues::asks_the_broker(sight) {
        return Sign::NotAsked;
    }
    let doubtful = match queues {
        Ok(found) => match found.primary {
            QueueSeen::Present { .. } => None,
            QueueSeen::Unseen => return Sign::Reached,
            QueueSeen::Absent => Some(Doubtful::Queue),
        },
        Err(ControllerError::Secret {
            name,
            trouble: SecretTrouble::Absent,
            ..
        }) => {
            seen.asked = None;
            return Sign::Absent(Need::Secret(name.clone()));
        }
        Err(ControllerError::Secret {
            name,
            trouble: SecretTrouble::Forbidden,
            ..
        }) => Some(Doubtful::Role(name.clone())),
        Err(_) => {
            seen.asked = None;
            return Sign::Unclear;
        }
    };
    let Some(doubtful) = doubtful else {
        seen.asked = None;
        return Sign::There;
    };
    let asked = seen.asked.as_ref().filter(|(at, _)| at.elapsed() < FRESH);
    if let Some((_, sign)) = asked {
        return sign.clone();
    }
    let sign = match &doubtful {
        Doubtful::Queue => queue(ctx, migration, plan).await,
        Doubtful::Role(secret) => role(ctx, &plan.source.namespace, secret).await,
    };
    seen.asked = Some((Instant::now(), sign.clone()));
    sign
}

/// What has to be asked once more before it is called absent.
enum Doubtful {
    /// AMQP does not find the primary queue; the node that has it may be down.
    Queue,
    /// The Secret of this name may not be read.
    Role(String),
}

async fn queue(ctx: &Context, migration: &StatefulMigration, plan: &Plan) -> Sign {
    let queue = &plan.queue.queue;
    let asked = async {
        let broker = ctx.broker(migration, plan.queue.secret.as_deref()).await?;
        Ok::<_, ControllerError>(broker.is_without(queue).await?)
    };
    match asked.await {
        Ok(true) => Sign::Absent(Need::Queue(queue.clone())),
        Ok(false) => Sign::Unclear,
        Err(error) => {
            tracing::debug!(queue, %error, "not known whether the queue is gone");
            Sign::Unclear
        }
    }
}

async fn role(ctx: &Context, namespace: &str, secret: &str) -> Sign {
    let api: Api<Role> = Api::namespaced(ctx.client.clone(), namespace);
    let name = names::broker_role(secret);
    match api.get_metadata_opt(&name).await {
        Ok(None) => Sign::Absent(Need::Role(name)),
        Ok(Some(_)) => Sign::Unclear,
        Err(error) => {
            tracing::debug!(role = name, %error, "not known whether the Role is gone");
            Sign::Unclear
        }
    }
}
