//! How a registry is met, out of a Secret of type `kubernetes.io/dockerconfigjson`.
//!
//! Guarantees: an agent gets the user and password of the one registry that its request names, nothing else of the
//! Secret; nothing of them appears in a message.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};
use serde::Deserialize;
use shadow_core::api::StatefulMigration;
use shadow_core::repository::Repository;
use shadow_core::wire::{Login, RegistryAccess};

use crate::error::ControllerError;

/// Key of the registries' users.
const CONFIG: &str = ".dockerconfigjson";
/// Further key of ours: authority of the registry's certificate.
const CA: &str = "ca.crt";
/// Names under which tools write down Docker's own registry.
const DOCKER: [&str; 3] = ["docker.io", "index.docker.io", "registry-1.docker.io"];

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    auths: BTreeMap<String, Auth>,
}

#[derive(Deserialize)]
struct Auth {
    username: Option<String>,
    password: Option<String>,
    auth: Option<String>,
}

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
    // An error of the parser would show what it stumbled over.
    let config: Config = serde_json::from_slice(&json.0)
        .map_err(|_| format!("its key {CONFIG} is not JSON with the users of registries"))?;
    let auth = chosen(&config, repository).ok_or_else(|| {
        format!(
            "its key {CONFIG} names no user for registry {}",
            repository.authority()
        )
    })?;
    let login = login(auth).ok_or_else(|| {
        format!(
            "its key {CONFIG} has neither username and password nor auth (user:password in Base64) for registry {}",
            repository.authority()
        )
    })?;
    Ok(RegistryAccess {
        login: Some(login),
        ca,
    })
}

/// The entry whose path reaches farthest into the repository's, as kubelet chooses.
fn chosen<'a>(config: &'a Config, repository: &Repository) -> Option<&'a Auth> {
    let fitting = config.auths.iter().filter_map(|(server, auth)| {
        let (host, path) = host_and_path(server);
        let same = host.eq_ignore_ascii_case(&repository.authority()) || is_docker(host, repository);
        (same && covers(path, repository.path())).then_some((path.len(), auth))
    });
    fitting.max_by_key(|(length, _)| *length).map(|(_, auth)| auth)
}

/// `https://host:port/v1/` and the like, as Docker writes it, without what says nothing.
fn host_and_path(server: &str) -> (&str, &str) {
    let bare = server
        .strip_prefix("https://")
        .or_else(|| server.strip_prefix("http://"))
        .unwrap_or(server);
    let (host, path) = bare.split_once('/').unwrap_or((bare, ""));
    match path.trim_end_matches('/') {
        "v1" | "v2" => (host, ""),
        path => (host, path),
    }
}

fn is_docker(host: &str, repository: &Repository) -> bool {
    DOCKER.contains(&host) && DOCKER.contains(&repository.authority().as_str())
}

fn covers(path: &str, repository: &str) -> bool {
    let rest = repository.strip_prefix(path);
    path.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn login(auth: &Auth) -> Option<Login> {
    if let (Some(user), Some(password)) = (&auth.username, &auth.password) {
        return Some(Login {
            user: user.clone(),
            password: password.clone(),
        });
    }
    let pair = STANDARD.decode(auth.auth.as_ref()?.trim()).ok()?;
    let pair = String::from_utf8(pair).ok()?;
    let (user, password) = pair.split_once(':')?;
    Some(Login {
        user: user.to_owned(),
        password: password.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(config: &serde_json::Value, repository: &str) -> Result<RegistryAccess, String> {
        let data = BTreeMap::from([
            (CONFIG.to_owned(), ByteString(config.to_string().into_bytes())),
            (CA.to_owned(), ByteString(b"PEM".to_vec())),
        ]);
        of_secret(&data, &Repository::parse(repository).unwrap())
    }

    fn user(config: &serde_json::Value, repository: &str) -> Option<String> {
        read(config, repository).ok()?.login.map(|login| login.user)
    }

    #[test]
    fn the_user_of_the_very_registry_is_chosen_and_no_other() {
        let someone = |user: &str| json!({"username": user, "password": "p"});
        let config = json!({"auths": {
            "registry.example.org": someone("plain"),
            "https://registry.example.org:5000/v2/": someone("port"),
            "registry.example.org/team": someone("team"),
            "https://index.docker.io/v1/": someone("docker"),
        }});
        for (repository, expected) in [
            ("registry.example.org/a", Some("plain")),
            ("registry.example.org/team", Some("team")),
            ("registry.example.org/team/a", Some("team")),
            ("registry.example.org/teams/a", Some("plain")),
            ("registry.example.org:5000/team/a", Some("port")),
            ("registry.example.org:5001/a", None),
            ("docker.io/me/a", Some("docker")),
            ("evil.example.org/a", None),
            ("example.org/a", None),
        ] {
            assert_eq!(user(&config, repository).as_deref(), expected, "{repository}");
        }
    }

    #[test]
    fn user_and_password_may_stand_together() {
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
            (json!({"auths": {}}), "names no user"),
            (
                json!({"auths": {"r.example.org": {"identitytoken": "topsecret"}}}),
                "neither",
            ),
            (
                json!({"auths": {"r.example.org": {"auth": "topsecret!"}}}),
                "neither",
            ),
            (json!({"auths": "topsecret"}), "not JSON"),
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
