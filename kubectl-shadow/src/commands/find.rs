//! Finds the migration that a person means: by its own name, or the latest one of a pod.

use kube::api::ListParams;
use kube::{Api, ResourceExt};
use shadow_core::api::StatefulMigration;

use crate::connection::Connection;
use crate::problem::Problem;

/// The migration with this name, or the latest one of the pod with this name.
pub(super) async fn migration(connection: &Connection, name: &str) -> Result<StatefulMigration, Problem> {
    let api: Api<StatefulMigration> = Api::namespaced(connection.client.clone(), &connection.namespace);
    if let Some(found) = api.get_opt(name).await? {
        return Ok(found);
    }
    let all = api.list(&ListParams::default()).await?;
    let of_pod = all
        .items
        .into_iter()
        .filter(|migration| migration.spec.source_pod == name);
    of_pod.max_by_key(ResourceExt::creation_timestamp).ok_or_else(|| {
        Problem::Refused(format!(
            "there is no migration {name}, and none of a pod {name}, in namespace {}. To list all, type: kubectl get smig -A",
            connection.namespace
        ))
    })
}
