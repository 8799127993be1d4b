//! Whether the pod's own rules about its place let it be on the target node.
//!
//! The scheduler obeys most of them when the copy is created, but a copy that waits for it has cost its user ten seconds, and of
//! topology spread it sees one node only, the one that the copy is confined to. Left to it: rules about pods of other namespaces,
//! other pods' rules against this one, room.

mod neighbours;
mod node;
mod spread;

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Node, Pod, PodSpec};

use super::{Facts, Report};
use crate::api::{MigrationStrategy, OwnerKind, StatefulMigrationSpec};
use crate::{restore_pod, strategy};

const FIELD: &str = "spec.targetNode";

/// What is asked about a place.
struct Place<'a> {
    /// The pod as it is now.
    pod: &'a Pod,
    /// Its spec without what an earlier migration added.
    spec: &'a PodSpec,
    labels: &'a BTreeMap<String, String>,
    target: &'a Node,
    nodes: &'a [Node],
    /// The pod is gone when its copy starts.
    goes_first: bool,
    /// Two copies of it are on the target for some seconds.
    side_by_side: bool,
    /// What else may be done.
    way_out: &'a str,
}

/// Whether other pods say where this one may be, so that they have to be known.
pub fn depends_on_others(pod: &Pod) -> bool {
    let spec = pod.spec.as_ref();
    spec.is_some_and(|spec| spread::is_asked(spec) || neighbours::is_asked(spec))
}

/// Refuses a target that the pod's rules exclude.
pub(super) fn check(
    spec: &StatefulMigrationSpec,
    facts: &Facts,
    target: &Node,
    way_out: &str,
    report: &mut Report,
) {
    placed(spec, facts, target, way_out, |place| {
        node::check(place, report);
        others(place, facts, report);
    });
}

/// The same in few words, each after the node's name.
pub(super) fn rules_against(spec: &StatefulMigrationSpec, facts: &Facts, target: &Node) -> Vec<String> {
    let mut rules = Vec::new();
    placed(spec, facts, target, "", |place| {
        rules.extend(node::rules_against(place));
        let mut report = Report::default();
        others(place, facts, &mut report);
        if !report.is_ok() {
            rules.push("is excluded by the pod's rules about other pods".to_owned());
        }
    });
    rules
}

fn others(place: &Place<'_>, facts: &Facts, report: &mut Report) {
    if let Some(pods) = &facts.pods {
        spread::check(place, pods, report);
        neighbours::check(place, pods, report);
    }
}

fn placed(
    spec: &StatefulMigrationSpec,
    facts: &Facts,
    target: &Node,
    way_out: &str,
    judge: impl FnOnce(&Place<'_>),
) {
    let Some(pod) = &facts.pod else { return };
    let own = restore_pod::own_spec(pod);
    let empty = BTreeMap::new();
    let chosen = strategy::of(spec, pod, &facts.claims);
    let strategy = chosen.map(|choice| choice.strategy);
    let goes_first = strategy == Ok(MigrationStrategy::Sequential);
    let owner = facts.owner.as_ref().map(|owner| owner.kind);
    judge(&Place {
        pod,
        spec: &own,
        labels: pod.metadata.labels.as_ref().unwrap_or(&empty),
        target,
        nodes: &facts.nodes,
        goes_first,
        side_by_side: !goes_first && owner == Some(OwnerKind::StatefulSet),
        way_out,
    });
}

impl Place<'_> {
    fn name(&self) -> &str {
        name(self.target)
    }

    /// Pods that are there when the copy is scheduled, but for the moved one.
    fn others<'p>(&self, pods: &'p [Pod]) -> impl Iterator<Item = &'p Pod> {
        let own = self.pod.metadata.uid.clone();
        pods.iter()
            .filter(move |pod| lives(pod) && pod.metadata.uid != own)
    }

    /// The node that a pod is on.
    fn node_of(&self, pod: &Pod) -> Option<&Node> {
        let wanted = pod.spec.as_ref()?.node_name.as_deref()?;
        self.nodes.iter().find(|node| name(node) == wanted)
    }
}

fn name(node: &Node) -> &str {
    node.metadata.name.as_deref().unwrap_or_default()
}

fn label<'n>(node: &'n Node, key: &str) -> Option<&'n String> {
    node.metadata.labels.as_ref()?.get(key)
}

fn labels_of(pod: &Pod) -> BTreeMap<String, String> {
    pod.metadata.labels.clone().unwrap_or_default()
}

/// The scheduler counts no pod that ends or has ended.
fn lives(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    pod.metadata.deletion_timestamp.is_none() && !matches!(phase, Some("Succeeded" | "Failed"))
}
