//! Plain deletions of the pods that a move made: who may not delete them, and what is told.

use kube::ResourceExt;

use super::course;
use crate::api::StatefulMigration;
use crate::names;

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
