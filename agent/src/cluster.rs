//! What is read from the Kubernetes API. Always read live: a decision that starts or kills a process does not rest on
//! a cache.

use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::{Api, Client};
use shadow_core::api::{MigrationStatus, StatefulMigration};
use shadow_core::image_origin;
use shadow_core::names::Key;
use shadow_core::wire::PodRef;

use crate::node::ContainerId;

/// Why the cluster could not say.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The API server did not answer or refused.
    #[error("could not read {what}: {}", shadow_identity::said(source))]
    Api {
        /// Which object.
        what: String,
        /// The cause.
        source: Box<kube::Error>,
    },
    /// The object is not as the request says.
    #[error("{0}")]
    Unfit(String),
}

/// Reads pods and migrations.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
    node: String,
}

/// A running container, as the API server knows it.
#[derive(Clone, Debug)]
pub struct RunningContainer {
    /// Its id.
    pub id: ContainerId,
    /// Image it was made from, as its pod names it.
    pub image: String,
    /// The same by digest.
    pub image_ref: String,
    /// Address of the node.
    pub host_ip: String,
    /// Whether its pod is being deleted.
    pub deleting: bool,
}

impl Cluster {
    /// For the agent on `node`.
    pub fn new(client: Client, node: String) -> Self {
        Self { client, node }
    }

    /// Finds a container of a pod on this node; refuses another incarnation of the pod.
    pub async fn container(&self, pod: &PodRef, container: &str) -> Result<RunningContainer, ClusterError> {
        let full = format!("{}/{}", pod.namespace, pod.name);
        let api: Api<Pod> = Api::namespaced(self.client.clone(), &pod.namespace);
        let found = api
            .get_opt(&pod.name)
            .await
            .map_err(failed(format!("pod {full}")))?;
        let found = found.ok_or_else(|| ClusterError::Unfit(format!("pod {full} does not exist")))?;
        let uid = found.metadata.uid.as_deref().unwrap_or_default();
        if uid != pod.uid {
            return unfit(format!(
                "pod {full} is not the one that was asked for: it has UID {uid}, not {}",
                pod.uid
            ));
        }
        let node = found
            .spec
            .as_ref()
            .and_then(|spec| spec.node_name.as_deref())
            .unwrap_or_default();
        if node != self.node {
            return unfit(format!(
                "pod {full} runs on node {node:?}, and this is the agent of {:?}",
                self.node
            ));
        }
        let status = found.status.clone().unwrap_or_default();
        let statuses = status.container_statuses.unwrap_or_default();
        let Some(found_container) = statuses.into_iter().find(|status| status.name == container) else {
            return unfit(format!("pod {full} has no container {container:?} with a status"));
        };
        let Some(origin) = image_origin::origin(&found, container) else {
            return unfit(format!(
                "the status of pod {full} does not name the image of container {container:?}: it may not have started yet. Start the \
                 migration again when the container runs"
            ));
        };
        let running = found_container.state.is_some_and(|state| state.running.is_some());
        let id = found_container
            .container_id
            .filter(|_| running)
            .unwrap_or_default();
        let id = ContainerId::from_status(&id).map_err(|_| {
            ClusterError::Unfit(format!("container {container:?} of pod {full} does not run"))
        })?;
        let host_ip = status.host_ip.unwrap_or_default();
        Ok(RunningContainer {
            id,
            image: origin.image,
            image_ref: origin.image_ref,
            host_ip,
            deleting: found.metadata.deletion_timestamp.is_some(),
        })
    }

    /// Whether the migration that made this key is gone or has ended. Fails when that cannot be told.
    pub async fn is_over(&self, namespace: &str, key: &Key) -> Result<bool, ClusterError> {
        let api: Api<StatefulMigration> = Api::namespaced(self.client.clone(), namespace);
        let what = format!("migrations in namespace {namespace}");
        let found = api.list(&ListParams::default()).await.map_err(failed(what))?;
        let uid = migration_uid(key);
        let owner = found
            .items
            .iter()
            .find(|item| item.metadata.uid.as_deref() == Some(uid));
        Ok(owner.is_none_or(|item| {
            item.status
                .as_ref()
                .is_some_and(|status| status.phase.is_terminal())
        }))
    }

    /// What has become of the handoff that made this key. Fails when that cannot be told.
    pub async fn fate(&self, namespace: &str, key: &Key) -> Result<Fate, ClusterError> {
        let api: Api<StatefulMigration> = Api::namespaced(self.client.clone(), namespace);
        let what = format!("migrations in namespace {namespace}");
        let found = api.list(&ListParams::default()).await.map_err(failed(what))?;
        let uid = migration_uid(key);
        let made = |item: &&StatefulMigration| item.metadata.uid.as_deref() == Some(uid);
        let owner = found.items.iter().find(made);
        Ok(owner
            .and_then(|item| item.status.as_ref())
            .map_or(Fate::Undone, |status| fate(status, key)))
    }

    /// Whether this incarnation of a pod is there and not being deleted.
    pub async fn is_kept(&self, namespace: &str, pod: &str, uid: &str) -> Result<bool, ClusterError> {
        let api: Api<Pod> = Api::namespaced(self.client.clone(), namespace);
        let found = api
            .get_metadata_opt(pod)
            .await
            .map_err(failed(format!("pod {namespace}/{pod}")))?;
        Ok(found.is_some_and(|pod| {
            pod.metadata.uid.as_deref() == Some(uid) && pod.metadata.deletion_timestamp.is_none()
        }))
    }

    /// Restore keys in the annotations of this node's pods.
    pub async fn keys_in_use(&self) -> Result<Vec<String>, ClusterError> {
        let api: Api<Pod> = Api::all(self.client.clone());
        let mine = ListParams::default().fields(&format!("spec.nodeName={}", self.node));
        let pods = api
            .list_metadata(&mine)
            .await
            .map_err(failed("the pods of this node".to_owned()))?;
        let keys = pods.items.into_iter().filter_map(|pod| {
            pod.metadata
                .annotations
                .unwrap_or_default()
                .remove(shadow_core::names::RESTORE_KEY)
        });
        Ok(keys.collect())
    }
}

/// What has become of a handoff.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Nothing yet.
    Undecided,
    /// The copy is the truth.
    Committed,
    /// The source is, or there is no migration.
    Undone,
}

fn fate(status: &MigrationStatus, key: &Key) -> Fate {
    let mut legs = status.legs.iter().rev();
    let last = legs.next();
    let handoff = last.into_iter().chain(legs).find(|leg| leg.key == *key);
    match handoff {
        Some(leg) if leg.committed.is_some() => Fate::Committed,
        Some(leg) if Some(leg) == last && status.rollback.is_none() && !status.phase.is_terminal() => {
            Fate::Undecided
        }
        Some(_) | None => Fate::Undone,
    }
}

/// A key is `<uid>-<leg>-<attempt>`.
fn migration_uid(key: &Key) -> &str {
    let mut parts = key.as_str().rsplitn(3, '-');
    parts.nth(2).unwrap_or(key.as_str())
}

fn failed(what: String) -> impl FnOnce(kube::Error) -> ClusterError {
    move |source| ClusterError::Api {
        what,
        source: Box::new(source),
    }
}

fn unfit<T>(why: String) -> Result<T, ClusterError> {
    Err(ClusterError::Unfit(why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_migration_is_named_by_its_key() {
        let key = Key::of("3f0c2a1e-1111-2222-3333-444455556666", 2, 13).unwrap();
        assert_eq!(migration_uid(&key), "3f0c2a1e-1111-2222-3333-444455556666");
    }
}
