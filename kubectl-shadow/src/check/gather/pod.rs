//! A pod and everything that the admission holds a migration of it against.

use k8s_openapi::api::apps::v1::{ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::{Node, PersistentVolumeClaim, Pod, Secret};
use kube::{Api, Client};
use shadow_core::api::{OwnerKind, StatefulMigration, StatefulMigrationSpec};
use shadow_core::settings::{self, Settings};
use shadow_core::validate::{self, Requester};
use shadow_core::workload::{self, Workload};

use super::rights::{Action, may, user};
use super::{Got, Unseen, all, got, one};
use crate::problem::Problem;

/// What is known of the pod.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// What the admission would be shown.
    pub seen: validate::Facts,
    /// What of it could not be read; one entry each.
    pub unseen: Vec<(&'static str, Unseen)>,
    /// What annotations say of queue, Secret and container.
    pub settings: Settings,
    /// Whether the Secret is there; absent if none is named.
    pub secret: Option<Got<bool>>,
    /// Whether the controller may read it; absent if none is named, `None` if the user may not ask.
    pub access: Option<Option<bool>>,
    /// Whether the user may ask for a move here.
    pub may_ask: Got<bool>,
}

impl Facts {
    /// What is asked for: all that is left out comes from annotations.
    pub fn spec(&self) -> StatefulMigrationSpec {
        StatefulMigrationSpec {
            source_pod: self.name.clone(),
            ..StatefulMigrationSpec::default()
        }
    }
}

/// Looks at a pod and around it.
pub async fn look(client: &Client, namespace: &str, name: &str) -> Result<Facts, Problem> {
    let mut unseen = Vec::new();
    let mut keep = |what: &'static str, why: Unseen| unseen.push((what, why));
    let pod: Got<Option<Pod>> = one(Api::namespaced(client.clone(), namespace), name).await?;
    let pod = pod.unwrap_or_else(|why| {
        keep("the pod", why);
        None
    });
    let nodes: Got<Vec<Node>> = all(Api::all(client.clone()), "").await?;
    let migrations: Got<Vec<StatefulMigration>> = all(Api::namespaced(client.clone(), namespace), "").await?;
    let mut seen = validate::Facts {
        nodes: nodes.unwrap_or_else(|why| {
            keep("the nodes", why);
            Vec::new()
        }),
        migrations: migrations.unwrap_or_else(|why| {
            keep("the migrations of the namespace", why);
            Vec::new()
        }),
        requester: requester(client, namespace).await?,
        ..validate::Facts::default()
    };
    if let Some(pod) = &pod {
        around(client, namespace, pod, &mut seen, &mut keep).await?;
    }
    seen.pod = pod;
    finish(client, namespace, name, seen, unseen).await
}

/// What can be asked only when it is known what the annotations say.
async fn finish(
    client: &Client,
    namespace: &str,
    name: &str,
    seen: validate::Facts,
    unseen: Vec<(&'static str, Unseen)>,
) -> Result<Facts, Problem> {
    let mut facts = Facts {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        unseen,
        settings: Settings::default(),
        secret: None,
        access: None,
        may_ask: may(
            client,
            &Action {
                verb: "create",
                group: shadow_core::names::GROUP.to_owned(),
                resource: "statefulmigrations".to_owned(),
                namespace: Some(namespace.to_owned()),
            },
        )
        .await?,
        seen,
    };
    if let Some(pod) = &facts.seen.pod {
        facts.settings = settings::resolve(&facts.spec(), pod, facts.seen.owner.as_ref());
    }
    if let Some(secret) = &facts.settings.secret {
        // Its metadata alone: what it holds is nothing for this machine.
        let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
        let found = got(secrets.get_metadata_opt(secret).await)?;
        facts.secret = Some(found.map(|found| found.is_some()));
        facts.access = Some(shadow_deploy::may_read(client, namespace, secret).await?);
    }
    Ok(facts)
}

/// Rights that the webhook asks for. Where they cannot be asked for here, it is left to the webhook.
async fn requester(client: &Client, namespace: &str) -> Result<Option<Requester>, Problem> {
    let action = |verb| Action {
        verb,
        group: String::new(),
        resource: "pods".to_owned(),
        namespace: Some(namespace.to_owned()),
    };
    let create = may(client, &action("create")).await?;
    let delete = may(client, &action("delete")).await?;
    let (Ok(may_create_pods), Ok(may_delete_pods)) = (create, delete) else {
        return Ok(None);
    };
    Ok(Some(Requester {
        user: user(client).await?,
        may_create_pods,
        may_delete_pods,
    }))
}

/// Owner, claims, and other pods where they matter.
async fn around(
    client: &Client,
    namespace: &str,
    pod: &Pod,
    seen: &mut validate::Facts,
    keep: &mut impl FnMut(&'static str, Unseen),
) -> Result<(), Problem> {
    if let Some((kind, owner)) = workload::owner_of(pod) {
        match owner_of(client, namespace, kind, &owner.name).await? {
            Ok(found) => seen.owner = found,
            Err(why) => keep("the pod's owner", why),
        }
    }
    if validate::depends_on_others(pod) {
        match all(Api::namespaced(client.clone(), namespace), "").await? {
            Ok(pods) => seen.pods = Some(pods),
            Err(why) => keep("the pods of the namespace", why),
        }
    }
    for volume in pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten()) {
        let Some(source) = &volume.persistent_volume_claim else {
            continue;
        };
        let claims: Api<PersistentVolumeClaim> = Api::namespaced(client.clone(), namespace);
        match one(claims, &source.claim_name).await? {
            Ok(Some(claim)) => {
                let bound = claim.spec.as_ref().and_then(|spec| spec.volume_name.clone());
                if let Some(bound) = bound {
                    match one(Api::all(client.clone()), &bound).await? {
                        Ok(volume) => seen.volumes.extend(volume),
                        Err(why) => keep("a volume of the pod", why),
                    }
                }
                seen.claims.push(claim);
            }
            Ok(None) => {}
            Err(why) => keep("a volume claim of the pod", why),
        }
    }
    Ok(())
}

async fn owner_of(
    client: &Client,
    namespace: &str,
    kind: OwnerKind,
    name: &str,
) -> Result<Got<Option<Workload>>, Problem> {
    Ok(match kind {
        OwnerKind::StatefulSet => {
            let found: Got<Option<StatefulSet>> =
                one(Api::namespaced(client.clone(), namespace), name).await?;
            found.map(|set| set.map(Workload::from))
        }
        OwnerKind::ReplicaSet => {
            let found: Got<Option<ReplicaSet>> =
                one(Api::namespaced(client.clone(), namespace), name).await?;
            found.map(|set| set.map(Workload::from))
        }
    })
}
