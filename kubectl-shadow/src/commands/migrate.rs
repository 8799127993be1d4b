//! `kubectl shadow migrate`: asks for a move and follows it.

use k8s_openapi::api::apps::v1::{ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::Pod;
use kube::api::PostParams;
use kube::{Api, ResourceExt};
use shadow_core::api::{
    Handoff, MessageQueueConfig, OwnerKind, RestoreBackend, StatefulMigration, StatefulMigrationSpec,
    TransferMode,
};
use shadow_core::{names, workload};

use crate::cli::Migrate;
use crate::commands::{follow, watch};
use crate::connection::Connection;
use crate::ending::Ending;
use crate::problem::Problem;
use crate::say;

/// Runs the command.
pub(super) async fn run(connection: &Connection, args: &Migrate) -> Result<Ending, Problem> {
    check_broker_access(connection, args).await?;
    let api: Api<StatefulMigration> = Api::namespaced(connection.client.clone(), &connection.namespace);
    let created = api
        .create(&PostParams::default(), &wanted(args))
        .await
        .map_err(|error| {
            let see = format!("kubectl get statefulmigrations -n {}", connection.namespace);
            Problem::of_change(error, &see)
        })?;
    let name = created.name_any();
    say::line(&format!("statefulmigration.{}/{name} created", names::GROUP));
    if args.no_wait {
        say::line(&format!(
            "to see it, type: kubectl shadow status {name} -n {}",
            connection.namespace
        ));
        return Ok(Ending::Done);
    }
    if args.watch || args.record.is_some() {
        return watch::of_one(connection, args, &name).await;
    }
    follow::to_the_end(connection, &name, args.timeout).await
}

/// What is asked of the controller; all that is left out comes from the workload's annotations.
fn wanted(args: &Migrate) -> StatefulMigration {
    let queue = args.queue.is_some().then(|| MessageQueueConfig {
        queue_name: args.queue.clone(),
        ..MessageQueueConfig::default()
    });
    let spec = StatefulMigrationSpec {
        source_pod: args.pod.clone(),
        target_node: args.to.clone(),
        container_name: args.container.clone(),
        message_queue_config: queue,
        broker_secret_ref: args.broker_secret.clone(),
        migration_strategy: args.strategy.map(Into::into),
        handoff: args.live.then_some(Handoff::Live),
        checkpoint_image_repository: args.checkpoint_repository.clone(),
        checkpoint_image_secret_ref: args.checkpoint_secret.clone(),
        transfer_mode: args.through_registry.then_some(TransferMode::Registry),
        restore_backend: args.by_image.then_some(RestoreBackend::Image),
        ..StatefulMigrationSpec::default()
    };
    let mut migration = StatefulMigration::new("", spec);
    migration.metadata.name = None;
    migration.metadata.generate_name = Some(format!("{}-", args.pod));
    migration
}

/// Says at once what the controller could only say after it has begun. Whoever may not ask finds out then.
async fn check_broker_access(connection: &Connection, args: &Migrate) -> Result<(), Problem> {
    let named = match &args.broker_secret {
        Some(secret) => Some(secret.clone()),
        None => annotated_secret(connection, &args.pod).await,
    };
    let Some(secret) = named else { return Ok(()) };
    let namespace = &connection.namespace;
    if shadow_deploy::may_read(&connection.client, namespace, &secret).await? == Some(false) {
        return Err(Problem::Refused(format!(
            "the controller may not read Secret {namespace}/{secret}. To allow it, type: kubectl shadow allow -n \
             {namespace} --secret {secret}"
        )));
    }
    Ok(())
}

/// The Secret that the pod or its owner name. What cannot be read here is for the admission to judge.
async fn annotated_secret(connection: &Connection, pod: &str) -> Option<String> {
    let pods: Api<Pod> = Api::namespaced(connection.client.clone(), &connection.namespace);
    let pod = pods.get_opt(pod).await.ok().flatten()?;
    if let Some(secret) = pod.annotations().get(names::BROKER_SECRET) {
        return Some(secret.clone());
    }
    let (kind, owner) = workload::owner_of(&pod)?;
    let (client, namespace) = (connection.client.clone(), &connection.namespace);
    let metadata = match kind {
        OwnerKind::StatefulSet => {
            let sets: Api<StatefulSet> = Api::namespaced(client, namespace);
            sets.get_metadata_opt(&owner.name).await.ok().flatten()?.metadata
        }
        OwnerKind::ReplicaSet => {
            let sets: Api<ReplicaSet> = Api::namespaced(client, namespace);
            sets.get_metadata_opt(&owner.name).await.ok().flatten()?.metadata
        }
    };
    metadata.annotations?.get(names::BROKER_SECRET).cloned()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    fn asked(flags: &[&str]) -> serde_json::Value {
        let fixed = ["kubectl-shadow", "migrate", "orders-0"];
        let cli = Cli::try_parse_from(fixed.iter().chain(flags)).unwrap();
        let Command::Migrate(args) = cli.command else {
            panic!("{flags:?}")
        };
        serde_json::to_value(wanted(&args)).unwrap()
    }

    #[test]
    fn what_is_not_said_is_left_to_the_workload() {
        let asked = asked(&[]);
        assert_eq!(asked["spec"], serde_json::json!({"sourcePod": "orders-0"}));
        assert_eq!(
            asked["metadata"],
            serde_json::json!({"generateName": "orders-0-"})
        );
    }

    #[test]
    fn what_is_said_is_passed_on() {
        let flags = [
            "--to",
            "node-b",
            "--queue",
            "q",
            "--broker-secret",
            "s",
            "--container",
            "c",
            "-n",
            "shop",
        ];
        let wanted = serde_json::json!({
            "sourcePod": "orders-0",
            "targetNode": "node-b",
            "containerName": "c",
            "brokerSecretRef": "s",
            "messageQueueConfig": {"queueName": "q"},
        });
        assert_eq!(asked(&flags)["spec"], wanted);
    }
}
