//! `kubectl shadow cancel`: asks for a move to be undone, and says what became of it. Past its commit it goes on regardless.

use jiff::Timestamp;
use kube::api::{Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::json;
use shadow_core::api::StatefulMigration;
use shadow_core::machine::record::is_committed;

use crate::cli::Cancel;
use crate::commands::find;
use crate::commands::follow::{self, Told};
use crate::connection::Connection;
use crate::ending::Ending;
use crate::problem::Problem;
use crate::render::life::present;
use crate::say;

/// Runs the command.
pub(super) async fn run(connection: &Connection, args: &Cancel) -> Result<Ending, Problem> {
    let migration = find::migration(connection, &args.name)
        .await
        .map_err(Problem::before)?;
    let name = migration.name_any();
    may_begin(connection, args, &migration)?;
    say::line(&what_holds(args, &migration));
    let wish = if args.give_memory_up {
        json!({"spec": {"cancel": true, "giveMemoryUp": true}})
    } else {
        json!({"spec": {"cancel": true}})
    };
    let api: Api<StatefulMigration> = Api::namespaced(connection.client.clone(), &connection.namespace);
    let patched = api
        .patch(&name, &PatchParams::default(), &Patch::Merge(wish))
        .await;
    let see = format!("kubectl shadow status {name} -n {}", connection.namespace);
    patched.map_err(|error| Problem::of_change(error, &see))?;
    if !args.wait {
        say::line(&format!("{name} is being cancelled. To see it, type: {see} -w"));
        return Ok(Ending::Done);
    }
    let end = follow::to_the_end(connection, &name, args.timeout, Told::from_now_on(&migration)).await?;
    Ok(end.ending)
}

/// One that has ended or committed cannot be undone.
fn may_begin(connection: &Connection, args: &Cancel, migration: &StatefulMigration) -> Result<(), Problem> {
    let name = migration.name_any();
    let Some(status) = &migration.status else {
        return Ok(());
    };
    if status.phase.is_terminal() {
        return Err(Problem::Refused(format!(
            "{name} has ended already: {:?}",
            status.phase
        )));
    }
    if is_committed(status) && !args.give_memory_up {
        return Err(Problem::Refused(format!(
            "{name} is committed, so it cannot be undone any more: the copy is the truth. The move goes on: {}. To follow it, \
             type: kubectl shadow status {name} -n {} -w",
            present(Some(migration), Timestamp::now()),
            connection.namespace
        )));
    }
    Ok(())
}

/// Which of the two holds: it can still be undone, or it is committed.
fn what_holds(args: &Cancel, migration: &StatefulMigration) -> String {
    let (name, doing) = (migration.name_any(), present(Some(migration), Timestamp::now()));
    let committed = migration.status.as_ref().is_some_and(is_committed);
    match (committed, args.give_memory_up) {
        (false, false) => format!(
            "{name} is not committed, so it can still be undone ({doing}). The source goes on, unless the move commits at this moment"
        ),
        (false, true) => format!(
            "{name} is not committed, so it can still be undone ({doing}). If it commits at this moment and its memory cannot be \
             restored, the memory is given up, and the pod starts from its image"
        ),
        (true, _) => format!(
            "{name} is committed ({doing}). If its memory cannot be restored, it is given up, and the pod starts from its image"
        ),
    }
}
