//! A pod. What is refused, and why, is said by `shadow_core::validate`: the webhook and the controller say the same.

mod weighed;

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Pod;
use shadow_core::strategy;
use shadow_core::validate::{self, Refusal, Report};
use shadow_core::workload::controller_of;

use super::some;
use crate::check::Finding;
use crate::check::codes::{
    ALONE, CONTAINER, Code, POD, QUEUE, RIGHTS, SECRET, SECRET_ACCESS, SURPRISE, TARGET, WAYS,
};
use crate::check::gather::pod::Facts;
use weighed::Weighed;

/// Refusals that another node may not get.
const OF_A_NODE: [&str; 2] = ["spec.targetNode", "spec.restoreBackend"];
/// The nodes, as [`Facts::unseen`] names them.
pub const NODES: &str = "the nodes";

/// The lines.
pub fn findings(facts: &Facts) -> Vec<Finding> {
    let about = &facts.name;
    let mut found: Vec<Finding> = facts
        .unseen
        .iter()
        .map(|(what, why)| Finding::unseen(if *what == NODES { TARGET } else { POD }, *what, why))
        .collect();
    let Some(pod) = &facts.seen.pod else {
        if found.is_empty() {
            let report = judged(facts, &facts.seen, None);
            let refused = report.refusals.iter().filter(|one| code_of(one.field) == POD);
            let list = format!("kubectl -n {} get pods", facts.namespace);
            found.extend(refused.map(|one| Finding::fail(POD, about, &one.message).typed(&list)));
        }
        return found;
    };
    let weighed = Weighed::of(facts);
    found.extend(general(facts, pod, &weighed));
    found.extend(secret(facts));
    if !facts.unseen.iter().any(|(what, _)| *what == NODES) {
        found.push(target(facts, &weighed));
    }
    found.extend(surprises(about, &weighed));
    found.sort_by_key(|one| one.code);
    found
}

fn judged(facts: &Facts, seen: &validate::Facts, target: Option<&str>) -> Report {
    let mut spec = facts.spec();
    spec.target_node = target.map(str::to_owned);
    validate::check("", &facts.namespace, &spec, seen)
}

/// Which check a field of the spec, or an annotation, belongs to.
fn code_of(field: &str) -> Code {
    match field {
        "spec.sourcePod" => POD,
        "spec.containerName" | "annotation migration.ms2m.io/container" => CONTAINER,
        "spec.messageQueueConfig.queueName" | "annotation migration.ms2m.io/queue" => QUEUE,
        "spec.brokerSecretRef" => SECRET,
        _ => WAYS,
    }
}

/// What is refused whatever the node. Which of it comes from the user's rights, or from other migrations, is known by asking once
/// more without these.
fn general(facts: &Facts, pod: &Pod, weighed: &Weighed) -> Vec<Finding> {
    let without = |seen: validate::Facts| {
        let target = weighed.fit.first().map(String::as_str);
        judged(facts, &seen, target).refusals
    };
    let allowed = without(validate::Facts {
        requester: None,
        ..facts.seen.clone()
    });
    let alone = without(validate::Facts {
        migrations: Vec::new(),
        ..facts.seen.clone()
    });
    let mut found = Vec::new();
    for refusal in &weighed.against {
        let is_of_a_node = OF_A_NODE.contains(&refusal.field);
        let code = match (allowed.contains(refusal), alone.contains(refusal)) {
            (false, true) if !is_of_a_node => RIGHTS,
            (true, false) if !is_of_a_node => ALONE,
            (_, _) => code_of(refusal.field),
        };
        found.push(Finding::fail(code, &facts.name, &refusal.message).typed(way_out(code, facts)));
    }
    match &facts.may_ask {
        Ok(true) => {}
        Ok(false) => found.push(
            Finding::fail(RIGHTS, &facts.name, "you may not create statefulmigrations here")
                .typed(way_out(RIGHTS, facts)),
        ),
        Err(why) => found.push(Finding::unseen(RIGHTS, &facts.name, why)),
    }
    let told: BTreeSet<Code> = found.iter().map(|one| one.code).collect();
    let passed = passing(facts, pod)
        .into_iter()
        .filter(|one| !told.contains(&one.code));
    passed.chain(found.clone()).collect()
}

fn way_out(code: Code, facts: &Facts) -> String {
    let (name, namespace) = (&facts.name, &facts.namespace);
    if code == RIGHTS {
        format!("kubectl auth can-i --list -n {namespace}")
    } else if code == ALONE {
        format!("kubectl shadow status {name} -n {namespace}")
    } else if code == CONTAINER {
        format!("kubectl shadow setup pod/{name} -n {namespace} --container NAME")
    } else if code == QUEUE {
        format!("kubectl shadow setup pod/{name} -n {namespace} --queue QUEUE")
    } else if code == SECRET {
        format!("kubectl shadow setup pod/{name} -n {namespace} --broker-secret SECRET")
    } else {
        format!("kubectl -n {namespace} describe pod {name}")
    }
}

/// What each line says if nothing is wrong.
fn passing(facts: &Facts, pod: &Pod) -> Vec<Finding> {
    let pass = |code, found: String| Finding::pass(code, &facts.name, found);
    let settings = &facts.settings;
    let mut found = vec![
        pass(POD, shape(pod)),
        pass(RIGHTS, "you may move pods here".to_owned()),
        pass(ALONE, "no other migration moves it or its queue".to_owned()),
    ];
    found.extend(
        settings
            .container
            .iter()
            .map(|name| pass(CONTAINER, format!("container {name}"))),
    );
    found.extend(
        settings
            .queue
            .iter()
            .map(|queue| pass(QUEUE, format!("queue {queue}"))),
    );
    if let Ok(choice) = strategy::choose(None, pod, &facts.seen.claims) {
        found.push(pass(WAYS, format!("{:?}: {}", choice.strategy, choice.because)));
    }
    found
}

/// Owner, containers, volumes: what a person looks at first.
fn shape(pod: &Pod) -> String {
    let owner = controller_of(pod).map_or_else(
        || "no owner".to_owned(),
        |owner| format!("{} {}", owner.kind, owner.name),
    );
    let spec = pod.spec.clone().unwrap_or_default();
    let volumes: Vec<String> = spec
        .volumes
        .iter()
        .flatten()
        .filter(|volume| volume.projected.is_none())
        .map(|volume| volume.name.clone())
        .collect();
    let volumes = if volumes.is_empty() {
        "no volumes".to_owned()
    } else {
        format!("volumes {}", volumes.join(", "))
    };
    let containers: Vec<&str> = spec.containers.iter().map(|one| one.name.as_str()).collect();
    let node = spec.node_name.as_deref().unwrap_or("no node");
    format!(
        "can be moved: of {owner}, on {node}, containers {}, {volumes}",
        containers.join(", ")
    )
}

fn secret(facts: &Facts) -> Vec<Finding> {
    let (Some(name), Some(there)) = (&facts.settings.secret, &facts.secret) else {
        return Vec::new();
    };
    let namespace = &facts.namespace;
    let full = format!("{namespace}/{name}");
    let (is_missing, line) = match there {
        Ok(true) => (false, Finding::pass(SECRET, &full, "is there")),
        Ok(false) => (
            true,
            Finding::fail(SECRET, &full, "does not exist")
                .typed(format!("kubectl -n {namespace} get secrets")),
        ),
        Err(why) => (false, Finding::unseen(SECRET, &full, why)),
    };
    if is_missing {
        return vec![line];
    }
    let access = match facts.access {
        Some(Some(true)) => Finding::pass(SECRET_ACCESS, full, "the controller may read it"),
        Some(Some(false)) => Finding::fail(SECRET_ACCESS, full, "the controller may not read it")
            .typed(format!("kubectl shadow allow --secret {name} -n {namespace}")),
        Some(None) | None => Finding::warn(
            SECRET_ACCESS,
            full,
            "not known: you may not ask what the controller may read",
        ),
    };
    vec![line, access]
}

fn target(facts: &Facts, weighed: &Weighed) -> Finding {
    match weighed.fit.as_slice() {
        [] => {
            // Why, of all nodes together, in the words of the admission.
            let told = validate::aim(&facts.spec(), &facts.seen).err();
            let why = told.map_or_else(
                || "no other node fits".to_owned(),
                |refusal: Refusal| refusal.message,
            );
            Finding::fail(TARGET, &facts.name, why).typed("kubectl shadow check nodes")
        }
        fit => Finding::pass(TARGET, &facts.name, format!("can go to {}", some(fit))),
    }
}

fn surprises(about: &str, weighed: &Weighed) -> Vec<Finding> {
    let lines = weighed
        .warnings
        .iter()
        .map(|warning| Finding::warn(SURPRISE, about, warning));
    lines.collect()
}
