//! What is refused, what is defaulted and what is warned of, before anything is touched. Shared by the admission
//! webhook, the controller and the command line, so that each says the same in the same words.
//!
//! Guarantee: a migration that passes names a running pod that can be moved, a node that can restore it, a stream and a
//! broker, and uses nothing that this version cannot do. Every refusal names the field and the way out.

mod by_image;
pub mod mesh;
mod modes;
pub mod network;
mod placement;
mod reference;
mod selector;
mod source;
mod stream;
mod target;

pub use placement::depends_on_others;

use std::fmt;

use k8s_openapi::api::core::v1::{Node, PersistentVolume, PersistentVolumeClaim, Pod};

pub use self::target::{Aimed, Asked, Room, aim, another_node, candidates, is_cordoned, is_up, roomiest};
use crate::api::{StatefulMigration, StatefulMigrationSpec};
use crate::policy::{self, Selected};
use crate::settings;
use crate::workload::Workload;

/// Default of `spec.deadlineSeconds`.
pub const DEADLINE_SECONDS: u32 = 120;

/// What the cluster holds that a migration's spec is held against.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The pod that the spec names, if it exists.
    pub pod: Option<Pod>,
    /// What owns it, if that is something whose pods can be moved.
    pub owner: Option<Workload>,
    /// The pods of its owner, with the labels by which the owner knows them; `None` where nobody asked.
    pub siblings: Option<Vec<Pod>>,
    /// All nodes.
    pub nodes: Vec<Node>,
    /// Claims that the pod's volumes refer to, those that exist.
    pub claims: Vec<PersistentVolumeClaim>,
    /// Volumes that these claims are bound to.
    pub volumes: Vec<PersistentVolume>,
    /// Pods of the same namespace, where they matter for the place of the copy; absent where they were not looked at: at admission.
    pub pods: Option<Vec<Pod>>,
    /// Migrations in the same namespace: at admission all of them; at its own beginning those that have begun.
    pub migrations: Vec<StatefulMigration>,
    /// Policies that select the pod. A plan that was made keeps the nodes that they allowed ([`Selected::kept`]).
    pub policies: Selected,
    /// Who asks, and what they may do; absent where that was settled at admission.
    pub requester: Option<Requester>,
}

impl Facts {
    /// Node that the pod runs on.
    fn source_node(&self) -> Option<&str> {
        self.pod.as_ref()?.spec.as_ref()?.node_name.as_deref()
    }
}

/// Who asks for a migration. A move creates and deletes a pod on their behalf.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requester {
    /// User name.
    pub user: String,
    /// May create pods in the namespace.
    pub may_create_pods: bool,
    /// May delete pods in the namespace.
    pub may_delete_pods: bool,
}

/// One reason against a migration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Path of the field, such as `spec.targetNode`.
    pub field: &'static str,
    /// What is wrong and the way out.
    pub message: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

/// What there is to say about a spec.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Reasons against it; none means that it may start.
    pub refusals: Vec<Refusal>,
    /// What is accepted but may surprise.
    pub warnings: Vec<String>,
}

impl Report {
    /// Whether nothing speaks against it.
    pub fn is_ok(&self) -> bool {
        self.refusals.is_empty()
    }

    /// Whether all that speaks against it is that no node can take the pod.
    pub fn lacks_only_a_node(&self) -> bool {
        !self.is_ok() && self.refusals.iter().all(|refusal| refusal.field == target::FIELD)
    }

    /// All reasons in one line.
    pub fn reasons(&self) -> String {
        let reasons: Vec<String> = self.refusals.iter().map(Refusal::to_string).collect();
        reasons.join("; ")
    }

    fn refuse(&mut self, field: &'static str, message: impl Into<String>) {
        self.refusals.push(Refusal {
            field,
            message: message.into(),
        });
    }

    fn warn(&mut self, message: impl Into<String>) {
        self.warnings.push(message.into());
    }
}

/// Holds the spec of migration `name` in `namespace` against the cluster.
pub fn check(name: &str, namespace: &str, spec: &StatefulMigrationSpec, facts: &Facts) -> Report {
    let mut report = Report::default();
    modes::check(spec, &mut report);
    let denials = policy::judge(&facts.policies, spec);
    report.refusals.extend(denials.into_iter().map(Refusal::from));
    let aimed = aim(spec, facts);
    let spec = aimed.as_ref().map_or(spec, |aimed| &aimed.spec);
    reference::check(spec, facts, &mut report);
    source::check(name, namespace, spec, facts, &mut report);
    match &aimed {
        Ok(aimed) => {
            target::check(spec, facts, &mut report);
            by_image::check(spec, facts, &mut report);
            if let Some(because) = &aimed.because {
                report.warn(format!(
                    "spec.targetNode is left out: {because}, so the pod goes there"
                ));
            }
            if !aimed.open.is_empty() {
                report.warn(format!(
                    "spec.targetNode is left out: {} fit, and the pod goes to the one of them with the most room",
                    target::listed(&aimed.open)
                ));
            }
        }
        Err(refusal) => report.refusals.push(refusal.clone()),
    }
    if let Some(pod) = &facts.pod {
        let settings = settings::resolve(spec, pod, facts.owner.as_ref());
        stream::check(name, &settings, facts, &mut report);
    }
    report
}

/// Fills in what the user left out and what does not depend on anything that may change later. Ways of doing things stay left
/// out: the plan says what was taken, and admission can tell what its user did not say; but for the strategy, which
/// [`crate::strategy::fill_in`] writes with its reason. What was given as `""` stays so.
pub fn default_spec(spec: &mut StatefulMigrationSpec, pod: Option<&Pod>) {
    spec.deadline_seconds.get_or_insert(DEADLINE_SECONDS);
    let Some(pod) = pod else { return };
    if spec.container_name.is_none() {
        spec.container_name = settings::only_container(pod);
    }
}
