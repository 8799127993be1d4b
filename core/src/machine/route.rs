//! Which handoffs a move consists of, and which steps each handoff takes. Steps know what they achieve; this file
//! alone knows what follows them.

use crate::api::{HoldKind, MigrationStatus, MigrationStrategy, OwnerKind, Plan, Step};
use crate::names::{self, BadKey, Key};

/// The composition of a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// To a stand-in, and from it to the pod that the StatefulSet re-creates under the old name.
    Twice,
    /// To a pod that stays, and that nobody owns.
    Once,
    /// To a pod that stays: the source's ReplicaSet adopts it.
    Adopted,
    /// The source goes first, and the pod that the StatefulSet re-creates takes up its memory.
    InPlace,
}

const FIRST_OF_TWO: &[Step] = &[
    Step::Stage,
    Step::Hold,
    Step::Checkpoint,
    Step::Transfer,
    Step::Restore,
    Step::Commit,
    Step::Exclude,
    Step::Release,
    Step::Switch,
    Step::Retire,
];
/// Nobody has to be excluded: a stand-in never restarts and waits on its hold queue.
const SECOND_OF_TWO: &[Step] = &[
    Step::Stage,
    Step::Hold,
    Step::Checkpoint,
    Step::Transfer,
    Step::Restore,
    Step::Commit,
    Step::Release,
    Step::Switch,
    Step::Retire,
];
/// A ReplicaSet that counts one pod too many removes the one that is not ready yet, so the copy is ready first.
const ADOPTED: &[Step] = &[
    Step::Stage,
    Step::Hold,
    Step::Checkpoint,
    Step::Transfer,
    Step::Restore,
    Step::Commit,
    Step::Release,
    Step::Switch,
    Step::Exclude,
    Step::Retire,
];
const ADOPTED_BY_LINK: &[Step] = &[
    Step::Stage,
    Step::Hold,
    Step::Checkpoint,
    Step::Transfer,
    Step::Restore,
    Step::Commit,
    Step::Switch,
    Step::Exclude,
    Step::Retire,
    Step::Release,
];
/// The source goes on with a copy of the stream from the dump on. The primary queue is worked off before it: source and
/// copy have the same messages before them then.
const FIRST_LIVE: &[Step] = &[
    Step::Stage,
    Step::Fence,
    Step::Hold,
    Step::Checkpoint,
    Step::Follow,
    Step::Transfer,
    Step::Restore,
    Step::Commit,
    Step::Exclude,
    Step::Release,
    Step::Switch,
    Step::Retire,
];
const ADOPTED_LIVE: &[Step] = &[
    Step::Stage,
    Step::Fence,
    Step::Hold,
    Step::Checkpoint,
    Step::Follow,
    Step::Transfer,
    Step::Restore,
    Step::Commit,
    Step::Release,
    Step::Switch,
    Step::Exclude,
    Step::Retire,
];
/// Nothing but its end keeps an instance off a single-active queue: it goes before the queue is released.
const FIRST_BY_LINK: &[Step] = &[
    Step::Stage,
    Step::Hold,
    Step::Checkpoint,
    Step::Transfer,
    Step::Restore,
    Step::Commit,
    Step::Exclude,
    Step::Switch,
    Step::Retire,
    Step::Release,
];
const SECOND_BY_LINK: &[Step] = &[
    Step::Stage,
    Step::Hold,
    Step::Checkpoint,
    Step::Transfer,
    Step::Restore,
    Step::Commit,
    Step::Switch,
    Step::Retire,
    Step::Release,
];
/// The archive lies on the target before the source goes; the pod that restores it exists only afterwards.
const IN_PLACE: &[Step] = &[
    Step::Stage,
    Step::Hold,
    Step::Checkpoint,
    Step::Transfer,
    Step::Commit,
    Step::Exclude,
    Step::Retire,
    Step::Restore,
    Step::Release,
    Step::Switch,
];

impl Route {
    /// The route that a plan describes.
    pub fn of(plan: &Plan) -> Self {
        match (plan.strategy, plan.owner.as_ref().map(|owner| owner.kind)) {
            (MigrationStrategy::Sequential, _) => Self::InPlace,
            (MigrationStrategy::ShadowPod, Some(OwnerKind::StatefulSet)) => Self::Twice,
            (MigrationStrategy::ShadowPod, Some(OwnerKind::ReplicaSet)) => Self::Adopted,
            (MigrationStrategy::ShadowPod, None) => Self::Once,
        }
    }

    /// What follows `step` in handoff `leg`; nothing, when it is the handoff's last.
    pub fn after(self, hold: HoldKind, step: Step, leg: u8) -> Option<Step> {
        let steps = self.steps(hold, leg);
        let here = steps.iter().position(|one| *one == step)?;
        steps.get(here + 1).copied()
    }

    /// Whether handoff `leg` is the last one.
    pub fn ends_with(self, leg: u8) -> bool {
        leg >= self.handoffs()
    }

    /// Name of the pod that takes over in the first handoff.
    pub fn first_target(self, plan: &Plan, uid: &str) -> String {
        match (self, &plan.owner) {
            (Self::Twice, _) => names::shadow_pod(&plan.source.name),
            (Self::InPlace, _) => plan.source.name.clone(),
            (Self::Adopted, Some(owner)) => names::replica(&owner.name, uid),
            (Self::Once | Self::Adopted, _) => names::successor(&plan.source.name),
        }
    }

    /// Whether the pod that takes over in handoff `leg` is one that the StatefulSet re-creates and the webhook rewrites.
    pub fn is_recreated(self, leg: u8) -> bool {
        match self {
            Self::Twice => leg > 1,
            Self::InPlace => true,
            Self::Once | Self::Adopted => false,
        }
    }

    /// Keys under which a pod may be restored that does not exist yet and that we do not create ourselves.
    pub fn key_of_recreated(self, status: &MigrationStatus, uid: &str) -> Result<Option<Key>, BadKey> {
        let leg = self.handoffs();
        if !self.is_recreated(leg) {
            return Ok(None);
        }
        let begun = status.legs.iter().rev().find(|one| one.number == leg);
        begun
            .map_or_else(|| Key::of(uid, leg, 0), |one| Ok(one.key.clone()))
            .map(Some)
    }

    /// Whether the source goes on during handoff `leg`.
    pub fn is_live(self, hold: HoldKind, leg: u8) -> bool {
        self.steps(hold, leg).contains(&Step::Follow)
    }

    /// How many handoffs there are.
    pub fn handoffs(self) -> u8 {
        match self {
            Self::Twice => 2,
            Self::Once | Self::Adopted | Self::InPlace => 1,
        }
    }

    fn steps(self, hold: HoldKind, leg: u8) -> &'static [Step] {
        match (self, leg, hold) {
            (Self::Twice, 0 | 1, HoldKind::Park) | (Self::Once, _, HoldKind::Park) => FIRST_OF_TWO,
            (Self::Twice, 0 | 1, HoldKind::Exchange) | (Self::Once, _, HoldKind::Exchange) => FIRST_LIVE,
            // On one node: there is no transfer to go on during.
            (Self::Twice, _, HoldKind::Park | HoldKind::Exchange) => SECOND_OF_TWO,
            (Self::Twice, 0 | 1, HoldKind::SingleActive) | (Self::Once, _, HoldKind::SingleActive) => {
                FIRST_BY_LINK
            }
            (Self::Twice, _, HoldKind::SingleActive) => SECOND_BY_LINK,
            (Self::Adopted, _, HoldKind::Park) => ADOPTED,
            (Self::Adopted, _, HoldKind::Exchange) => ADOPTED_LIVE,
            (Self::Adopted, _, HoldKind::SingleActive) => ADOPTED_BY_LINK,
            (Self::InPlace, _, _) => IN_PLACE,
        }
    }
}
