//! Manifests written for the reference system: what they say has no effect here, or means something else, and so does what they
//! leave out. Each such difference is a warning.
//!
//! Who never wrote for that system gets none of these: what was left out is only compared where a field of it was given.

use super::{Facts, Report};
use crate::api::{
    IdentitySwapMode, MessageQueueConfig, MigrationStrategy, OwnerKind, RestoreBackend, StatefulMigrationSpec,
};
use crate::{names, restore_choice, strategy};

pub(super) fn check(spec: &StatefulMigrationSpec, facts: &Facts, report: &mut Report) {
    without_effect(spec, report);
    transfer(spec, facts, report);
    if is_written_for_it(spec) {
        strategy(spec, facts, report);
    }
    names_of_copies(spec, facts, report);
}

/// A field is given that only the reference system has.
fn is_written_for_it(spec: &StatefulMigrationSpec) -> bool {
    spec.replay_cutoff_seconds.is_some_and(|seconds| seconds != 0)
        || spec.replay_mode.is_some()
        || spec.identity_swap_mode.is_some()
        || spec.message_queue_config.as_ref().is_some_and(names_its_exchange)
}

fn names_its_exchange(stream: &MessageQueueConfig) -> bool {
    let given = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
    given(&stream.exchange_name) || given(&stream.routing_key)
}

fn without_effect(spec: &StatefulMigrationSpec, report: &mut Report) {
    if spec.replay_cutoff_seconds.is_some_and(|seconds| seconds != 0) {
        report
            .warn("spec.replayCutoffSeconds has no effect: nothing is cut off, every message is handed over");
    }
    if spec.replay_mode.is_some() {
        report.warn("spec.replayMode has no effect: the source waits during the move, so there is no replay");
    }
    if spec.message_queue_config.as_ref().is_some_and(names_its_exchange) {
        report.warn(
            "spec.messageQueueConfig.exchangeName and routingKey have no effect: the broker says what feeds the queue",
        );
    }
}

fn transfer(spec: &StatefulMigrationSpec, facts: &Facts, report: &mut Report) {
    if spec.transfer_mode.is_some() || restores_by_image(spec, facts) {
        return;
    }
    if spec.checkpoint_image_repository.is_some() {
        report.warn(
            "spec.transferMode is left out, so the archive goes from node to node (Direct) and spec.checkpointImageRepository has no \
             effect; the reference system takes Registry. For that, write transferMode: Registry",
        );
    } else if is_written_for_it(spec) {
        report.warn(
            "spec.transferMode is left out, so the archive goes from node to node (Direct); the reference system takes Registry. For \
             that, write transferMode: Registry and checkpointImageRepository",
        );
    }
}

/// Then a registry is used, whatever is said.
fn restores_by_image(spec: &StatefulMigrationSpec, facts: &Facts) -> bool {
    let named = |name: &String| {
        facts
            .nodes
            .iter()
            .find(|node| node.metadata.name.as_ref() == Some(name))
    };
    let chosen = spec
        .target_node
        .as_ref()
        .and_then(named)
        .and_then(|node| restore_choice::choose(spec, node).ok());
    let backend = chosen.map(|chosen| chosen.backend).or(spec.restore_backend);
    backend == Some(RestoreBackend::Image)
}

fn strategy(spec: &StatefulMigrationSpec, facts: &Facts, report: &mut Report) {
    if spec.asked_strategy().is_none() && copy_goes_first(spec, facts) {
        report.warn(
            "spec.migrationStrategy is left out, so the copy takes over before the source goes (ShadowPod); the reference system takes \
             Sequential for a StatefulSet's pod. For that, write migrationStrategy: Sequential",
        );
    }
}

/// Of a pod of a StatefulSet: the copy runs under another name for a while.
fn copy_goes_first(spec: &StatefulMigrationSpec, facts: &Facts) -> bool {
    let of_a_set = facts
        .owner
        .as_ref()
        .is_some_and(|owner| owner.kind == OwnerKind::StatefulSet);
    let chosen = facts
        .pod
        .as_ref()
        .and_then(|pod| strategy::of(spec, pod, &facts.claims).ok());
    of_a_set && chosen.is_some_and(|choice| choice.strategy == MigrationStrategy::ShadowPod)
}

fn names_of_copies(spec: &StatefulMigrationSpec, facts: &Facts, report: &mut Report) {
    let stays_there = match spec.identity_swap_mode {
        Some(IdentitySwapMode::None) => true,
        Some(IdentitySwapMode::ExchangeFence | IdentitySwapMode::Cutover | IdentitySwapMode::Cutoff) => {
            return report
                .warn("spec.identitySwapMode has no effect: a StatefulSet pod always keeps its name");
        }
        None => is_written_for_it(spec) && spec.asked_strategy() == Some(MigrationStrategy::ShadowPod),
    };
    if stays_there && (spec.identity_swap_mode.is_some() || copy_goes_first(spec, facts)) {
        let said = match spec.identity_swap_mode {
            Some(_) => "None has no effect",
            None => "is left out",
        };
        report.warn(format!(
            "spec.identitySwapMode {said}: a StatefulSet pod always keeps its name here; the reference system then leaves the copy \
             under the name {}",
            names::shadow_pod(&spec.source_pod)
        ));
    }
}
