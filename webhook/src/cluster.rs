//! What the webhook looks up, and the one thing that it writes. Each answer is live, not from a cache, since an admission decision on
//! an outdated view would be a guess.

use std::future::Future;

use k8s_openapi::api::apps::v1::{ReplicaSet, StatefulSet};
use k8s_openapi::api::authentication::v1::UserInfo;
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec};
use k8s_openapi::api::core::v1::{Namespace, Node, PersistentVolume, PersistentVolumeClaim, Pod};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::ResourceExt;
use kube::api::{Api, ListParams, PostParams};
use shadow_core::api::{
    ClusterMigrationPolicy, Evacuation, MigrationPolicy, OwnerKind, Pause, StatefulMigration, pause,
};
use shadow_core::pause::Paused;
use shadow_core::policy::Labels;
use shadow_core::workload::Workload;

/// A failed look-up.
#[derive(Debug, thiserror::Error)]
#[error("could not look up {what}: {why}")]
pub struct LookupError {
    /// What was looked up.
    pub what: &'static str,
    /// Why it failed.
    pub why: String,
}

/// Outcome of a look-up.
pub type Looked<T> = Result<T, LookupError>;

/// Look-ups that decisions rest on.
pub trait Cluster: Send + Sync + 'static {
    /// A pod.
    fn pod(&self, namespace: &str, name: &str) -> impl Future<Output = Looked<Option<Pod>>> + Send;
    /// What owns a pod.
    fn owner(
        &self,
        namespace: &str,
        kind: OwnerKind,
        name: &str,
    ) -> impl Future<Output = Looked<Option<Workload>>> + Send;
    /// A volume claim.
    fn claim(
        &self,
        namespace: &str,
        name: &str,
    ) -> impl Future<Output = Looked<Option<PersistentVolumeClaim>>> + Send;
    /// A volume.
    fn volume(&self, name: &str) -> impl Future<Output = Looked<Option<PersistentVolume>>> + Send;
    /// All nodes.
    fn nodes(&self) -> impl Future<Output = Looked<Vec<Node>>> + Send;
    /// Migrations of a namespace.
    fn migrations(&self, namespace: &str) -> impl Future<Output = Looked<Vec<StatefulMigration>>> + Send;
    /// Policies of a namespace.
    fn policies(&self, namespace: &str) -> impl Future<Output = Looked<Vec<MigrationPolicy>>> + Send;
    /// Policies of the cluster.
    fn cluster_policies(&self) -> impl Future<Output = Looked<Vec<ClusterMigrationPolicy>>> + Send;
    /// Labels of a namespace; empty where it is gone.
    fn namespace_labels(&self, namespace: &str) -> impl Future<Output = Looked<Labels>> + Send;
    /// Evacuations of a namespace.
    fn evacuations(&self, namespace: &str) -> impl Future<Output = Looked<Vec<Evacuation>>> + Send;
    /// Disruption budgets of a namespace.
    fn budgets(&self, namespace: &str) -> impl Future<Output = Looked<Vec<PodDisruptionBudget>>> + Send;
    /// The pause of all moves, if there is one.
    fn paused(&self) -> impl Future<Output = Looked<Option<Paused>>> + Send;
    /// The value of a label of a namespace.
    fn namespace_label(
        &self,
        namespace: &str,
        label: &str,
    ) -> impl Future<Output = Looked<Option<String>>> + Send;
    /// Creates this Evacuation; one that is there already is left as it is. Answers the one that is there now.
    fn mark(
        &self,
        namespace: &str,
        evacuation: Evacuation,
    ) -> impl Future<Output = Looked<Evacuation>> + Send;
    /// Whether `user` may do `verb` to pods of a namespace.
    fn may(&self, user: &UserInfo, namespace: &str, verb: &str) -> impl Future<Output = Looked<bool>> + Send;
}

/// The real one.
#[derive(Clone)]
pub struct KubeCluster {
    client: kube::Client,
}

impl KubeCluster {
    /// Looks up with the rights of `client`.
    pub fn new(client: kube::Client) -> Self {
        Self { client }
    }
}

fn failed(what: &'static str) -> impl FnOnce(kube::Error) -> LookupError {
    move |error| LookupError {
        what,
        why: shadow_identity::said(&error),
    }
}

impl Cluster for KubeCluster {
    async fn pod(&self, namespace: &str, name: &str) -> Looked<Option<Pod>> {
        Api::namespaced(self.client.clone(), namespace)
            .get_opt(name)
            .await
            .map_err(failed("the pod"))
    }

    async fn owner(&self, namespace: &str, kind: OwnerKind, name: &str) -> Looked<Option<Workload>> {
        let client = self.client.clone();
        match kind {
            OwnerKind::StatefulSet => {
                let api: Api<StatefulSet> = Api::namespaced(client, namespace);
                let found = api.get_opt(name).await.map_err(failed("the StatefulSet"))?;
                Ok(found.map(Workload::from))
            }
            OwnerKind::ReplicaSet => {
                let api: Api<ReplicaSet> = Api::namespaced(client, namespace);
                let found = api.get_opt(name).await.map_err(failed("the ReplicaSet"))?;
                Ok(found.map(Workload::from))
            }
        }
    }

    async fn claim(&self, namespace: &str, name: &str) -> Looked<Option<PersistentVolumeClaim>> {
        Api::namespaced(self.client.clone(), namespace)
            .get_opt(name)
            .await
            .map_err(failed("the volume claim"))
    }

    async fn volume(&self, name: &str) -> Looked<Option<PersistentVolume>> {
        Api::all(self.client.clone())
            .get_opt(name)
            .await
            .map_err(failed("the volume"))
    }

    async fn nodes(&self) -> Looked<Vec<Node>> {
        let nodes = Api::all(self.client.clone()).list(&ListParams::default()).await;
        nodes.map(|list| list.items).map_err(failed("the nodes"))
    }

    async fn migrations(&self, namespace: &str) -> Looked<Vec<StatefulMigration>> {
        let all = Api::namespaced(self.client.clone(), namespace)
            .list(&ListParams::default())
            .await;
        all.map(|list| list.items)
            .map_err(failed("the StatefulMigrations"))
    }

    async fn policies(&self, namespace: &str) -> Looked<Vec<MigrationPolicy>> {
        let all = Api::namespaced(self.client.clone(), namespace)
            .list(&ListParams::default())
            .await;
        all.map(|list| list.items)
            .map_err(failed("the MigrationPolicies"))
    }

    async fn cluster_policies(&self) -> Looked<Vec<ClusterMigrationPolicy>> {
        let all = Api::all(self.client.clone()).list(&ListParams::default()).await;
        match all {
            Ok(list) => Ok(list.items),
            // A cluster that does not know the kind yet has none.
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(Vec::new()),
            Err(error) => Err(failed("the ClusterMigrationPolicies")(error)),
        }
    }

    async fn namespace_labels(&self, namespace: &str) -> Looked<Labels> {
        let api: Api<Namespace> = Api::all(self.client.clone());
        let found = api
            .get_metadata_opt(namespace)
            .await
            .map_err(failed("the namespace"))?;
        Ok(found.map(|found| found.labels().clone()).unwrap_or_default())
    }

    async fn evacuations(&self, namespace: &str) -> Looked<Vec<Evacuation>> {
        let all = Api::namespaced(self.client.clone(), namespace)
            .list(&ListParams::default())
            .await;
        all.map(|list| list.items).map_err(failed("the Evacuations"))
    }

    async fn budgets(&self, namespace: &str) -> Looked<Vec<PodDisruptionBudget>> {
        let all = Api::namespaced(self.client.clone(), namespace)
            .list(&ListParams::default())
            .await;
        all.map(|list| list.items)
            .map_err(failed("the PodDisruptionBudgets"))
    }

    async fn paused(&self) -> Looked<Option<Paused>> {
        let api: Api<Pause> = Api::all(self.client.clone());
        let found = api.get_opt(pause::ONLY).await;
        found
            .map(|found| found.map(Paused::from))
            .map_err(failed("whether moves are paused"))
    }

    async fn namespace_label(&self, namespace: &str, label: &str) -> Looked<Option<String>> {
        let mut labels = self.namespace_labels(namespace).await?;
        Ok(labels.remove(label))
    }

    async fn mark(&self, namespace: &str, evacuation: Evacuation) -> Looked<Evacuation> {
        let api: Api<Evacuation> = Api::namespaced(self.client.clone(), namespace);
        match api.create(&PostParams::default(), &evacuation).await {
            Err(kube::Error::Api(status)) if status.code == 409 => api
                .get(&evacuation.name_any())
                .await
                .map_err(failed("the Evacuation")),
            created => created.map_err(failed("the Evacuation to be created")),
        }
    }

    async fn may(&self, user: &UserInfo, namespace: &str, verb: &str) -> Looked<bool> {
        let attributes = ResourceAttributes {
            namespace: Some(namespace.to_owned()),
            verb: Some(verb.to_owned()),
            resource: Some("pods".to_owned()),
            ..ResourceAttributes::default()
        };
        let spec = SubjectAccessReviewSpec {
            user: user.username.clone(),
            uid: user.uid.clone(),
            groups: user.groups.clone(),
            extra: user.extra.clone(),
            resource_attributes: Some(attributes),
            non_resource_attributes: None,
        };
        let review = SubjectAccessReview {
            spec,
            ..SubjectAccessReview::default()
        };
        let answered = Api::all(self.client.clone())
            .create(&PostParams::default(), &review)
            .await;
        let answered: SubjectAccessReview = answered.map_err(failed("the requester's rights"))?;
        Ok(answered.status.is_some_and(|status| status.allowed))
    }
}
