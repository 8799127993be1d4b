//! The installation.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::admissionregistration::v1::WebhookClientConfig;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Pod, PodSpec};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::ResourceExt;
use shadow_core::names::SYSTEM_NAMESPACE;
use shadow_deploy::crd;

use super::nodes::ails;
use crate::check::Finding;
use crate::check::codes::{
    ADMISSION, AUTHORITY, CONTROLLER, KINDS, LEASE, POLICIES, ROLES, RUNTIME_CLASS, SERVER, VERSIONS, WEBHOOK,
};
use crate::check::gather::Got;
use crate::check::gather::cluster::{self, Answer, Facts};

mod authority;
mod fields;

/// Minor versions of Kubernetes 1: the first that has all that is needed, and the one that the tests run on.
const OLDEST: u32 = 30;
const TESTED: u32 = 36;
/// A person that installs anew types this.
pub(super) const INSTALL: &str = "kubectl shadow install --registry REGISTRY";

/// The lines.
pub fn findings(facts: &Facts) -> Vec<Finding> {
    let mut found = vec![server(&facts.version)];
    if is_missing(facts) {
        found.push(
            Finding::fail(KINDS, "", "kubectl-shadow is not installed in this cluster")
                .typed("kubectl shadow check --pre"),
        );
        return found;
    }
    found.extend(kinds(facts));
    let controller = deployment(facts, cluster::CONTROLLER, &facts.controller);
    let webhook = deployment(facts, cluster::WEBHOOK, &facts.webhook);
    let works = |one: &Finding| one.grade != crate::check::Grade::Fail;
    let (controller_works, webhook_works) = (works(&controller), works(&webhook));
    found.push(controller);
    if controller_works {
        found.push(lease(&facts.lease, facts.now));
    }
    found.push(webhook);
    let authority = authority(facts);
    let is_trusted = authority.iter().all(works);
    found.extend(authority);
    if webhook_works && is_trusted {
        found.extend(facts.answer.as_ref().map(admission));
    }
    found.extend(policies(facts));
    found.extend(roles(facts));
    found.push(match &facts.runtime_class {
        Ok(true) => Finding::pass(RUNTIME_CLASS, "", "RuntimeClass shadow is there"),
        Ok(false) => Finding::fail(RUNTIME_CLASS, "", "RuntimeClass shadow is not there").typed(INSTALL),
        Err(why) => Finding::unseen(RUNTIME_CLASS, "RuntimeClass shadow", why),
    });
    found.extend(versions(facts));
    found
}

/// Nothing of it is there: one line says that, not twelve.
fn is_missing(facts: &Facts) -> bool {
    let is_absent = |kind: &Got<Option<CustomResourceDefinition>>| matches!(kind, Ok(None));
    facts.kinds.iter().all(is_absent) && matches!(facts.namespace, Ok(None))
}

/// Also before an installation.
pub(super) fn server(version: &Got<String>) -> Finding {
    let version = match version {
        Ok(version) => version,
        Err(why) => return Finding::unseen(SERVER, "", why),
    };
    let mut numbers = version
        .trim_start_matches('v')
        .split(|c: char| !c.is_ascii_digit())
        .map_while(|number| number.parse::<u32>().ok());
    match (numbers.next(), numbers.next()) {
        (Some(1), Some(TESTED)) => Finding::pass(SERVER, "", format!("it answers, Kubernetes {version}")),
        (Some(1), Some(minor)) if minor < OLDEST => Finding::fail(
            SERVER,
            "",
            format!("Kubernetes {version} is too old: 1.{OLDEST} or newer is needed"),
        )
        .typed("kubectl version"),
        (_, _) => Finding::warn(
            SERVER,
            "",
            format!("it answers, Kubernetes {version}, which was not run; 1.{TESTED} was"),
        ),
    }
}

fn kinds(facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    for (definition, kind) in crd::ALL.iter().zip(&facts.kinds) {
        let name = (definition.name)();
        match kind {
            Err(why) => found.push(Finding::unseen(KINDS, name, why)),
            Ok(None) => found.push(Finding::fail(KINDS, name, "is not there").typed(INSTALL)),
            Ok(Some(kind)) if !is_served(kind) => found.push(
                Finding::fail(KINDS, name, "is there and not served")
                    .typed(format!("kubectl describe crd {name}")),
            ),
            Ok(Some(kind)) => {
                found.push(Finding::pass(KINDS, name, "is served"));
                found.push(fields::compared(definition, name, kind));
            }
        }
    }
    found
}

fn is_served(kind: &CustomResourceDefinition) -> bool {
    let conditions = kind.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions
        .into_iter()
        .flatten()
        .any(|condition| condition.type_ == "Established" && condition.status == "True")
}

fn deployment(facts: &Facts, name: &str, found: &Got<Option<Deployment>>) -> Finding {
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

fn lease(found: &Got<Option<Lease>>, now: Timestamp) -> Finding {
    let logs = format!(
        "kubectl -n {SYSTEM_NAMESPACE} logs deployment/{}",
        cluster::CONTROLLER
    );
    let lease = match found {
        Err(why) => return Finding::unseen(LEASE, "", why),
        Ok(None) => return Finding::fail(LEASE, "", "no controller has taken it").typed(logs),
        Ok(Some(lease)) => lease.spec.clone().unwrap_or_default(),
    };
    let Some(holder) = lease.holder_identity.filter(|holder| !holder.is_empty()) else {
        return Finding::fail(LEASE, "", "no controller holds it").typed(logs);
    };
    let age = lease.renew_time.map(|time| now.duration_since(time.0));
    let seconds = i64::from(lease.lease_duration_seconds.unwrap_or(0));
    match age {
        // Two clocks are compared: a renewal is late when it is late by a whole term.
        Some(age) if age <= SignedDuration::from_secs(2 * seconds) => {
            Finding::pass(LEASE, "", format!("{holder} holds it"))
        }
        Some(age) => Finding::fail(
            LEASE,
            "",
            format!(
                "{holder} has not renewed it for {} s by the clock here; its term is {seconds} s",
                age.as_secs()
            ),
        )
        .typed(logs),
        None => Finding::fail(LEASE, "", format!("{holder} has never renewed it")).typed(logs),
    }
}

fn authority(facts: &Facts) -> Vec<Finding> {
    let of = |(kind, found): &(&'static str, Got<Option<Vec<WebhookClientConfig>>>)| match found {
        Err(why) => Finding::unseen(AUTHORITY, *kind, why),
        Ok(None) => Finding::fail(AUTHORITY, *kind, "shadow-webhook is not there").typed(INSTALL),
        Ok(Some(calls)) => authority::judged(kind, calls, facts.now),
    };
    facts.calls.iter().map(of).collect()
}

fn admission(answer: &Answer) -> Finding {
    let pods = format!("kubectl -n {SYSTEM_NAMESPACE} get pods -o wide");
    match answer {
        Answer::Judged => Finding::pass(ADMISSION, "", "it judged a migration that was only tried"),
        Answer::Unreached(said) => {
            Finding::fail(ADMISSION, "", format!("it does not answer: {said}")).typed(pods)
        }
        Answer::Refused(said) => Finding::warn(ADMISSION, "", format!("not known: {said}")),
    }
}

fn policies(facts: &Facts) -> Vec<Finding> {
    let of = |(name, there): &(String, Got<bool>)| match there {
        Ok(true) => Finding::pass(POLICIES, name, "is there and bound"),
        Ok(false) => Finding::fail(POLICIES, name, "is not there, or not bound").typed(INSTALL),
        Err(why) => Finding::unseen(POLICIES, name, why),
    };
    facts.policies.iter().map(of).collect()
}

fn roles(facts: &Facts) -> Vec<Finding> {
    let of = |(name, there): &(String, Got<bool>)| match there {
        Ok(true) => Finding::pass(ROLES, name, "is there"),
        Ok(false) => Finding::fail(ROLES, name, "is not there").typed(INSTALL),
        Err(why) => Finding::unseen(ROLES, name, why),
    };
    facts.roles.iter().map(of).collect()
}

/// The tags of what is installed. Not told where a part cannot be seen: another line says so.
fn versions(facts: &Facts) -> Option<Finding> {
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

/// What is behind the last colon of the first image.
fn tag(spec: &PodSpec) -> Option<&str> {
    let image = spec.containers.first()?.image.as_deref()?;
    image.rsplit_once(':').map(|(_, tag)| tag)
}
