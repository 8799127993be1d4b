//! What users see who may not read our logs: conditions and Events, which belong to their namespace.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Event;
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use shadow_core::api::StatefulMigration;
use shadow_core::names;

use crate::connection::Connection;
use crate::ending::Ending;
use crate::problem::Problem;
use crate::say;

/// Whether a right is missing.
pub(super) fn is_refusal(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 403)
}

/// What a user of the namespace may see in any case.
pub(super) async fn instead(
    connection: &Connection,
    migration: &StatefulMigration,
    error: kube::Error,
) -> Result<Ending, Problem> {
    if !is_refusal(&error) {
        return Err(error.into());
    }
    say::problem(&format!(
        "the logs may not be read: you need the verb list on pods and the verb get on pods/log in namespace {}. Its conditions and \
         Events follow instead",
        names::SYSTEM_NAMESPACE
    ));
    for condition in migration.status.iter().flat_map(|status| &status.conditions) {
        say::line(&format!(
            "{}  condition  {}={} {}: {}",
            condition.last_transition_time.0.strftime("%H:%M:%S"),
            condition.type_,
            condition.status,
            condition.reason,
            condition.message
        ));
    }
    let of_it = format!("involvedObject.uid={}", migration.uid().unwrap_or_default());
    let api: Api<Event> = Api::namespaced(connection.client.clone(), &connection.namespace);
    let mut events = api.list(&ListParams::default().fields(&of_it)).await?.items;
    events.sort_by_key(time_of);
    for event in &events {
        let at = time_of(event).map(|at| at.strftime("%H:%M:%S").to_string());
        say::line(&format!(
            "{}  event      {} {}",
            at.unwrap_or_else(|| "--:--:--".to_owned()),
            event.reason.as_deref().unwrap_or_default(),
            event.message.as_deref().unwrap_or_default()
        ));
    }
    Ok(Ending::Refused)
}

fn time_of(event: &Event) -> Option<Timestamp> {
    let exact = event.event_time.as_ref().map(|time| time.0);
    exact.or_else(|| event.last_timestamp.as_ref().map(|time| time.0))
}
