//! Controller and webhook: whether they are available, whether a controller leads, and whether all parts are of one version.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Pod, PodSpec};
use kube::ResourceExt;
use shadow_core::names::SYSTEM_NAMESPACE;

use super::INSTALL;
use crate::check::Finding;
use crate::check::codes::{CONTROLLER, LEASE, VERSIONS, WEBHOOK};
use crate::check::gather::Got;
use crate::check::gather::cluster::{self, Facts};
use crate::check::judge::nodes::ails;

pub(super) fn deployment(facts: &Facts, name: &str, found: &Got<Option<Deployment>>) -> Finding {
    let code = if name == cluster::CONTROLLER {
        CONTROLLER
    } else {
        WEBHOOK
    };
    let about = format!("Deployment {name}");
    let deployment = match found {
        Err(why) => return Finding::unseen(code, about, why),
        Ok(None) => return Finding::fail(code, about, "is not there").typed(INSTALL),
        Ok(Some(deployment)) => deployment,
    };
    let wanted = deployment
        .spec
        .as_ref()
        .and_then(|spec| spec.replicas)
        .unwrap_or(1);
    let status = deployment.status.as_ref();
    let available = status.and_then(|status| status.available_replicas).unwrap_or(0);
    let text = format!("{available} of {wanted} pods are available");
    if available >= wanted && wanted > 0 {
        return Finding::pass(code, about, text);
    }
    let why = ailing(facts, name)
        .map(|why| format!(". {why}"))
        .unwrap_or_default();
    let command = format!("kubectl -n {SYSTEM_NAMESPACE} describe deployment {name}");
    if available > 0 {
        Finding::warn(code, about, text + &why).typed(command)
    } else {
        Finding::fail(code, about, text + &why).typed(command)
    }
}

/// What the first pod that is not well says.
fn ailing(facts: &Facts, name: &str) -> Option<String> {
    let is_ours = |pod: &&Pod| {
        pod.labels()
            .get("app.kubernetes.io/name")
            .is_some_and(|of| of == name)
    };
    let pods = facts.pods.as_ref().ok()?;
    pods.iter().filter(is_ours).find_map(ails)
}

pub(super) fn lease(found: &Got<Option<Lease>>, now: Timestamp) -> Finding {
    let logs = format!(
        "kubectl -n {SYSTEM_NAMESPACE} logs deployment/{}",
        cluster::CONTROLLER
    );
    let lease = match found {
        Err(why) => return Finding::unseen(LEASE, "", why),
        Ok(None) => return Finding::fail(LEASE, "", "no controller has taken the Lease").typed(logs),
        Ok(Some(lease)) => lease.spec.clone().unwrap_or_default(),
    };
    let Some(holder) = lease.holder_identity.filter(|holder| !holder.is_empty()) else {
        return Finding::fail(LEASE, "", "no controller holds the Lease").typed(logs);
    };
    let age = lease.renew_time.map(|time| now.duration_since(time.0));
    let seconds = i64::from(lease.lease_duration_seconds.unwrap_or(0));
    match age {
        // Two clocks are compared: a renewal is late when it is late by a whole term.
        Some(age) if age <= SignedDuration::from_secs(2 * seconds) => {
            Finding::pass(LEASE, "", format!("{holder} holds the Lease"))
        }
        Some(age) => Finding::fail(
            LEASE,
            "",
            format!(
                "{holder} has not renewed the Lease for {} s by the clock here; its term is {seconds} s",
                age.as_secs()
            ),
        )
        .typed(logs),
        None => Finding::fail(LEASE, "", format!("{holder} has never renewed the Lease")).typed(logs),
    }
}

/// The tags of what is installed. Not told where a part cannot be seen: another line says so.
pub(super) fn versions(facts: &Facts) -> Option<Finding> {
    let controller = facts.controller.as_ref().ok()?.as_ref()?.spec.as_ref()?;
    let webhook = facts.webhook.as_ref().ok()?.as_ref()?.spec.as_ref()?;
    let agents = facts.agents.as_ref().ok()?.as_ref()?.spec.as_ref()?;
    let templates = [&controller.template, &webhook.template, &agents.template];
    let tags: Vec<&str> = templates
        .iter()
        .filter_map(|template| tag(template.spec.as_ref()?))
        .collect();
    let first = *tags.first()?;
    Some(if tags.iter().all(|tag| *tag == first) {
        Finding::pass(VERSIONS, "", format!("controller, webhook and agents: {first}"))
    } else {
        Finding::warn(
            VERSIONS,
            "",
            format!(
                "controller, webhook and agents have different tags: {}",
                tags.join(", ")
            ),
        )
        .typed(INSTALL)
    })
}

/// The tag of the first image; none of an image that is named by its digest.
fn tag(spec: &PodSpec) -> Option<&str> {
    let image = spec.containers.first()?.image.as_deref()?;
    let (_, tag) = image.rsplit_once(':')?;
    // What is behind the colon of a port is a path.
    (!image.contains('@') && !tag.contains('/')).then_some(tag)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_tag_is_neither_a_port_nor_a_digest() {
        for (image, wanted) in [
            ("registry.example/agent:v0.1.0", Some("v0.1.0")),
            ("10.0.0.1:5000/agent:dev", Some("dev")),
            ("10.0.0.1:5000/agent", None),
            ("registry.example/agent@sha256:abc", None),
            ("agent", None),
        ] {
            let spec = json!({"containers": [{"name": "agent", "image": image}]});
            let spec: PodSpec = serde_json::from_value(spec).unwrap();
            assert_eq!(tag(&spec), wanted, "{image}");
        }
    }
}
