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
            "Live and migrationStrategy Sequential exclude each other: the source ends before its copy starts; leave one of \
             them out",
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
            "transferMode Registry and restoreBackend Image need a repository, host[:port]/path, such as \
             registry.example.org/checkpoints",
        ),
        Some(Err(error)) => report.refuse(FIELD, error.to_string()),
        Some(Ok(_)) => {}
    }
    if spec.keep_checkpoint_image == Some(true) {
        report.warn(
            "spec.keepCheckpointImage leaves the memory of the process, with all secrets in it, to everyone who can read \
             the repository",
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
            "spec.messageQueueConfig.brokerUrl shows its credentials to everyone who can read this object; \
             put them into a Secret with the keys uri and managementUri and name it in spec.brokerSecretRef",
        ),
        Some(_) => report.warn(
            "spec.messageQueueConfig.brokerUrl names no user, so guest is used, as clients of RabbitMQ do; put a user into a Secret \
             with the keys uri and managementUri and name it in spec.brokerSecretRef",
        ),
    }
}
