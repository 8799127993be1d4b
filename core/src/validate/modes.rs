//! Fields that choose a way of doing things: those this version cannot do are refused, those that have no effect
//! here are answered with a warning.

use super::Report;
use crate::api::{Handoff, MigrationStrategy, RestoreBackend, StatefulMigrationSpec, TransferMode};
use crate::repository::Repository;

pub(super) fn check(spec: &StatefulMigrationSpec, report: &mut Report) {
    unsupported(spec, report);
    without_effect(spec, report);
}

fn unsupported(spec: &StatefulMigrationSpec, report: &mut Report) {
    if spec.handoff == Some(Handoff::Live) && spec.migration_strategy == Some(MigrationStrategy::Sequential) {
        report.refuse(
            "spec.handoff",
            "Live is not possible with migrationStrategy Sequential, which ends the source before its copy starts. Leave \
             one of them out",
        );
    }
    if spec.transfer_mode == Some(TransferMode::Registry)
        && spec.restore_backend != Some(RestoreBackend::Image)
    {
        through_registry(spec, report);
    }
}

/// The registry that the archive goes through.
pub(super) fn through_registry(spec: &StatefulMigrationSpec, report: &mut Report) {
    const FIELD: &str = "spec.checkpointImageRepository";
    match spec.checkpoint_image_repository.as_deref().map(Repository::parse) {
        None => report.refuse(
            FIELD,
            "transferMode Registry and restoreBackend Image need a repository. Write host[:port]/path, such as \
             registry.example.org/checkpoints",
        ),
        Some(Err(error)) => report.refuse(FIELD, error.to_string()),
        Some(Ok(_)) => {}
    }
    if spec.keep_checkpoint_image == Some(true) {
        report.warn(
            "spec.keepCheckpointImage leaves the memory of the process, with all its secrets, in the repository, where \
             each reader of the repository can read it",
        );
    }
}

fn without_effect(spec: &StatefulMigrationSpec, report: &mut Report) {
    if spec.replay_cutoff_seconds.is_some() {
        report
            .warn("spec.replayCutoffSeconds has no effect: nothing is cut off, every message is handed over");
    }
    if spec.replay_mode.is_some() {
        report.warn("spec.replayMode has no effect: the source waits during the move, so there is no replay");
    }
    if spec.identity_swap_mode.is_some() {
        report.warn("spec.identitySwapMode has no effect: a StatefulSet pod always keeps its name");
    }
    let Some(stream) = &spec.message_queue_config else {
        return;
    };
    if stream.exchange_name.is_some() || stream.routing_key.is_some() {
        report.warn(
            "spec.messageQueueConfig.exchangeName and routingKey have no effect: the broker says what feeds the queue",
        );
    }
    match stream.broker_url.as_deref() {
        None | Some("") => {}
        Some(url) if url.contains('@') => report.warn(
            "spec.messageQueueConfig.brokerUrl shows its credentials to each user who can read this object. Put them into \
             a Secret with the keys uri and managementUri, and name the Secret in spec.brokerSecretRef",
        ),
        Some(_) => report.warn(
            "spec.messageQueueConfig.brokerUrl names no user, so guest is used, as RabbitMQ's clients do. Put a user into \
             a Secret with the keys uri and managementUri, and name the Secret in spec.brokerSecretRef",
        ),
    }
}
