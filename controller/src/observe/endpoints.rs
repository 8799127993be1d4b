//! One look at the endpoints of Services.

use std::collections::BTreeSet;

use k8s_openapi::api::discovery::v1::{Endpoint, EndpointSlice};
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use shadow_core::api::Leg;
use shadow_core::machine::TrafficSeen;

use crate::context::Context;
use crate::error::ControllerError;

/// Label that names a slice's Service.
const SERVICE: &str = "kubernetes.io/service-name";

/// Reads where Services send requests that used to reach the old instance.
pub(super) async fn look(
    ctx: &Context,
    namespace: &str,
    leg: &Leg,
    needed: bool,
) -> Result<TrafficSeen, ControllerError> {
    if !needed {
        return Ok(TrafficSeen::Unseen);
    }
    let (Some(from), Some(to)) = (&leg.from.uid, &leg.to.uid) else {
        return Ok(TrafficSeen::Unseen);
    };
    let api: Api<EndpointSlice> = Api::namespaced(ctx.client.clone(), namespace);
    let slices = api.list(&ListParams::default()).await?.items;
    Ok(compare(&slices, from, to))
}

fn compare(slices: &[EndpointSlice], from: &str, to: &str) -> TrafficSeen {
    let services_with = |wanted: &dyn Fn(&Endpoint) -> bool| -> BTreeSet<String> {
        slices
            .iter()
            .filter(|slice| slice.endpoints.iter().flatten().any(wanted))
            .filter_map(|slice| slice.labels().get(SERVICE).cloned())
            .collect()
    };
    let is = |endpoint: &Endpoint, uid: &str| {
        endpoint
            .target_ref
            .as_ref()
            .and_then(|target| target.uid.as_deref())
            == Some(uid)
    };
    let ready = |endpoint: &Endpoint| {
        endpoint
            .conditions
            .as_ref()
            .and_then(|conditions| conditions.ready)
            // "Unknown" means ready, says the API.
            .unwrap_or(true)
    };
    let old = services_with(&|endpoint| is(endpoint, from));
    let new = services_with(&|endpoint| is(endpoint, to) && ready(endpoint));
    let behind: Vec<String> = old.difference(&new).cloned().collect();
    if behind.is_empty() {
        TrafficSeen::Switched
    } else {
        TrafficSeen::Behind(behind)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn slice(service: &str, endpoints: &[(&str, bool)]) -> EndpointSlice {
        let endpoints: Vec<_> = endpoints
            .iter()
            .map(|(uid, ready)| {
                json!({"addresses": ["10.0.0.1"], "conditions": {"ready": ready}, "targetRef": {"kind": "Pod", "uid": uid}})
            })
            .collect();
        serde_json::from_value(json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
            "metadata": {"name": format!("{service}-x"), "labels": {SERVICE: service}}, "endpoints": endpoints
        }))
        .unwrap()
    }

    #[test]
    fn every_service_of_the_old_pod_has_to_list_the_copy_as_ready() {
        let both = slice("orders", &[("old", false), ("new", true)]);
        let unready = slice("orders-pods", &[("old", true), ("new", false)]);
        let stranger = slice("payments", &[("other", true)]);
        let seen = |slices: &[EndpointSlice]| compare(slices, "old", "new");
        assert_eq!(seen(&[both.clone(), stranger.clone()]), TrafficSeen::Switched);
        assert_eq!(
            seen(&[both, unready]),
            TrafficSeen::Behind(vec!["orders-pods".into()])
        );
        assert_eq!(
            seen(&[slice("orders", &[("old", true)]), stranger]),
            TrafficSeen::Behind(vec!["orders".into()])
        );
    }

    #[test]
    fn the_copy_may_stand_in_another_slice_of_the_same_service() {
        let slices = [
            slice("orders", &[("old", true)]),
            slice("orders", &[("new", true)]),
        ];
        assert_eq!(compare(&slices, "old", "new"), TrafficSeen::Switched);
    }

    #[test]
    fn a_pod_without_services_is_switched() {
        assert_eq!(compare(&[], "old", "new"), TrafficSeen::Switched);
    }
}
