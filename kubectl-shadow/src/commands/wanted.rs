//! What is asked for: the object, and whether the controller could read what it needs.

use k8s_openapi::api::apps::v1::{ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, ResourceExt};
use shadow_core::api::{
    Handoff, MessageQueueConfig, OwnerKind, RestoreBackend, StatefulMigration, StatefulMigrationSpec,
    TransferMode,
};
use shadow_core::{names, workload};
use shadow_deploy::answer;

use crate::cli::Ways;
use crate::connection::Connection;
use crate::problem::Problem;

/// What is asked of the controller; all that is left out comes from the workload's annotations.
pub(super) fn of(ways: &Ways, pod: &str, namespace: &str) -> StatefulMigration {
    let mut migration = StatefulMigration::new("", spec(ways, pod));
    migration.metadata.name = None;
    migration.metadata.generate_name = Some(format!("{pod}-"));
    migration.metadata.namespace = Some(namespace.to_owned());
    migration
}

/// The same, without a name.
pub(super) fn spec(ways: &Ways, pod: &str) -> StatefulMigrationSpec {
    let queue = ways.queue.is_some().then(|| MessageQueueConfig {
        queue_name: ways.queue.clone(),
        ..MessageQueueConfig::default()
    });
    StatefulMigrationSpec {
        source_pod: pod.to_owned(),
        target_node: ways.to.clone(),
        container_name: ways.container.clone(),
        message_queue_config: queue,
        broker_secret_ref: ways.broker_secret.clone(),
        max_pause: ways.max_pause.clone(),
        migration_strategy: ways.strategy.map(Into::into),
        handoff: ways.live.then_some(Handoff::Live),
        checkpoint_image_repository: ways.checkpoint_repository.clone(),
        checkpoint_image_secret_ref: ways.checkpoint_secret.clone(),
        transfer_mode: ways.through_registry.then_some(TransferMode::Registry),
        restore_backend: ways.by_image.then_some(RestoreBackend::Image),
        ..StatefulMigrationSpec::default()
    }
}

/// Says at once what the controller could only say after it has begun. A user who may not ask finds out then.
pub(super) async fn check_broker_access(
    connection: &Connection,
    ways: &Ways,
    pod: &str,
) -> Result<(), Problem> {
    let named = match &ways.broker_secret {
        Some(secret) => Some(secret.clone()),
        None => annotated_secret(connection, pod).await?,
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

/// The Secret that the pod or its owner name. What may not be read here is for the admission to judge.
async fn annotated_secret(connection: &Connection, pod: &str) -> Result<Option<String>, Problem> {
    let (client, namespace) = (connection.client.clone(), &connection.namespace);
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let Some(pod) = if_seen(pods.get_opt(pod).await)? else {
        return Ok(None);
    };
    if let Some(secret) = pod.annotations().get(names::BROKER_SECRET) {
        return Ok(Some(secret.clone()));
    }
    let Some((kind, owner)) = workload::owner_of(&pod) else {
        return Ok(None);
    };
    let owner = match kind {
        OwnerKind::StatefulSet => {
            let sets: Api<StatefulSet> = Api::namespaced(client, namespace);
            if_seen(sets.get_metadata_opt(&owner.name).await)?.map(|set| set.metadata)
        }
        OwnerKind::ReplicaSet => {
            let sets: Api<ReplicaSet> = Api::namespaced(client, namespace);
            if_seen(sets.get_metadata_opt(&owner.name).await)?.map(|set| set.metadata)
        }
    };
    let annotations = owner.and_then(|metadata| metadata.annotations);
    Ok(annotations.and_then(|all| all.get(names::BROKER_SECRET).cloned()))
}

/// An API server that does not answer is told of now: nothing was begun yet.
fn if_seen<T>(answer: kube::Result<Option<T>>) -> Result<Option<T>, Problem> {
    match answer {
        Ok(found) => Ok(found),
        Err(error) if answer::unreached(&error).is_some() => Err(error.into()),
        Err(_) => Ok(None),
    }
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
        serde_json::to_value(of(&args.ways, "orders-0", "shop")).unwrap()
    }

    #[test]
    fn what_is_not_said_is_left_to_the_workload() {
        let asked = asked(&[]);
        assert_eq!(asked["spec"], serde_json::json!({"sourcePod": "orders-0"}));
        assert_eq!(
            asked["metadata"],
            serde_json::json!({"generateName": "orders-0-", "namespace": "shop"})
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
            "--max-pause",
            "1500ms",
            "-n",
            "shop",
        ];
        let wanted = serde_json::json!({
            "sourcePod": "orders-0",
            "targetNode": "node-b",
            "containerName": "c",
            "brokerSecretRef": "s",
            "maxPause": "1500ms",
            "messageQueueConfig": {"queueName": "q"},
        });
        assert_eq!(asked(&flags)["spec"], wanted);
    }
}
