//! Restore: the copy runs and waits where the dumped instance waited.
//!
//! Success: the copy was restored and all instances that live are on the hold queue, so the copy is alive and
//! connected; nobody consumes the primary queue.
//! Failure: the copy is removed and the instance is released. On the route on which the source has gone already, the
//! restore is tried again from the same archive; then a person is asked, and the archive is kept until they decide.

use k8s_openapi::jiff::SignedDuration;

use crate::api::Step;
use crate::doubt::Doubt;
use crate::machine::observed::{Exit, KeySeen, PodSeen, QueueSeen};
use crate::machine::steps::{
    after, blind, by_image, fenced, guard, last_look, made_anew, overdue, rollout, single_active, unrestored,
    wait,
};
use crate::machine::{Action, Cause, Change, Decision, Next, Route, Scene, limits, stall};
use crate::reason::Reason;
use crate::wire::Claim;

/// Decides.
pub fn next(scene: &Scene<'_>) -> Decision {
    if let Some(decision) = by_image::restore(scene) {
        return decision;
    }
    if scene.route == Route::InPlace
        && let Some(decision) = rollout::over(scene)
    {
        return decision;
    }
    if let KeySeen::Known {
        claim: Claim::Failed { reason, .. },
        ..
    } = &scene.seen.key
    {
        return failed(scene, reason);
    }
    if let Some(decision) = unrestored::next(scene) {
        return decision;
    }
    if let Some(cause) = copy_is_lost(scene).or_else(|| contradicted(scene)) {
        return Decision::RollBack(cause);
    }
    if let Some(decision) = not_there(scene) {
        return decision;
    }
    match restored(scene) {
        Some((uid, micros)) if copy_is_connected(scene) => Decision::Advance(onwards(scene, uid, micros)),
        Some(_) | None if overdue(scene, limit(scene)) && scene.leg.committed.is_none() => {
            Decision::RollBack(Cause::new(
                Reason::RestoreTimeout,
                format!("after {} s: {}", limit(scene).as_secs(), progress(scene)),
            ))
        }
        Some(_) | None => wait(
            scene,
            format!("{}{}", progress(scene), unrestored::way_out(scene)),
        ),
    }
}

/// The source has gone, and the pod that takes up its memory does not come, or no node takes it. `None`: it is there.
fn not_there(scene: &Scene<'_>) -> Option<Decision> {
    if scene.route != Route::InPlace || scene.leg.committed.is_none() {
        return None;
    }
    match &scene.seen.to {
        PodSeen::Gone => Some(made_anew::missing(scene)),
        PodSeen::Present(view) if view.terminating && !view.ended && overdue(scene, limits::SILENCE) => {
            let ends = guard::ends(scene, &scene.leg.to);
            Some(wait(scene, format!("{ends}{}", unrestored::way_out(scene))))
        }
        PodSeen::Present(view) => made_anew::homeless(scene, view),
        PodSeen::Unseen => None,
    }
}

/// How long it may take, by the size of the archive.
pub(super) fn limit(scene: &Scene<'_>) -> SignedDuration {
    limits::connected(scene.leg.checkpoint.as_ref().map_or(0, |dumped| dumped.bytes))
}

fn onwards(scene: &Scene<'_>, uid: String, micros: u64) -> Next {
    let next = after(Step::Restore, scene)
        .note(note(scene, micros))
        .change(Change::Restored { uid, micros });
    match scene.leg.committed {
        // The commit that follows is the record.
        None => next.unrecorded(),
        // The release that follows takes the copy off the hold queue, where this step would look for it.
        Some(_) => next,
    }
}

/// Whose seconds these are: the restore's, the application's until it has connected again, the broker's until it lists it.
fn note(scene: &Scene<'_>, micros: u64) -> String {
    let restored = format!("restored in {} ms", micros / 1000);
    let seconds = |time: SignedDuration| format!("{:.1} s", time.as_secs_f64().max(0.0));
    let (Some(reconnect), Some(connected)) = (stall::reconnect(scene.leg), &scene.leg.connected) else {
        return restored;
    };
    let listed = scene.now.duration_since(connected.0);
    let listed = if single_active::applies(scene) && listed >= SignedDuration::from_millis(100) {
        format!("; the broker listed it as a consumer {} later", seconds(listed))
    } else {
        String::new()
    };
    format!(
        "{restored}; the application took {} to connect to the broker again{listed}",
        seconds(reconnect)
    )
}

/// UID of the pod whose container was restored under this key, and the time it took.
pub(in crate::machine) fn restored(scene: &Scene<'_>) -> Option<(String, u64)> {
    if by_image::applies(scene) {
        return by_image::restored(scene);
    }
    let KeySeen::Known {
        claim: Claim::Restored { pod_uid, micros },
        ..
    } = &scene.seen.key
    else {
        return None;
    };
    let expected = match &scene.leg.to.uid {
        Some(staged) => Some(staged),
        // It did not exist when the handoff was staged.
        None => match &scene.seen.to {
            PodSeen::Present(view) if view.key.as_deref() == Some(scene.leg.key.as_str()) => Some(&view.uid),
            PodSeen::Present(_) | PodSeen::Gone | PodSeen::Unseen => None,
        },
    };
    (Some(pod_uid) == expected).then(|| (pod_uid.clone(), *micros))
}

/// The copy's pod has to go or has gone: it cannot take over. After the commit there is nobody to go back to.
pub fn copy_is_lost(scene: &Scene<'_>) -> Option<Cause> {
    if scene.leg.committed.is_some() || scene.route == Route::InPlace {
        return None;
    }
    if let PodSeen::Present(view) = &scene.seen.to
        && let Some(exit) = &view.exit
        && Some(&view.uid) == scene.leg.to.uid.as_ref()
    {
        return Some(Cause::new(Reason::CopyEnded, ended_by_itself(scene, exit)));
    }
    let why = match &scene.seen.to {
        PodSeen::Gone => "it was deleted",
        PodSeen::Present(view) if Some(&view.uid) != scene.leg.to.uid.as_ref() => {
            "it was replaced by another pod"
        }
        PodSeen::Present(view) if view.terminating || view.ended => view
            .trouble
            .as_deref()
            .unwrap_or("it was deleted, or its node ended it"),
        PodSeen::Present(_) | PodSeen::Unseen => return None,
    };
    Some(Cause::new(
        Reason::TargetRejected,
        format!(
            "pod {} on {} ended before it could take over: {why}. To see why, type: kubectl get events --field-selector \
             involvedObject.name={0}",
            scene.leg.to.pod, scene.leg.to.node
        ),
    ))
}

/// What every restored process meets first: the connection that it remembers is not there any more.
fn ended_by_itself(scene: &Scene<'_>, exit: &Exit) -> String {
    let (pod, node) = (&scene.leg.to.pod, &scene.leg.to.node);
    let how = if exit.out_of_memory {
        "was ended, since it had more memory than the limit of its container allows".to_owned()
    } else if scene.leg.connected.is_some() {
        format!(
            "ended with exit code {}, after it had connected to the broker again",
            exit.code
        )
    } else {
        format!(
            "ended with exit code {}. Its connection to the broker was closed, since a connection cannot be moved. The application \
             has to connect to the broker again by itself, and not to end (docs/applications.md)",
            exit.code
        )
    };
    let words = exit
        .words
        .as_deref()
        .map(|words| format!(". It said last: {words}"));
    format!(
        "after its restore the process of pod {pod} on {node} {how}{}",
        words.unwrap_or_default()
    )
}

/// What speaks against a commit ends the pause sooner when it is known sooner.
fn contradicted(scene: &Scene<'_>) -> Option<Cause> {
    match scene.leg.committed {
        None => last_look::contradicted(scene),
        Some(_) => None,
    }
}

fn failed(scene: &Scene<'_>, reason: &str) -> Decision {
    if scene.leg.committed.is_none() {
        return Decision::RollBack(Cause::new(Reason::RestoreFailed, reason));
    }
    let (pod, node) = (&scene.leg.to.pod, &scene.leg.to.node);
    if scene.leg.restores_failed < limits::RESTORES {
        return Decision::Run(Action::RetryRestore {
            key: scene.leg.key.clone(),
            pod: pod.clone(),
        });
    }
    if scene.seen.give_memory_up {
        return Decision::Advance(Next::to(Step::Clean).doubt(Doubt::MemoryGivenUp {
            pod: pod.clone(),
            why: format!(
                "it was given up, as asked, after its restore had failed {} times ({reason})",
                scene.leg.restores_failed + 1
            ),
        }));
    }
    Decision::Stuck(Cause::new(
        Reason::RestoreFails,
        format!(
            "the source has ended, and the restore of pod {pod} on {node} failed {} times, the last time because: \
             {reason}. The archive with the memory is kept on {node}. Messages wait in the queue. To give the memory up, \
             so that the pod starts from its image, type: kubectl shadow cancel {pod} --give-memory-up (or set spec.giveMemoryUp to true)",
            scene.leg.restores_failed + 1
        ),
    ))
}

/// One consumer on the hold queue for each instance that lives: the dumped one and its copy. If the dumped one is gone, or
/// goes on elsewhere, the copy alone is left.
pub fn copy_is_connected(scene: &Scene<'_>) -> bool {
    if single_active::applies(scene) {
        // A connection that is open may be refused the login. Until the commit there is a source to go back to.
        return match scene.leg.committed {
            None => scene.seen.copy_consumes == Some(true),
            Some(_) => scene.seen.copy_connected == Some(true),
        };
    }
    scene.seen.hold.consumers().is_some_and(|n| n >= wanted(scene))
}

fn wanted(scene: &Scene<'_>) -> u64 {
    let waits = guard::changed(scene.leg, &scene.seen.from).is_none() && !fenced::is_live(scene);
    if waits { 2 } else { 1 }
}

fn progress(scene: &Scene<'_>) -> String {
    let restore = how_far(scene);
    if single_active::applies(scene) {
        return format!(
            "{restore}. The broker has to list it as a consumer of queue {}, which takes up to 5 s{}",
            scene.plan.queue.queue,
            blind(scene)
        );
    }
    let consumers = match scene.seen.hold {
        QueueSeen::Present { consumers, .. } => consumers.to_string(),
        QueueSeen::Unseen | QueueSeen::Absent => "unknown".to_owned(),
    };
    let trouble = match &scene.seen.to {
        PodSeen::Present(view) => view.trouble.as_deref().map(|t| format!("; {t}")),
        PodSeen::Unseen | PodSeen::Gone => None,
    };
    format!(
        "{restore}; consumers on the hold queue: {consumers} ({} wanted){}{}",
        wanted(scene),
        trouble.unwrap_or_default(),
        blind(scene)
    )
}

/// Tells who reads it where to look when it goes no further.
fn how_far(scene: &Scene<'_>) -> String {
    let KeySeen::Known { claim, .. } = &scene.seen.key else {
        return "the copy is being restored".to_owned();
    };
    let (pod, node) = (&scene.leg.to.pod, &scene.leg.to.node);
    match claim {
        Claim::None => format!("kubelet on {node} has not yet begun to create the container of pod {pod}"),
        Claim::Waiting { .. } => format!("the container of pod {pod} waits for the archive on {node}"),
        Claim::Taken { .. } => format!("the restore of pod {pod} runs on {node}"),
        Claim::Restored { .. } => format!(
            "pod {pod} was restored on {node}; to see what it does, read its log (kubectl \
            logs {pod})"
        ),
        Claim::Failed { reason, .. } => format!("the restore of pod {pod} failed on {node}: {reason}"),
        Claim::Aborted => format!("the restore of pod {pod} on {node} was cancelled"),
    }
}
