//! Whether kubelet started the container of a pod again that nobody can look at any more: its events outlive it.

use k8s_openapi::api::core::v1::Event;
use k8s_openapi::jiff::Timestamp;
use kube::Api;
use kube::api::ListParams;
use shadow_core::api::{Leg, Plan};
use shadow_core::machine::PodSeen;

use crate::context::Context;
use crate::error::ControllerError;

/// `None` while the old instance is there to be looked at itself, or before the commit.
pub(super) async fn look(
    ctx: &Context,
    plan: &Plan,
    leg: &Leg,
    from: &PodSeen,
) -> Result<Option<bool>, ControllerError> {
    if leg.number > 1 {
        // A stand-in never restarts.
        return Ok(Some(false));
    }
    let there = matches!(from, PodSeen::Present(view) if Some(&view.uid) == leg.from.uid.as_ref());
    let (Some(uid), Some(committed), false) = (&leg.from.uid, &leg.committed, there) else {
        return Ok(None);
    };
    let api: Api<Event> = Api::namespaced(ctx.client.clone(), &plan.source.namespace);
    let fields = format!("involvedObject.uid={uid},reason=Started");
    let events = api.list(&ListParams::default().fields(&fields)).await?;
    Ok(Some(events.items.iter().any(|event| {
        is_of(event, &plan.container) && last(event) >= Some(committed.0.as_second())
    })))
}

fn is_of(event: &Event, container: &str) -> bool {
    event.involved_object.field_path.as_deref() == Some(format!("spec.containers{{{container}}}").as_str())
}

/// When it last happened, seconds; kubelet tells no finer.
fn last(event: &Event) -> Option<i64> {
    let series = event
        .series
        .as_ref()
        .and_then(|series| series.last_observed_time.as_ref())
        .map(|time| time.0);
    let times: [Option<Timestamp>; 3] = [
        series,
        event.event_time.as_ref().map(|time| time.0),
        event.last_timestamp.as_ref().map(|time| time.0),
    ];
    times.into_iter().flatten().map(Timestamp::as_second).max()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(path: &str, last: &str) -> Event {
        serde_json::from_value(json!({
            "metadata": {}, "reason": "Started", "lastTimestamp": last,
            "involvedObject": {"kind": "Pod", "fieldPath": path},
        }))
        .unwrap()
    }

    #[test]
    fn the_last_start_of_the_moved_container_counts() {
        let start = event("spec.containers{orders}", "2026-11-21T10:00:07Z");
        assert!(is_of(&start, "orders") && !is_of(&start, "sidecar"));
        let at = |text: &str| text.parse::<Timestamp>().unwrap().as_second();
        assert_eq!(last(&start), Some(at("2026-11-21T10:00:07Z")));
        let repeated: Event = serde_json::from_value(json!({
            "metadata": {}, "involvedObject": {}, "eventTime": "2026-11-21T10:00:07.000000Z",
            "series": {"count": 2, "lastObservedTime": "2026-11-21T10:00:09.500000Z"},
        }))
        .unwrap();
        assert_eq!(last(&repeated), Some(at("2026-11-21T10:00:09Z")));
    }
}
