//! Finds the migration that a person means: by its own name, or the latest one of a pod.

use kube::Api;
use kube::api::ListParams;
use shadow_core::api::StatefulMigration;

use crate::connection::Connection;
use crate::latest::rank;
use crate::named::{Kind, Named};
use crate::problem::Problem;

/// The migration with this name, or the latest one of the pod with this name. `smig/NAME` and `pod/NAME` say which of the two.
pub(super) async fn migration(connection: &Connection, typed: &str) -> Result<StatefulMigration, Problem> {
    let named = Named::parse(typed);
    let kind = named.among(&[Kind::Pod, Kind::Migration])?;
    let name = &named.name;
    let api: Api<StatefulMigration> = Api::namespaced(connection.client.clone(), &connection.namespace);
    if kind != Some(Kind::Pod)
        && let Some(found) = api.get_opt(name).await?
    {
        return Ok(found);
    }
    let of_pod = match kind {
        Some(Kind::Migration) => None,
        Some(Kind::Pod | Kind::StatefulSet | Kind::Deployment) | None => api
            .list(&ListParams::default())
            .await?
            .items
            .into_iter()
            .filter(|migration| migration.spec.source_pod == *name)
            .max_by_key(rank),
    };
    of_pod.ok_or_else(|| {
        let namespace = &connection.namespace;
        let none = match kind {
            Some(Kind::Migration) => format!("there is no migration {name}"),
            Some(Kind::Pod) => format!("there is no migration of a pod {name}"),
            Some(Kind::StatefulSet | Kind::Deployment) | None => {
                format!("there is no migration {name}, and none of a pod {name}")
            }
        };
        Problem::Refused(format!(
            "{none}, in namespace {namespace}. To list all, type: kubectl shadow list -A"
        ))
    })
}
