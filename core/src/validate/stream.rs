//! The stream: which queue, and how to reach its broker.

use super::Report;
use crate::names;
use crate::settings::Settings;

pub(super) fn check(settings: &Settings, report: &mut Report) {
    if settings.queue.is_none() {
        report.refuse(
            "spec.messageQueueConfig.queueName",
            format!(
                "no queue is named; set it, or annotate the pod or its owner with {}: QUEUE",
                names::QUEUE
            ),
        );
    }
    if settings.secret.is_none() && settings.broker_url.is_none() {
        report.refuse(
            "spec.brokerSecretRef",
            format!(
                "no broker is named; set it to a Secret in this namespace with the keys uri (amqp://…) and \
                 managementUri (http://…), or annotate the pod or its owner with {}: SECRET",
                names::BROKER_SECRET
            ),
        );
    }
}
