//! Stage: everything slow is done before anything is frozen.
//!
//! Success: the target pod is scheduled, its sandbox and network exist, and the creation of its container waits
//! for the archive; where the StatefulSet is going to re-create the pod, the rule that will rewrite it is proven to be
//! in force. On the route on which the source goes first, there is no pod yet to wait for. The source has noticed
//! nothing.
//! Failure: in the first handoff the move is undone, which is cheap; in the second the shadow goes on serving
//! while we wait.

use crate::api::Step;
use crate::machine::observed::{KeySeen, PodSeen, PodView, RuleSeen};
use crate::machine::proof::Expendable;
use crate::machine::steps::{after, blind, by_image, guard, made_anew, overdue, rollout, wait};
use crate::machine::{Action, Cause, Change, Decision, Route, Scene, limits};
use crate::reason::Reason;
use crate::wire::Claim;

/// Decides.
pub fn next(scene: &Scene<'_>) -> Decision {
    if scene.seen.key == KeySeen::Unknown {
        return Decision::Run(Action::Announce {
            key: scene.leg.key.clone(),
            pod: scene.leg.to.pod.clone(),
        });
    }
    match (scene.route, scene.leg.number) {
        (Route::InPlace, _) => ruled(scene).unwrap_or_else(|| announced(scene)),
        (Route::Twice | Route::Once | Route::Adopted, 1) => first(scene),
        (Route::Twice | Route::Once | Route::Adopted, _) => second(scene),
    }
}

/// The target's agent keeps the archive for a pod that does not exist yet.
fn announced(scene: &Scene<'_>) -> Decision {
    if !known(scene) {
        return too_late_or_wait(scene, "the target node's agent does not answer");
    }
    Decision::Advance(after(Step::Stage, scene).note(format!(
        "the agent on {} expects pod {}",
        scene.leg.to.node, scene.leg.to.pod
    )))
}

fn first(scene: &Scene<'_>) -> Decision {
    match &scene.seen.to {
        PodSeen::Unseen => too_late_or_wait(scene, "the target pod cannot be seen"),
        PodSeen::Gone if known(scene) => Decision::Run(Action::CreateTarget),
        PodSeen::Gone => too_late_or_wait(scene, "the target node's agent does not answer"),
        PodSeen::Present(view) if view.key.as_deref() != Some(scene.leg.key.as_str()) => {
            Decision::RollBack(Cause::new(
                Reason::NameTaken,
                format!(
                    "pod {} exists already and does not belong to this migration. Delete it or give it another name. Then \
                     start the migration again",
                    scene.leg.to.pod
                ),
            ))
        }
        PodSeen::Present(view) => match rejected(view) {
            Some(cause) => Decision::RollBack(cause),
            None => ruled(scene).unwrap_or_else(|| claimed(scene, view)),
        },
    }
}

/// `None`: the rule that rewrites a re-created pod is in force, or there will be no such pod.
fn ruled(scene: &Scene<'_>) -> Option<Decision> {
    match (scene.route, scene.seen.rule) {
        (Route::Once | Route::Adopted, _) | (Route::Twice | Route::InPlace, RuleSeen::Proven) => None,
        (_, RuleSeen::Unseen) => Some(too_late_or_wait(scene, "the rewrite rule cannot be read")),
        (_, RuleSeen::Absent) => Some(Decision::Run(Action::InstallRule)),
        (_, RuleSeen::Unproven) if overdue(scene, limits::STAGE) => Some(Decision::RollBack(Cause::new(
            Reason::WebhookNotInForce,
            format!(
                "the webhook did not rewrite a dry-run copy of the pod within {} s{}. The pods of deployment \
                 shadow-webhook have to be ready; type: kubectl -n shadow-system get pods",
                limits::STAGE.as_secs(),
                blind(scene)
            ),
        ))),
        (_, RuleSeen::Unproven) => Some(Decision::Run(Action::ProveRule)),
    }
}

fn second(scene: &Scene<'_>) -> Decision {
    if let Some(decision) = rollout::replaces(scene) {
        return decision;
    }
    let key = scene.leg.key.as_str();
    match &scene.seen.to {
        PodSeen::Unseen => wait(scene, "the re-created pod cannot be seen"),
        PodSeen::Gone => made_anew::missing(scene),
        PodSeen::Present(view) if view.key.as_deref() == Some(key) && !view.terminating && !view.ended => {
            made_anew::homeless(scene, view).unwrap_or_else(|| claimed(scene, view))
        }
        PodSeen::Present(view) if view.terminating => wait(scene, guard::ends(scene, &scene.leg.to)),
        // A pod of an earlier attempt, one that failed, or one that escaped the rule.
        PodSeen::Present(_) => {
            match Expendable::uncommitted_copy(scene.leg, namespace(scene), &scene.seen.to) {
                Some(proof) => Decision::Run(Action::DeletePod(proof)),
                None => wait(scene, "the pod with the old name has the stream"),
            }
        }
    }
}

fn claimed(scene: &Scene<'_>, view: &PodView) -> Decision {
    if by_image::applies(scene) && view.sandboxed {
        return Decision::Advance(by_image::staged(scene, view));
    }
    match &scene.seen.key {
        KeySeen::Known {
            claim: Claim::Waiting { pod_uid },
            ..
        } if *pod_uid == view.uid => Decision::Advance(
            after(Step::Stage, scene)
                .note(format!(
                    "pod {} waits on {} for the archive",
                    scene.leg.to.pod, scene.leg.to.node
                ))
                .change(Change::Staged {
                    uid: view.uid.clone(),
                }),
        ),
        KeySeen::Known {
            claim: Claim::Failed { reason, .. },
            ..
        } => Decision::RollBack(Cause::new(Reason::RestoreFailed, reason.clone())),
        KeySeen::Unseen | KeySeen::Unknown | KeySeen::Known { .. } => {
            if let Some(cause) = no_room(scene, view).or_else(|| no_image(scene, view)) {
                return Decision::RollBack(cause);
            }
            let hint = view
                .trouble
                .as_deref()
                .map(|t| format!(": {t}"))
                .unwrap_or_default();
            too_late_or_wait(
                scene,
                &format!("pod {} is being prepared{hint}", scene.leg.to.pod),
            )
        }
    }
}

fn rejected(view: &PodView) -> Option<Cause> {
    let gone = view.terminating || view.ended;
    gone.then(|| {
        let why = view
            .trouble
            .as_deref()
            .unwrap_or("it was deleted, or the node rejected it");
        Cause::new(
            Reason::TargetRejected,
            format!(
                "the copy's pod ended before it got its memory: {why}. Look at the Events of its node, then start the migration again"
            ),
        )
    })
}

/// The first handoff gives up; the second waits for room, since the shadow serves meanwhile.
fn no_room(scene: &Scene<'_>, view: &PodView) -> Option<Cause> {
    let late = scene.leg.number == 1 && view.unschedulable && overdue(scene, limits::UNSCHEDULABLE);
    late.then(|| {
        Cause::new(
            Reason::TargetRejected,
            format!(
                "node {} has no place for pod {}: {}. Make room there, or choose another node (spec.targetNode)",
                scene.leg.to.node,
                scene.leg.to.pod,
                view.trouble
                    .as_deref()
                    .unwrap_or("the scheduler does not say why")
            ),
        )
    })
}

/// The same where its node cannot get the image. A copy that waits for its checkpoint image never came here.
fn no_image(scene: &Scene<'_>, view: &PodView) -> Option<Cause> {
    let late = scene.leg.number == 1 && view.image_missing && overdue(scene, limits::UNSCHEDULABLE);
    late.then(|| {
        let image = scene.plan.image.as_ref();
        let named = image.map_or("", |image| image.named.as_str());
        let pinned = image.and_then(|image| image.pinned.as_deref()).unwrap_or(named);
        Cause::new(
            Reason::TargetRejected,
            format!(
                "node {} cannot get image {pinned}, from which the source runs (its template names {named}): {}; push that image to \
                 its registry again, or restart the pod from the image that its template means now and move it then",
                scene.leg.to.node,
                view.trouble.as_deref().unwrap_or("kubelet does not say why")
            ),
        )
    })
}

/// The first handoff gives up; in the second there is nothing to give up to.
fn too_late_or_wait(scene: &Scene<'_>, what: &str) -> Decision {
    if scene.leg.number == 1 && overdue(scene, limits::STAGE) {
        let message = format!(
            "not ready within {} s: {what}{}. See to that, then start the migration again",
            limits::STAGE.as_secs(),
            blind(scene)
        );
        return Decision::RollBack(Cause::new(Reason::TargetNotReady, message));
    }
    wait(scene, format!("{what}{}", blind(scene)))
}

fn known(scene: &Scene<'_>) -> bool {
    match scene.seen.key {
        KeySeen::Known { .. } => true,
        KeySeen::Unseen | KeySeen::Unknown => false,
    }
}

fn namespace<'a>(scene: &Scene<'a>) -> &'a str {
    &scene.plan.source.namespace
}
