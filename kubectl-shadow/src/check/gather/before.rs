//! What can be known before an installation: the user's rights, the version of the API server, and what nodes tell of themselves.

use std::collections::BTreeSet;

use futures::future::try_join_all;
use k8s_openapi::api::core::v1::{Namespace, Node};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::{Api, Client, ResourceExt};
use shadow_core::names::SYSTEM_NAMESPACE;
use shadow_deploy::{Dialling, Settings};

use super::cluster::version;
use super::rights::{Action, ESCALATE, may};
use super::{Got, all, one};
use crate::problem::Problem;

/// What is known.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Version of the API server.
    pub version: Got<String>,
    /// The namespace of our parts, if something is installed.
    pub namespace: Got<Option<Namespace>>,
    /// The nodes.
    pub nodes: Got<Vec<Node>>,
    /// What an installation does, and whether the user may.
    pub rights: Vec<(Action, Got<bool>)>,
}

/// Looks.
pub async fn look(client: &Client) -> Result<Facts, Problem> {
    let ask = async |action: Action| {
        let allowed = may(client, &action).await?;
        Ok((action, allowed))
    };
    let (version, namespace, nodes, rights) = tokio::try_join!(
        version(client),
        one(Api::all(client.clone()), SYSTEM_NAMESPACE),
        all(Api::all(client.clone()), ""),
        try_join_all(wanted()?.into_iter().map(ask)),
    )?;
    Ok(Facts {
        version,
        namespace,
        nodes,
        rights,
    })
}

/// The objects of an installation. Where their images come from does not matter here.
pub(super) fn objects() -> Result<Vec<DynamicObject>, Problem> {
    let settings = Settings {
        pull_secret: None,
        registry: "registry".to_owned(),
        tag: "any".to_owned(),
        plain_http_registries: Vec::new(),
        dialling: Dialling::default(),
        runtime_handler: true,
    };
    Ok(shadow_deploy::manifests(&settings)?)
}

/// Each kind of object is created or changed. Roles may be created by a user with all rights in them, or with the verb `escalate`.
fn wanted() -> Result<Vec<Action>, Problem> {
    let mut seen = BTreeSet::new();
    let mut wanted = Vec::new();
    for object in objects()? {
        let Some(kind) = object
            .types
            .as_ref()
            .and_then(|types| GroupVersionKind::try_from(types).ok())
        else {
            continue;
        };
        let resource = ApiResource::from_gvk(&kind);
        for verb in ["create", "patch"] {
            let key = (
                resource.group.clone(),
                resource.plural.clone(),
                object.namespace(),
                verb,
            );
            if seen.insert(key) {
                wanted.push(Action {
                    verb,
                    group: resource.group.clone(),
                    resource: resource.plural.clone(),
                    namespace: object.namespace(),
                });
            }
        }
    }
    let roles = ["clusterroles", "roles"].map(|resource| Action {
        verb: ESCALATE,
        group: "rbac.authorization.k8s.io".to_owned(),
        resource: resource.to_owned(),
        namespace: (resource == "roles").then(|| SYSTEM_NAMESPACE.to_owned()),
    });
    wanted.extend(roles);
    Ok(wanted)
}
