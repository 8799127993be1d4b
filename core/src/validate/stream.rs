//! The stream: which queue, and how to reach its broker.

use super::{Facts, Report};
use crate::api::StatefulMigration;
use crate::names;
use crate::settings::Settings;

/// `name` is this migration's own.
pub(super) fn check(name: &str, settings: &Settings, facts: &Facts, report: &mut Report) {
    let pod = facts.pod.as_ref().and_then(|pod| pod.metadata.name.as_deref());
    let of_other_pods = |other: &&StatefulMigration| Some(other.spec.source_pod.as_str()) != pod;
    let mut others = facts.migrations.iter().filter(of_other_pods);
    if let Some(other) = others.find(|other| takes(other, name, settings)) {
        report.refuse(
            settings.queue_named_by,
            format!(
                "StatefulMigration {:?} is already moving the consumer of this queue, pod {:?}. Wait for its end, or name \
                 the queue that the pod consumes",
                other.metadata.name.as_deref().unwrap_or_default(),
                other.spec.source_pod
            ),
        );
    }
    if settings.queue.is_none() {
        report.refuse(
            "spec.messageQueueConfig.queueName",
            format!(
                "no queue is named. Set this field, or annotate the pod or its owner with {}: QUEUE",
                names::QUEUE
            ),
        );
    }
    if settings.secret.is_none() && settings.broker_url.is_none() {
        report.refuse(
            "spec.brokerSecretRef",
            format!(
                "no broker is named. Set this field to a Secret in this namespace with the keys uri (amqp://…) and \
                 managementUri (http://…), or annotate the pod or its owner with {}: SECRET",
                names::BROKER_SECRET
            ),
        );
    }
}

/// Whether another migration has this queue of the same broker.
fn takes(other: &StatefulMigration, name: &str, settings: &Settings) -> bool {
    let status = other.status.as_ref().filter(|status| !status.phase.is_terminal());
    let plan = status.and_then(|status| status.plan.as_ref());
    let url = other.spec.message_queue_config.as_ref();
    let url = url.and_then(|config| config.broker_url.as_ref());
    other.metadata.name.as_deref() != Some(name)
        && plan.is_some_and(|plan| {
            let same_broker = match (&plan.queue.secret, &settings.secret) {
                (None, None) => url == settings.broker_url.as_ref(),
                (theirs, ours) => theirs == ours,
            };
            settings.queue.as_ref() == Some(&plan.queue.queue) && same_broker
        })
}
