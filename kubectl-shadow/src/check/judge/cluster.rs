//! The installation.

mod authority;
mod fields;
mod parts;

use k8s_openapi::api::admissionregistration::v1::WebhookClientConfig;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use shadow_core::api::Pause;
use shadow_core::names::SYSTEM_NAMESPACE;
use shadow_core::pause::{Paused, RESUME};
use shadow_deploy::crd;

use parts::{deployment, lease, versions};

use crate::check::codes::{ADMISSION, AUTHORITY, KINDS, PAUSE, POLICIES, ROLES, RUNTIME_CLASS, SERVER};
use crate::check::gather::cluster::{self, Answer, Facts};
use crate::check::gather::{Got, Unseen};
use crate::check::{Finding, Grade};

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
    let works = |one: &Finding| one.grade != Grade::Fail;
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
    found.push(paused(&facts.pause));
    found.sort_by_key(|one| one.code);
    found
}

/// Nothing of it is there: one line says that, not twelve. A user that may not read definitions sees what is served.
fn is_missing(facts: &Facts) -> bool {
    let is_absent = |kind: &Got<Option<CustomResourceDefinition>>| matches!(kind, Ok(None) | Err(_));
    let is_there = matches!(facts.namespace, Ok(Some(_)));
    facts.kinds.iter().all(is_absent) && matches!(&facts.served, Ok(kinds) if kinds.is_empty()) && !is_there
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
        (Some(1), Some(TESTED)) => Finding::pass(
            SERVER,
            "",
            format!("the API server answers, Kubernetes {version}"),
        ),
        (Some(1), Some(minor)) if minor < OLDEST => Finding::fail(
            SERVER,
            "",
            format!("Kubernetes {version} is too old: 1.{OLDEST} or newer is needed"),
        )
        .typed("kubectl version"),
        (_, _) => Finding::warn(
            SERVER,
            "",
            format!("the API server answers, Kubernetes {version}, which was not run; 1.{TESTED} was"),
        ),
    }
}

fn kinds(facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    for (definition, kind) in crd::ALL.iter().zip(&facts.kinds) {
        let name = (definition.name)();
        match kind {
            Err(why) => found.push(served(facts, name, why)),
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

/// Without the definition itself: whether the API server lists the kind, which it tells every user.
fn served(facts: &Facts, name: &str, why: &Unseen) -> Finding {
    let plural = name.split('.').next().unwrap_or(name);
    match &facts.served {
        Ok(kinds) if kinds.iter().any(|kind| kind == plural) => Finding::pass(KINDS, name, "is served"),
        Ok(_) => Finding::fail(KINDS, name, "is not served").typed(INSTALL),
        Err(_) => Finding::unseen(KINDS, name, why),
    }
}

fn is_served(kind: &CustomResourceDefinition) -> bool {
    let conditions = kind.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions
        .into_iter()
        .flatten()
        .any(|condition| condition.type_ == "Established" && condition.status == "True")
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
        Answer::Judged => Finding::pass(
            ADMISSION,
            "",
            "the webhook judged a migration that was only tried",
        ),
        Answer::Unreached(said) => {
            Finding::fail(ADMISSION, "", format!("the webhook does not answer: {said}")).typed(pods)
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

fn paused(pause: &Got<Option<Pause>>) -> Finding {
    match pause {
        Ok(None) => Finding::pass(PAUSE, "", "moves are not paused"),
        Ok(Some(pause)) => Finding::warn(PAUSE, "", Paused::from(pause.clone()).to_string()).typed(RESUME),
        Err(why) => Finding::unseen(PAUSE, "a pause of all moves", why),
    }
}

fn roles(facts: &Facts) -> Vec<Finding> {
    let of = |(name, there): &(String, Got<bool>)| match there {
        Ok(true) => Finding::pass(ROLES, name, "is there"),
        Ok(false) => Finding::fail(ROLES, name, "is not there").typed(INSTALL),
        Err(why) => Finding::unseen(ROLES, name, why),
    };
    facts.roles.iter().map(of).collect()
}
