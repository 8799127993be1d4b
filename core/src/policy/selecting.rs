//! Which policies speak of a pod, the most specific one first. Pure.
//!
//! Guarantee: a policy that cannot be read is never passed over. Whether it selects the pod may not be known, so the pod is not moved.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::jiff::SignedDuration;
use kube::ResourceExt;
use kube::core::{Selector, SelectorExt};

use super::windows::Opening;
use crate::api::plan::PolicyKind;
use crate::api::{
    Allowed, ClusterMigrationPolicy, JudgedBy, MigrationPolicy, Plan, PolicyDefaults, PolicyLimits,
    PolicyRules,
};

/// Labels of an object.
pub type Labels = BTreeMap<String, String>;

/// The policies that are in force where a pod is.
#[derive(Clone, Debug, Default)]
pub struct InForce {
    /// Those of its namespace.
    pub of_namespace: Vec<MigrationPolicy>,
    /// Those of the cluster.
    pub of_cluster: Vec<ClusterMigrationPolicy>,
    /// Labels of its namespace.
    pub namespace: Labels,
}

/// Kind and name of a policy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    /// Kind.
    pub kind: PolicyKind,
    /// Name.
    pub name: String,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.kind, self.name)
    }
}

/// A policy of which a field cannot be read: what it says of the pod is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{policy}: spec.{field} cannot be read ({reason}), so it is not known what the policy says of the pod. Correct the field, or \
     delete the policy"
)]
pub struct Unreadable {
    policy: Name,
    field: &'static str,
    reason: String,
}

/// The policies that select a pod, the most specific one first; of equal ones, by name.
#[derive(Clone, Debug, Default)]
pub struct Selected(pub(super) Vec<Chosen>);

/// A policy that selects a pod.
#[derive(Clone, Debug)]
pub(super) struct Chosen {
    pub(super) name: Name,
    pub(super) specificity: Specificity,
    /// It has a rule for moves.
    pub(super) speaks: bool,
    pub(super) allowed: Allowed,
    pub(super) targets: Option<Selector>,
    pub(super) limits: PolicyLimits,
    pub(super) max_pause: Option<SignedDuration>,
    pub(super) windows: Option<Vec<Opening>>,
    pub(super) inexact: Option<crate::api::InexactHandoff>,
    pub(super) url_password: Option<crate::api::UrlPassword>,
    pub(super) defaults: PolicyDefaults,
    pub(super) priority: Option<i32>,
}

/// How closely a policy describes what it selects: one of the pod's namespace is closer than one of the cluster, then one with a
/// selector of pods, then one with a selector of namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Specificity {
    of_namespace: bool,
    by_pod: bool,
    by_namespace: bool,
}

/// What is read of a policy of either kind.
struct Written<'a> {
    name: Name,
    pod_selector: Option<&'a LabelSelector>,
    namespace_selector: Option<&'a LabelSelector>,
    rules: &'a PolicyRules,
    priority: Option<i32>,
}

impl<'a> From<&'a MigrationPolicy> for Written<'a> {
    fn from(policy: &'a MigrationPolicy) -> Self {
        Self {
            name: name(policy),
            pod_selector: policy.spec.pod_selector.as_ref(),
            namespace_selector: None,
            rules: &policy.spec.rules,
            priority: None,
        }
    }
}

impl<'a> From<&'a ClusterMigrationPolicy> for Written<'a> {
    fn from(policy: &'a ClusterMigrationPolicy) -> Self {
        Self {
            name: Name {
                kind: PolicyKind::ClusterMigrationPolicy,
                name: policy.name_any(),
            },
            pod_selector: policy.spec.pod_selector.as_ref(),
            namespace_selector: policy.spec.namespace_selector.as_ref(),
            rules: &policy.spec.rules,
            priority: policy.spec.priority,
        }
    }
}

fn name(policy: &MigrationPolicy) -> Name {
    Name {
        kind: PolicyKind::MigrationPolicy,
        name: policy.name_any(),
    }
}

/// Those of `in_force` that select a pod with these labels.
pub fn select(in_force: &InForce, pod: &Labels) -> Result<Selected, Unreadable> {
    let of_namespace = in_force.of_namespace.iter().map(Written::from);
    let written = of_namespace.chain(in_force.of_cluster.iter().map(Written::from));
    let mut chosen = Vec::new();
    for policy in written {
        if policy.selects(pod, &in_force.namespace)? {
            chosen.push(policy.read()?);
        }
    }
    chosen.sort_by(|one, other| order(one).cmp(&order(other)));
    Ok(Selected(chosen))
}

fn order(policy: &Chosen) -> (Reverse<Specificity>, &Name) {
    (Reverse(policy.specificity), &policy.name)
}

/// Whether it speaks of `pod`, of its namespace.
pub(crate) fn selects(policy: &MigrationPolicy, pod: &Pod) -> Result<bool, Unreadable> {
    Written::from(policy).selects(pod.labels(), &Labels::new())
}

impl Written<'_> {
    fn selects(&self, pod: &Labels, namespace: &Labels) -> Result<bool, Unreadable> {
        let by_namespace = self.matches("namespaceSelector", self.namespace_selector, namespace)?;
        Ok(self.matches("podSelector", self.pod_selector, pod)? && by_namespace)
    }

    fn matches(
        &self,
        field: &'static str,
        selector: Option<&LabelSelector>,
        labels: &Labels,
    ) -> Result<bool, Unreadable> {
        let selector = selector
            .map(|selector| self.selector(field, selector))
            .transpose()?;
        Ok(selector.is_none_or(|selector| selector.matches(labels)))
    }

    fn selector(&self, field: &'static str, selector: &LabelSelector) -> Result<Selector, Unreadable> {
        Selector::try_from(selector.clone()).map_err(|error| self.unreadable(field, error.to_string()))
    }

    fn unreadable(&self, field: &'static str, reason: String) -> Unreadable {
        Unreadable {
            policy: self.name.clone(),
            field,
            reason,
        }
    }

    fn read(&self) -> Result<Chosen, Unreadable> {
        let rules = self.rules;
        let allowed = rules.allowed.clone().unwrap_or_default();
        let limits = rules.limits.clone().unwrap_or_default();
        let targets = allowed.target_nodes.as_ref();
        let targets = targets.map(|selector| self.selector("allowed.targetNodes", selector));
        let max_pause = limits.max_pause.as_deref().map(|text| {
            super::pause::read(text).map_err(|reason| self.unreadable("limits.maxPause", reason))
        });
        let windows = rules.windows.as_ref().map(|windows| {
            let read: Result<Vec<_>, _> = windows.iter().map(Opening::read).collect();
            read.map_err(|reason| self.unreadable("windows", reason))
        });
        Ok(Chosen {
            name: self.name.clone(),
            specificity: self.specificity(),
            speaks: *rules != PolicyRules::default() || self.priority.is_some(),
            targets: targets.transpose()?,
            max_pause: max_pause.transpose()?,
            windows: windows.transpose()?,
            inexact: rules.inexact_handoff,
            url_password: rules.broker_url_password,
            defaults: rules.defaults.clone().unwrap_or_default(),
            priority: self.priority,
            allowed,
            limits,
        })
    }

    fn specificity(&self) -> Specificity {
        let narrows = |selector: Option<&LabelSelector>| {
            selector.is_some_and(|selector| *selector != LabelSelector::default())
        };
        Specificity {
            of_namespace: self.name.kind == PolicyKind::MigrationPolicy,
            by_pod: narrows(self.pod_selector),
            by_namespace: narrows(self.namespace_selector),
        }
    }
}

impl Selected {
    /// What is kept with the plan of a move that they allow.
    pub fn record(&self) -> Vec<JudgedBy> {
        let record = |policy: &Chosen| JudgedBy {
            kind: policy.name.kind,
            name: policy.name.name.clone(),
            target_nodes: policy.allowed.target_nodes.clone(),
        };
        self.0.iter().filter(|policy| policy.speaks).map(record).collect()
    }

    /// The nodes that were allowed to a move that is under way, whatever its policies say by now.
    pub fn kept(plan: &Plan) -> Self {
        let chosen = |kept: &JudgedBy| Chosen {
            name: Name {
                kind: kept.kind,
                name: kept.name.clone(),
            },
            specificity: Specificity {
                of_namespace: false,
                by_pod: false,
                by_namespace: false,
            },
            speaks: true,
            // It was read when the plan was made.
            targets: kept
                .target_nodes
                .clone()
                .and_then(|selector| Selector::try_from(selector).ok()),
            allowed: Allowed {
                target_nodes: kept.target_nodes.clone(),
                ..Allowed::default()
            },
            limits: PolicyLimits::default(),
            max_pause: None,
            windows: None,
            inexact: None,
            url_password: None,
            defaults: PolicyDefaults::default(),
            priority: None,
        };
        Self(plan.policies.iter().map(chosen).collect())
    }

    /// Whether none selects the pod.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those that say anything of moves, the most specific one first. Others speak of evictions only.
    pub fn speaking(&self) -> Vec<&Name> {
        let speaks = |policy: &&Chosen| policy.speaks;
        self.0.iter().filter(speaks).map(|policy| &policy.name).collect()
    }
}
