//! How a registry is met, out of a Secret of type `kubernetes.io/dockerconfigjson`.
//!
//! Guarantees: an agent gets the user and password of the one registry that its request names, nothing else of the
//! Secret; nothing of them appears in a message.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};
use shadow_core::api::{RestoreBackend, StatefulMigration};
use shadow_core::premise::world::Way;
use shadow_core::registry_users::RegistryUsers;
use shadow_core::repository::Repository;
use shadow_core::wire::RegistryAccess;

use crate::context::Context;
use crate::error::ControllerError;

/// Key of the registries' users.
const CONFIG: &str = ".dockerconfigjson";
/// Further key of ours: authority of the registry's certificate.
const CA: &str = "ca.crt";
/// Where checkpoint images of a migration go, and how.
pub(crate) async fn of(
    client: &Client,
    migration: &StatefulMigration,
    namespace: &str,
) -> Result<(Repository, RegistryAccess), ControllerError> {
    let repository = repository(migration)?;
    let secret = migration.spec.checkpoint_image_secret_ref.as_deref();
    let access = access(client, namespace, secret, &repository).await?;
    Ok((repository, access))
}

/// The way of an archive to its registry, if it takes one.
pub(crate) async fn way(
    ctx: &Context,
    migration: &StatefulMigration,
    restore: RestoreBackend,
) -> Result<Option<Way>, ControllerError> {
    let Some(way) = ctx.dialling.way(&migration.spec, restore, false) else {
        return Ok(None);
    };
    if way.encrypted {
        return Ok(Some(way));
    }
    // An authority in the Secret keeps the agents from plain HTTP.
    let namespace = migration.metadata.namespace.as_deref().unwrap_or_default();
    let (_, access) = of(&ctx.client, migration, namespace).await?;
    Ok(ctx.dialling.way(&migration.spec, restore, access.ca.is_some()))
}

/// Where they go.
pub(crate) fn repository(migration: &StatefulMigration) -> Result<Repository, ControllerError> {
    let text = migration
        .spec
        .checkpoint_image_repository
        .as_deref()
        .unwrap_or_default();
    Repository::parse(text).map_err(|error| ControllerError::Repository(error.to_string()))
}

/// Reads the Secret that a migration names.
async fn access(
    client: &Client,
    namespace: &str,
    secret: Option<&str>,
    repository: &Repository,
) -> Result<RegistryAccess, ControllerError> {
    let Some(name) = secret else {
        return Ok(RegistryAccess::default());
    };
    let unusable = |cause: String| ControllerError::RegistrySecret {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        cause,
    };
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let code = |error: &kube::Error| {
        if let kube::Error::Api(status) = error {
            status.code
        } else {
            0
        }
    };
    let found = api.get(name).await.map_err(|error| match code(&error) {
        404 => unusable("it does not exist".to_owned()),
        403 => unusable(format!(
            "the controller may not read it. To allow it, type: kubectl shadow allow -n {namespace} --secret {name}"
        )),
        _ => ControllerError::Api(error),
    })?;
    of_secret(&found.data.unwrap_or_default(), repository).map_err(unusable)
}

fn of_secret(data: &BTreeMap<String, ByteString>, repository: &Repository) -> Result<RegistryAccess, String> {
    let ca = data
        .get(CA)
        .map(|pem| String::from_utf8_lossy(&pem.0).into_owned());
    let json = data.get(CONFIG).ok_or_else(|| {
        format!(
            "it has no key {CONFIG}. To make such a Secret, type: kubectl create secret docker-registry NAME \
             --docker-server={} --docker-username=USER --docker-password=PASSWORD",
            repository.authority()
        )
    })?;
    let users = RegistryUsers::parse(&json.0);
    let login = users.and_then(|users| users.login(repository));
    let login = login.map_err(|why| format!("its key {CONFIG} {why}"))?;
    Ok(RegistryAccess {
        login: Some(login),
        ca,
    })
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use serde_json::json;

    use super::*;

    fn read(config: &serde_json::Value, repository: &str) -> Result<RegistryAccess, String> {
        let data = BTreeMap::from([
            (CONFIG.to_owned(), ByteString(config.to_string().into_bytes())),
            (CA.to_owned(), ByteString(b"PEM".to_vec())),
        ]);
        of_secret(&data, &Repository::parse(repository).unwrap())
    }

    #[test]
    fn the_user_and_the_authority_are_read() {
        let config = json!({"auths": {"r.example.org": {"auth": STANDARD.encode("robot:pass:word")}}});
        let access = read(&config, "r.example.org/a").unwrap();
        let login = access.login.unwrap();
        assert_eq!(
            (login.user.as_str(), login.password.as_str()),
            ("robot", "pass:word")
        );
        assert_eq!(access.ca.as_deref(), Some("PEM"));
    }

    #[test]
    fn what_cannot_be_used_is_said_without_showing_it() {
        for (config, why) in [
            (json!({"auths": {}}), "its key .dockerconfigjson names no user"),
            (
                json!({"auths": {"r.example.org": {"auth": "topsecret!"}}}),
                "neither",
            ),
            (json!({"auths": "topsecret"}), "is not JSON"),
        ] {
            let error = read(&config, "r.example.org/a").unwrap_err();
            assert!(error.contains(why) && !error.contains("topsecret"), "{error}");
        }
        let none = of_secret(
            &BTreeMap::new(),
            &Repository::parse("r.example.org:5000/a").unwrap(),
        )
        .unwrap_err();
        assert!(none.contains("--docker-server=r.example.org:5000"), "{none}");
    }
}
