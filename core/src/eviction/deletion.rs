//! Plain deletions of the pods that a move made: who may delete them, and what the others are told.
//!
//! Guarantee: the owner's rollout, the owner's end, the namespace's end and our controller are never held up, nor is the end of a pod
//! that was deleted before. Any other deletion is refused until it is confirmed.

use kube::ResourceExt;

use super::course;
use crate::api::StatefulMigration;
use crate::names;

/// Service accounts of `kube-system` that end pods in their own right: for the owner (a rollout, a smaller set), when the owner or the
/// namespace is gone, and when the pod's node is gone.
pub const OF_KUBERNETES: [&str; 5] = [
    "statefulset-controller",
    "replicaset-controller",
    "generic-garbage-collector",
    "namespace-controller",
    "pod-garbage-collector",
];
/// Users that do the same: all controllers in one, where they have no accounts of their own; and the scheduler, which makes room for a
/// pod of a higher priority, since no other pod is held up by a move.
pub const USERS: [&str; 2] = ["system:kube-controller-manager", "system:kube-scheduler"];
/// Kubelets: each removes the pods that have ended on its node.
pub const NODES: &str = "system:node:";

/// Whether this user ends pods of a move in its own right.
pub fn is_of_right(user: &str) -> bool {
    let account = user.strip_prefix("system:serviceaccount:kube-system:");
    user.starts_with(NODES)
        || USERS.contains(&user)
        || user == names::account_user(names::CONTROLLER_ACCOUNT)
        || account.is_some_and(|account| OF_KUBERNETES.contains(&account))
}

/// The migration under way that made this pod, a stand-in or a copy; `None`: it may be deleted. The source may be.
pub fn protected_by<'a>(
    pod: &str,
    uid: &str,
    migrations: &'a [StatefulMigration],
) -> Option<&'a StatefulMigration> {
    let is_source = |migration: &StatefulMigration| {
        let plan = migration.status.as_ref().and_then(|status| status.plan.as_ref());
        plan.is_none_or(|plan| plan.source.uid == uid)
    };
    let mut begun = migrations.iter().filter(|migration| course::has_begun(migration));
    begun.find(|migration| !is_source(migration) && course::pods(migration).any(|name| name == pod))
}

/// What is told.
pub fn told(pod: &str, namespace: &str, migration: &StatefulMigration) -> String {
    let migration = migration.name_any();
    format!(
        "pod {pod} belongs to the move of StatefulMigration {migration} and may hold the only copy of its memory. Wait for the end of \
         the move, or type: kubectl shadow cancel {migration} -n {namespace}. To delete the pod all the same, and give its memory up, \
         type: kubectl -n {namespace} annotate pod {pod} {}=yes, and delete it again",
        names::MAY_BE_DELETED
    )
}
