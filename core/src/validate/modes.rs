//! Fields that choose a way of doing things: those this version cannot do are refused, those that show a secret are answered
//! with a warning.

use super::Report;
use crate::api::{Handoff, MigrationStrategy, RestoreBackend, StatefulMigrationSpec, TransferMode};
use crate::max_pause;
use crate::repository::Repository;
use crate::wire::CheckpointBackend;

pub(super) fn check(spec: &StatefulMigrationSpec, report: &mut Report) {
    unsupported(spec, report);
    rehearsed(spec, report);
    broker_url(spec, report);
    max_pause(spec, report);
}

fn max_pause(spec: &StatefulMigrationSpec, report: &mut Report) {
    if let Some(Err(why)) = spec.max_pause.as_deref().map(max_pause::parse) {
        report.refuse("spec.maxPause", why.to_string());
    }
}

fn unsupported(spec: &StatefulMigrationSpec, report: &mut Report) {
    if spec.handoff == Some(Handoff::Live) && spec.asked_strategy() == Some(MigrationStrategy::Sequential) {
        report.refuse(
            "spec.handoff",
            "Live is not possible with spec.migrationStrategy Sequential, which ends the source before its copy starts. Leave \
             spec.handoff or spec.migrationStrategy out",
        );
    }
    if spec.transfer_mode == Some(TransferMode::Registry)
        && spec.restore_backend != Some(RestoreBackend::Image)
    {
        through_registry(spec, report);
    }
}

/// A dump that is thrown away belongs to a plan, and writes into the agent's folder only.
fn rehearsed(spec: &StatefulMigrationSpec, report: &mut Report) {
    const FIELD: &str = "spec.rehearse";
    if !spec.rehearse {
        return;
    }
    if !spec.plan_only {
        report.refuse(
            FIELD,
            "a rehearsal is a part of a plan, and this is a move, which dumps the process anyway. Set spec.planOnly to true, or leave \
             spec.rehearse out",
        );
    }
    if spec.checkpoint_backend == Some(CheckpointBackend::Kubelet) {
        report.refuse(
            FIELD,
            "kubelet writes its checkpoints to /var/lib/kubelet/checkpoints, and a rehearsal writes only to the agent's folder. Leave \
             spec.checkpointBackend or spec.rehearse out",
        );
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

fn broker_url(spec: &StatefulMigrationSpec, report: &mut Report) {
    let Some(stream) = &spec.message_queue_config else {
        return;
    };
    let secret = spec.broker_secret_ref.as_deref().filter(|name| !name.is_empty());
    match stream.broker_url.as_deref() {
        None | Some("") => {}
        Some(_) if secret.is_some() => report.warn(
            "spec.messageQueueConfig.brokerUrl has no effect: the Secret in spec.brokerSecretRef says where the broker is; take brokerUrl \
             out, it may show credentials",
        ),
        Some(url) if url.contains('@') => report.warn(
            "spec.messageQueueConfig.brokerUrl shows its credentials to each user who can read this object. Put them into \
             a Secret with the keys uri and managementUri, and name the Secret in spec.brokerSecretRef",
        ),
        Some(_) => report.refuse(
            "spec.messageQueueConfig.brokerUrl",
            "names no user, and guest is used only where it is named. Put a user into a Secret with the keys uri and managementUri, and \
             name the Secret in spec.brokerSecretRef; if guest is meant, write amqp://guest:guest@HOST",
        ),
    }
}
