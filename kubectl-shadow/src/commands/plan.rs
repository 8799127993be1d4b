//! `kubectl shadow plan`: what a move would do, or why it would be refused. The controller makes the plan as for a move and touches
//! nothing; with `--rehearse` it also has the process dumped once, and throws the dump away. The object that asks for it is deleted
//! here, at the latest by the controller.

use std::time::Duration;

use futures::StreamExt;
use jiff::Timestamp;
use kube::api::{DeleteParams, PostParams};
use kube::runtime::wait::{Condition, await_condition};
use kube::{Api, ResourceExt};
use shadow_core::api::{StatefulMigration, StatefulMigrationSpec};
use tokio::sync::watch;

use crate::cli::Plan;
use crate::commands::{pods, wanted};
use crate::connection::Connection;
use crate::ending::Ending;
use crate::problem::Problem;
use crate::render;
use crate::render::life::present;
use crate::say;

/// The controller makes so many at a time.
const AT_A_TIME: usize = 2;

/// What is left of a plan that is rehearsed and not waited for.
const REHEARSED: &str = "Nothing is moved. A dump that has begun ends by itself, the process goes on, and the dump is thrown away";

const NOT_ASKED: &str = "it was not rehearsed. The controller or its custom resource is of an earlier version: to install this one, type: kubectl \
     shadow install";

/// Runs the command.
pub(super) async fn run(connection: &Connection, args: &Plan) -> Result<Ending, Problem> {
    let pods = pods::named(connection, &args.which)
        .await
        .map_err(Problem::before)?;
    let (tell, told) = watch::channel(false);
    let planning = futures::stream::iter(&pods)
        .map(|pod| {
            made(
                connection,
                StatefulMigrationSpec {
                    rehearse: args.rehearse,
                    ..wanted::spec(&args.ways, pod)
                },
                args.timeout,
                interrupted(told.clone()),
            )
        })
        // Of the pods that are rehearsed one stands still at a time.
        .buffered(if args.rehearse { 1 } else { AT_A_TIME })
        .collect::<Vec<_>>();
    let stopping = async {
        // Without a handler Ctrl-C ends the process, and the controller deletes the plans.
        if tokio::signal::ctrl_c().await.is_ok() {
            tell.send_replace(true);
        }
        // What has begun is removed first.
        std::future::pending().await
    };
    let made = tokio::select! {
        made = planning => made,
        never = stopping => never,
    };
    shown(args, &pods, made)
}

/// All plans, and the exit code of the worst.
fn shown(
    args: &Plan,
    pods: &[String],
    made: Vec<Result<StatefulMigration, Problem>>,
) -> Result<Ending, Problem> {
    let (mut plans, mut worst) = (Vec::new(), Ending::Done);
    let alone = made.len() == 1;
    for (pod, made) in pods.iter().zip(made) {
        match made {
            Ok(plan) => {
                let ending = plan.status.as_ref().and_then(render::ending);
                worst = worst.worse(ending.unwrap_or(Ending::Unknown));
                if args.rehearse && was_not_asked(&plan) {
                    say::problem(&format!("{pod}: {NOT_ASKED}"));
                    worst = worst.worse(Ending::Unknown);
                }
                plans.push(plan);
            }
            Err(problem) if alone => return Err(problem),
            Err(problem) => {
                for line in problem.lines() {
                    say::problem(&format!("{pod}: {line}"));
                }
                worst = worst.worse(problem.ending());
            }
        }
    }
    let printed = match (&args.output.format, plans.as_slice()) {
        (None, _) => None,
        (Some(format), [one]) if alone => format.object(one)?,
        (Some(format), several) => format.list(several)?,
    };
    let lines = printed.unwrap_or_else(|| {
        let texts: Vec<Vec<String>> = plans.iter().map(render::plan).collect();
        texts.join(&String::new())
    });
    lines.iter().for_each(|line| say::line(line));
    Ok(worst)
}

/// Whether the plan was made by somebody who knows no rehearsal.
fn was_not_asked(plan: &StatefulMigration) -> bool {
    let status = plan.status.as_ref();
    status.is_some_and(|status| status.plan.is_some() && status.rehearsal().is_none())
}

/// Returns when it is told to stop.
pub(super) async fn interrupted(mut stop: watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// The plan of a move of this spec, or its refusal: a migration that has ended. Its object is gone afterwards, however this ends.
pub(super) async fn made(
    connection: &Connection,
    spec: StatefulMigrationSpec,
    timeout: Duration,
    interrupted: impl Future<Output = ()>,
) -> Result<StatefulMigration, Problem> {
    let api: Api<StatefulMigration> = Api::namespaced(connection.client.clone(), &connection.namespace);
    let rehearsed = spec.rehearse;
    let asked = asked(spec);
    let created = api.create(&PostParams::default(), &asked).await?;
    let name = created.name_any();
    let made = tokio::select! {
        made = tokio::time::timeout(timeout, await_condition(api.clone(), &name, has_ended())) => made.ok(),
        () = interrupted => None,
    };
    let last = api.get_opt(&name).await;
    // Its finalizer is the controller's, and goes with the plan's end.
    match api.delete(&name, &DeleteParams::default()).await {
        Ok(_) => {}
        Err(kube::Error::Api(status)) if status.code == 404 => {}
        Err(error) => say::remark(&format!(
            "the plan {name} was not deleted; the controller deletes it 10 minutes after its end: {error}"
        )),
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
            "there is no plan yet: {}. {}",
            present(last.ok().flatten().as_ref(), Timestamp::now()),
            if rehearsed {
                REHEARSED
            } else {
                "Nothing was touched"
            }
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
