//! The policies of the namespaces and of the cluster, as this process knows them. A move that is planned looks them up live. Moves that
//! wait share a look that is a moment old, however many they are, and are asked for nothing where no policy says anything of turns.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};
use serde::de::DeserializeOwned;
use shadow_core::api::{ClusterMigrationPolicy, MigrationPolicy, StatefulMigration};
use shadow_core::policy::{self, InForce, Labels};
use shadow_core::turns::Standing;
use tokio::sync::Mutex;

/// Those that wait look again after this time.
const FRESH: Duration = Duration::from_secs(2);
/// Labels of a pod and of a namespace are read again after this time, for those that wait.
const LABELS_FRESH: Duration = Duration::from_secs(30);

/// See the module.
#[derive(Default)]
pub struct Policies {
    turns: Mutex<Option<(Instant, Arc<OfTurns>)>>,
    standings: std::sync::Mutex<HashMap<String, Known>>,
}

/// Policies that say something of turns, of all namespaces.
#[derive(Default)]
struct OfTurns {
    of_namespaces: Vec<MigrationPolicy>,
    of_cluster: Vec<ClusterMigrationPolicy>,
}

/// What is known of a move that waits.
struct Known {
    read: Instant,
    pod: Labels,
    namespace: Labels,
    priority: i32,
}

/// The policies in force in a namespace. A cluster that does not know the kinds yet has none.
pub(crate) async fn look(client: &Client, namespace: &str) -> Result<InForce, kube::Error> {
    let of_namespace: Api<MigrationPolicy> = Api::namespaced(client.clone(), namespace);
    let of_cluster: Api<ClusterMigrationPolicy> = Api::all(client.clone());
    let (of_namespace, of_cluster) = tokio::try_join!(listed(of_namespace), listed(of_cluster))?;
    let by_namespace = of_cluster
        .iter()
        .any(|policy| policy.spec.namespace_selector.is_some());
    let namespace = if by_namespace {
        labels::<Namespace>(Api::all(client.clone()), namespace).await?
    } else {
        Labels::new()
    };
    Ok(InForce {
        of_namespace,
        of_cluster,
        namespace,
    })
}

async fn listed<K>(api: Api<K>) -> Result<Vec<K>, kube::Error>
where
    K: Clone + DeserializeOwned + Debug,
{
    match api.list(&ListParams::default()).await {
        Ok(list) => Ok(list.items),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Labels of an object that may be gone.
async fn labels<K>(api: Api<K>, name: &str) -> Result<Labels, kube::Error>
where
    K: Clone + DeserializeOwned + Debug,
{
    let found = api.get_metadata_opt(name).await?;
    Ok(found.and_then(|found| found.metadata.labels).unwrap_or_default())
}

impl Policies {
    /// What policies say of the turn of a move that waits. What cannot be read is told when it is prepared.
    pub(crate) async fn standing(
        &self,
        client: &Client,
        migration: &StatefulMigration,
    ) -> Result<Standing, kube::Error> {
        let policies = self.of_turns(client).await?;
        let namespace = migration.namespace().unwrap_or_default();
        let in_force = InForce {
            of_namespace: policies
                .of_namespaces
                .iter()
                .filter(|policy| policy.namespace().as_deref() == Some(&namespace))
                .cloned()
                .collect(),
            of_cluster: policies.of_cluster.clone(),
            namespace: Labels::new(),
        };
        let uid = migration.uid().unwrap_or_default();
        if in_force.of_namespace.is_empty() && in_force.of_cluster.is_empty() {
            self.forget(&uid);
            return Ok(Standing::default());
        }
        let (pod, namespace) = self.labels(client, &uid, migration, &namespace).await?;
        let in_force = InForce {
            namespace,
            ..in_force
        };
        let standing = policy::select(&in_force, &pod)
            .map(|selected| selected.standing())
            .unwrap_or_default();
        if let Some(known) = self.known().get_mut(&uid) {
            known.priority = standing.priority;
        }
        Ok(standing)
    }

    /// The priority that was found for it last.
    pub(crate) fn priority(&self, migration: &StatefulMigration) -> Option<i32> {
        let uid = migration.uid().unwrap_or_default();
        let priority = self.known().get(&uid).map(|known| known.priority);
        priority.filter(|priority| *priority != 0)
    }

    /// It waits no longer.
    pub(crate) fn forget(&self, uid: &str) {
        self.known().remove(uid);
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<String, Known>> {
        self.standings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn of_turns(&self, client: &Client) -> Result<Arc<OfTurns>, kube::Error> {
        // Held during the look, so that all that wait ask once.
        let mut seen = self.turns.lock().await;
        if let Some((at, policies)) = &*seen
            && at.elapsed() < FRESH
        {
            return Ok(policies.clone());
        }
        let (of_namespaces, of_cluster) = tokio::try_join!(
            listed::<MigrationPolicy>(Api::all(client.clone())),
            listed::<ClusterMigrationPolicy>(Api::all(client.clone()))
        )?;
        let policies = Arc::new(OfTurns {
            of_namespaces: of_namespaces
                .into_iter()
                .filter(|policy| policy::limits_turns(&policy.spec.rules))
                .collect(),
            of_cluster: of_cluster
                .into_iter()
                .filter(|policy| policy.spec.priority.is_some() || policy::limits_turns(&policy.spec.rules))
                .collect(),
        });
        *seen = Some((Instant::now(), policies.clone()));
        Ok(policies)
    }

    /// Labels of its pod and of its namespace.
    async fn labels(
        &self,
        client: &Client,
        uid: &str,
        migration: &StatefulMigration,
        namespace: &str,
    ) -> Result<(Labels, Labels), kube::Error> {
        let fresh = |known: &&Known| known.read.elapsed() < LABELS_FRESH;
        if let Some(known) = self.known().get(uid).filter(fresh) {
            return Ok((known.pod.clone(), known.namespace.clone()));
        }
        let (pod, of_namespace) = tokio::try_join!(
            labels::<Pod>(
                Api::namespaced(client.clone(), namespace),
                &migration.spec.source_pod
            ),
            labels::<Namespace>(Api::all(client.clone()), namespace)
        )?;
        let known = Known {
            read: Instant::now(),
            pod: pod.clone(),
            namespace: of_namespace.clone(),
            priority: 0,
        };
        self.known().insert(uid.to_owned(), known);
        Ok((pod, of_namespace))
    }
}

#[cfg(test)]
mod tests;
