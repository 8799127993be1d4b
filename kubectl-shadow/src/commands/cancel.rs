//! `kubectl shadow cancel`: asks for a move to be undone. Past its point of no return it goes on regardless.

use kube::api::{Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::json;
use shadow_core::api::StatefulMigration;
use shadow_core::machine::record::is_committed;

use crate::cli::Cancel;
use crate::commands::find;
use crate::connection::Connection;
use crate::ending::Ending;
use crate::problem::Problem;
use crate::render::life::present;
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
    let committed = migration.status.as_ref().is_some_and(is_committed);
    if committed && !args.give_memory_up {
        return Err(Problem::Refused(format!(
            "it is too late to undo {name}: the copy is the truth since the commit. The move goes on: {}. To watch it, \
             type: kubectl shadow status {name} -n {}",
            present(Some(&migration)),
            connection.namespace
        )));
    }
    let api: Api<StatefulMigration> = Api::namespaced(connection.client.clone(), &connection.namespace);
    let wish = if args.give_memory_up {
        json!({"spec": {"cancel": true, "giveMemoryUp": true}})
    } else {
        json!({"spec": {"cancel": true}})
    };
    let patch = Patch::Merge(wish);
    api.patch(&name, &PatchParams::default(), &patch).await?;
    let next = if args.give_memory_up {
        "if the memory cannot be restored, it is given up and the pod starts from its image"
    } else {
        "the source goes on, unless the move commits at this moment"
    };
    say::line(&format!(
        "{name} is being cancelled: {next}. To watch it, type: kubectl shadow status {name} -n {}",
        connection.namespace
    ));
    Ok(Ending::Done)
}
