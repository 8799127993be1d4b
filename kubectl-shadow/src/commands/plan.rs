//! `kubectl shadow plan`: what a move would do, or why it would be refused. The controller makes the plan as for a move and touches
//! nothing; the object that asks for it is deleted here, at the latest by the controller.

use std::time::Duration;

use kube::api::{DeleteParams, PostParams};
use kube::runtime::wait::{Condition, await_condition};
use kube::{Api, ResourceExt};
use shadow_core::api::{Handoff, MessageQueueConfig, StatefulMigration, StatefulMigrationSpec};

use crate::cli::Plan;
use crate::connection::Connection;
use crate::ending::Ending;
use crate::problem::Problem;
use crate::render;
use crate::render::life::present;
use crate::say;

/// Runs the command.
pub(super) async fn run(connection: &Connection, args: &Plan) -> Result<Ending, Problem> {
    let planned = made(connection, wanted(args), args.timeout).await?;
    render::plan(&planned).iter().for_each(|line| say::line(line));
    let ending = planned.status.as_ref().and_then(render::ending);
    Ok(ending.unwrap_or(Ending::Unknown))
}

fn wanted(args: &Plan) -> StatefulMigrationSpec {
    let queue = args.queue.is_some().then(|| MessageQueueConfig {
        queue_name: args.queue.clone(),
        ..MessageQueueConfig::default()
    });
    StatefulMigrationSpec {
        source_pod: args.pod.clone(),
        target_node: args.to.clone(),
        container_name: args.container.clone(),
        message_queue_config: queue,
        broker_secret_ref: args.broker_secret.clone(),
        migration_strategy: args.strategy.map(Into::into),
        handoff: args.live.then_some(Handoff::Live),
        ..StatefulMigrationSpec::default()
    }
}

/// The plan of a move of this spec, or its refusal: a migration that has ended. Its object is gone afterwards, however this ends.
pub(super) async fn made(
    connection: &Connection,
    spec: StatefulMigrationSpec,
    timeout: Duration,
) -> Result<StatefulMigration, Problem> {
    let api: Api<StatefulMigration> = Api::namespaced(connection.client.clone(), &connection.namespace);
    let asked = asked(spec);
    let created = api.create(&PostParams::default(), &asked).await?;
    let name = created.name_any();
    let made = tokio::select! {
        made = tokio::time::timeout(timeout, await_condition(api.clone(), &name, has_ended())) => made.ok(),
        interrupted = tokio::signal::ctrl_c() => {
            interrupted.map_err(|error| Problem::Unknown(format!("cannot listen for Ctrl-C: {error}")))?;
            None
        }
    };
    let last = api.get_opt(&name).await;
    // Its finalizer is the controller's, and goes with the plan's end.
    if let Err(error) = api.delete(&name, &DeleteParams::default()).await {
        say::remark(&format!(
            "the plan {name} was not deleted, the controller deletes it: {error}"
        ));
    }
    match made {
        Some(Ok(Some(planned))) => Ok(planned),
        Some(Ok(None)) => Err(Problem::Unknown(format!(
            "the plan {name} was deleted by another program"
        ))),
        Some(Err(error)) => Err(Problem::Unknown(format!(
            "the plan {name} cannot be read: {error}"
        ))),
        None => Err(Problem::Unknown(format!(
            "there is no plan yet: {}. Nothing was touched",
            present(last.ok().flatten().as_ref())
        ))),
    }
}

fn asked(spec: StatefulMigrationSpec) -> StatefulMigration {
    let generate = format!("{}-plan-", spec.source_pod);
    let mut migration = StatefulMigration::new(
        "",
        StatefulMigrationSpec {
            plan_only: true,
            ..spec
        },
    );
    migration.metadata.name = None;
    migration.metadata.generate_name = Some(generate);
    migration
}

fn has_ended() -> impl Condition<StatefulMigration> {
    |migration: Option<&StatefulMigration>| {
        let status = migration.and_then(|migration| migration.status.as_ref());
        status.is_some_and(|status| status.phase.is_terminal())
    }
}
