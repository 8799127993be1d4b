//! The moves of a drain: ordered, looked at, called off.

use std::collections::BTreeSet;

use jiff::Timestamp;
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt};
use serde_json::json;
use shadow_core::api::{StatefulMigration, StatefulMigrationSpec};
use shadow_core::machine::record::is_committed;
use shadow_core::turns;

use crate::connection::Connection;
use crate::drain::{Row, State, What};
use crate::problem::Problem;
use crate::say;
use crate::view::model::state::State as Move;

fn api(connection: &Connection, namespace: &str) -> Api<StatefulMigration> {
    Api::namespaced(connection.client.clone(), namespace)
}

/// What is asked of the controller, for the plan and for the move; the rest comes from the workload's annotations and from policies.
pub(super) fn spec(row: &Row, max_pause: Option<&str>) -> StatefulMigrationSpec {
    StatefulMigrationSpec {
        source_pod: row.pod.clone(),
        max_pause: max_pause.map(str::to_owned),
        ..StatefulMigrationSpec::default()
    }
}

/// Orders the moves that are planned; the controller lets them wait for their turn.
pub(super) async fn order(connection: &Connection, rows: &mut [Row], max_pause: Option<&str>) {
    let ready = |row: &&mut Row| row.what == What::Move && row.state == State::Ready;
    for row in rows.iter_mut().filter(ready) {
        let mut wanted = StatefulMigration::new("", spec(row, max_pause));
        wanted.metadata.name = None;
        wanted.metadata.generate_name = Some(format!("{}-", row.pod));
        match api(connection, &row.namespace)
            .create(&PostParams::default(), &wanted)
            .await
        {
            Ok(created) => row.moves(&created, Timestamp::now()),
            Err(error) => row.refused(Problem::from(error).lines().join("; ")),
        }
    }
}

/// Takes in the migrations of all rows that move; one that another command ordered is taken over.
pub(super) async fn look(connection: &Connection, rows: &mut [Row]) -> Result<(), Problem> {
    let moving = |row: &Row| row.what == What::Move && !row.state.is_settled();
    let namespaces: BTreeSet<String> = rows
        .iter()
        .filter(|row| moving(row))
        .map(|row| row.namespace.clone())
        .collect();
    for namespace in namespaces {
        // From the API server's cache: a look each second must not be a burden.
        let cached = ListParams::default().match_any();
        let all = api(connection, &namespace).list(&cached).await?.items;
        for row in rows
            .iter_mut()
            .filter(|row| moving(row) && row.namespace == namespace)
        {
            let is_its = |one: &&StatefulMigration| match &row.migration {
                Some(name) => one.name_any() == *name,
                None => !one.spec.plan_only && one.spec.source_pod == row.pod && is_under_way(one, &row.uid),
            };
            if let Some(migration) = all.iter().find(is_its) {
                row.moves(migration, Timestamp::now());
            } else if let Some(name) = row.migration.clone()
                && api(connection, &namespace).get_opt(&name).await?.is_none()
            {
                // The cache may only be old; this answer is not.
                row.deleted(&name);
            }
        }
    }
    Ok(())
}

/// Whether it moves this very pod. One that waits for its turn has not named it by UID.
fn is_under_way(migration: &StatefulMigration, uid: &str) -> bool {
    let Some(status) = &migration.status else {
        return true;
    };
    match &status.plan {
        Some(plan) => turns::has_begun(migration) && plan.source.uid == uid,
        None => !status.phase.is_terminal(),
    }
}

/// Calls off the moves that have not begun; gives the UIDs of their pods. What begins at this moment is undone.
pub(super) async fn put_off(connection: &Connection, rows: &[Row]) -> Vec<String> {
    let mut called_off = Vec::new();
    for row in rows.iter().filter(|row| row.state == State::Move(Move::Waiting)) {
        let Some(name) = &row.migration else { continue };
        let api = api(connection, &row.namespace);
        let waits = |one: &StatefulMigration| {
            let phase = one.status.as_ref().map(|status| status.phase);
            !turns::has_begun(one) && !phase.is_some_and(|phase| phase.is_terminal())
        };
        let done = match api.get_opt(name).await {
            Ok(Some(migration)) if waits(&migration) => {
                let wish = Patch::Merge(json!({"spec": {"cancel": true}}));
                api.patch(name, &PatchParams::default(), &wish)
                    .await
                    .map(|_| called_off.push(row.uid.clone()))
            }
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = done {
            say::remark(&format!("{name} cannot be put off, trying again: {error}"));
        }
    }
    called_off
}

/// Calls off what can still be undone; says what goes on.
pub(super) async fn cancel(connection: &Connection, rows: &mut [Row]) {
    let moving = |row: &&mut Row| matches!(row.state, State::Move(_)) && !row.state.is_settled();
    for row in rows.iter_mut().filter(moving) {
        let Some(name) = &row.migration else { continue };
        let api = api(connection, &row.namespace);
        let called_off = match api.get_opt(name).await {
            Ok(Some(migration))
                if migration.spec.cancel || migration.status.as_ref().is_some_and(is_committed) =>
            {
                Ok(())
            }
            Ok(Some(_)) => {
                let wish = Patch::Merge(json!({"spec": {"cancel": true}}));
                api.patch(name, &PatchParams::default(), &wish).await.map(drop)
            }
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = called_off {
            say::remark(&format!("{name} cannot be called off, trying again: {error}"));
        }
    }
}
