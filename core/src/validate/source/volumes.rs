//! Volumes: whether what lies in them can be where the pod moves to.

use k8s_openapi::api::core::v1::{
    NodeSelectorRequirement, NodeSelectorTerm, PersistentVolume, PersistentVolumeClaim, PodSpec, Volume,
};

use super::super::selector::meets;
use super::{FIELD, Facts, Report};

pub(super) fn check(spec: &PodSpec, facts: &Facts, target: Option<&str>, report: &mut Report) {
    for volume in spec.volumes.iter().flatten() {
        check_one(volume, facts, target, report);
    }
}

fn check_one(volume: &Volume, facts: &Facts, target: Option<&str>, report: &mut Report) {
    let name = &volume.name;
    if volume.empty_dir.is_some() {
        report.warn(format!(
            "volume {name:?} is an emptyDir: its files stay behind, the moved process finds it empty"
        ));
    }
    if volume.host_path.is_some() {
        report.refuse(
            FIELD,
            format!("volume {name:?} is a hostPath, whose files stay on the node; use a volume that other nodes can mount"),
        );
    }
    if volume.ephemeral.is_some() {
        report.refuse(FIELD, format!("volume {name:?} is made for one pod and cannot be moved with it; use a claim that several nodes can mount"));
    }
    let Some(source) = &volume.persistent_volume_claim else {
        return;
    };
    let claim = source.claim_name.as_str();
    let Some(found) = find(facts, claim) else {
        return report.refuse(
            FIELD,
            format!("volume {name:?} refers to claim {claim:?}, which cannot be found. Create the claim, or correct its name in the pod's template"),
        );
    };
    if let Some(why) = persistent(facts, found).and_then(|volume| confined(volume, facts, target)) {
        report.refuse(
            FIELD,
            format!("volume {name:?} (claim {claim:?}) {why}; use a volume that other nodes can mount"),
        );
    }
}

/// Name of a volume of the pod that is mounted on some nodes, and not on this one. What no other node mounts is told of the pod.
pub(in crate::validate) fn unmountable(spec: &PodSpec, facts: &Facts, node: &str) -> Option<String> {
    let elsewhere = |volume: &&Volume| {
        let claim = volume.persistent_volume_claim.as_ref();
        claim
            .and_then(|source| find(facts, &source.claim_name))
            .and_then(|claim| persistent(facts, claim))
            .is_some_and(|volume| {
                confined(volume, facts, None).is_none() && confined(volume, facts, Some(node)).is_some()
            })
    };
    let mut volumes = spec.volumes.iter().flatten();
    volumes.find(elsewhere).map(|volume| volume.name.clone())
}

fn find<'a>(facts: &'a Facts, claim: &str) -> Option<&'a PersistentVolumeClaim> {
    let named = |c: &&PersistentVolumeClaim| c.metadata.name.as_deref() == Some(claim);
    facts.claims.iter().find(named)
}

/// The volume that a claim is bound to.
fn persistent<'a>(facts: &'a Facts, claim: &PersistentVolumeClaim) -> Option<&'a PersistentVolume> {
    let bound = claim.spec.as_ref()?.volume_name.as_ref()?;
    let named = |volume: &&PersistentVolume| volume.metadata.name.as_ref() == Some(bound);
    facts.volumes.iter().find(named)
}

/// Why the target node cannot mount it.
fn confined(volume: &PersistentVolume, facts: &Facts, target: Option<&str>) -> Option<String> {
    let spec = volume.spec.as_ref()?;
    if spec.local.is_some() || spec.host_path.is_some() {
        return Some("lies on its node's own disk".to_owned());
    }
    let terms = &spec
        .node_affinity
        .as_ref()?
        .required
        .as_ref()?
        .node_selector_terms;
    let target = target?;
    let node = facts
        .nodes
        .iter()
        .find(|node| node.metadata.name.as_deref() == Some(target))?;
    let value = |requirement: &NodeSelectorRequirement| {
        node.metadata
            .labels
            .as_ref()
            .and_then(|labels| labels.get(&requirement.key))
    };
    let admits = |term: &NodeSelectorTerm| {
        term.match_expressions.iter().flatten().all(|requirement| {
            // Of other operators (Gt, Lt) the scheduler is the judge.
            meets(
                &requirement.operator,
                requirement.values.as_ref(),
                value(requirement),
            )
            .unwrap_or(true)
        })
    };
    (!terms.iter().any(admits))
        .then(|| format!("cannot be mounted on node {target:?}, says its node affinity"))
}
