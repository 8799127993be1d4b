//! `kubectl shadow cancel`: asks for a move to be undone. Past its point of no return it goes on regardless.

use kube::api::{Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::json;
use shadow_core::api::StatefulMigration;

use crate::cli::Cancel;
use crate::commands::find;
use crate::connection::Connection;
use crate::ending::Ending;
use crate::problem::Problem;
use crate::say;

/// Runs the command.
pub(super) async fn run(connection: &Connection, args: &Cancel) -> Result<Ending, Problem> {
    let migration = find::migration(connection, &args.name).await?;
    let name = migration.name_any();
    if let Some(status) = migration
        .status
        .as_ref()
        .filter(|status| status.phase.is_terminal())
    {
        return Err(Problem::Refused(format!(
            "{name} has ended already: {:?}",
            status.phase
        )));
    }
    let api: Api<StatefulMigration> = Api::namespaced(connection.client.clone(), &connection.namespace);
    let patch = Patch::Merge(json!({"spec": {"cancel": true}}));
    api.patch(&name, &PatchParams::default(), &patch).await?;
    say::line(&format!(
        "{name} is undone unless it has passed its point of no return; see: kubectl shadow status {name} -n {}",
        connection.namespace
    ));
    Ok(Ending::Done)
}
