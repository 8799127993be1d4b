//! With what the nodes pull the images: a Secret that is there, or one that is made. Guarantee: of a file or Secret with users of
//! several registries, the user of this one registry goes into the cluster, and no other.

use std::path::Path;

use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use serde_json::Value;
use shadow_core::names::SYSTEM_NAMESPACE;
use shadow_core::registry_users::{NoUser, RegistryUsers};

use crate::connection::Connection;
use crate::images::login;
use crate::images::place::Place;
use crate::problem::Problem;

/// A Secret in our namespace.
#[derive(Debug)]
pub(super) struct Pull {
    /// Its name.
    pub(super) name: String,
    /// What it is made of; none if it is there already.
    pub(super) users: Option<Value>,
}

/// What was typed.
#[derive(Debug, PartialEq, Eq)]
enum Typed<'a> {
    File(&'a Path),
    Ours(&'a str),
    Other(&'a str, &'a str),
}

/// What can be known without a cluster.
pub(super) fn offline(text: &str, place: &Place) -> Result<Pull, Problem> {
    match typed(text, Path::is_file)? {
        Typed::File(file) => of_file(file, place),
        Typed::Ours(name) => Ok(there(name)),
        Typed::Other(namespace, name) => Err(Problem::Refused(format!(
            "Secret {namespace}/{name} is copied to namespace {SYSTEM_NAMESPACE} when it is installed, and --dry-run asks no cluster. \
             Name a file, or a Secret of namespace {SYSTEM_NAMESPACE}"
        ))),
    }
}

/// What was typed, looked up.
pub(super) async fn of(connection: &Connection, text: &str, place: &Place) -> Result<Pull, Problem> {
    match typed(text, Path::is_file)? {
        Typed::File(file) => of_file(file, place),
        Typed::Ours(name) => {
            let secrets: Api<Secret> = Api::namespaced(connection.client.clone(), SYSTEM_NAMESPACE);
            match secrets.get_opt(name).await? {
                Some(_) => Ok(there(name)),
                None => Err(Problem::Refused(format!(
                    "there is no Secret {SYSTEM_NAMESPACE}/{name}. To let this command make one, name a Docker configuration instead: \
                     --pull-secret FILE"
                ))),
            }
        }
        Typed::Other(namespace, name) => {
            let users = login::users_of_secret(&connection.client, namespace, name).await?;
            made(&users, place, &format!("Secret {namespace}/{name}"))
        }
    }
}

fn there(name: &str) -> Pull {
    Pull {
        name: name.to_owned(),
        users: None,
    }
}

fn of_file(file: &Path, place: &Place) -> Result<Pull, Problem> {
    let name = file.display().to_string();
    let json =
        std::fs::read(file).map_err(|error| Problem::Refused(format!("{name} cannot be read: {error}")))?;
    let users = RegistryUsers::parse(&json).map_err(|why| unusable(&name, &why))?;
    made(&users, place, &name)
}

fn made(users: &RegistryUsers, place: &Place, from: &str) -> Result<Pull, Problem> {
    let alone = users.alone(&place.repository("agent")?);
    Ok(Pull {
        name: shadow_core::names::PULL_SECRET.to_owned(),
        users: Some(alone.map_err(|why| unusable(from, &why))?),
    })
}

fn unusable(from: &str, why: &NoUser) -> Problem {
    Problem::Refused(format!(
        "{from} {why}. To make a Secret of user and password, type: kubectl create secret docker-registry NAME -n NAMESPACE \
         --docker-server=REGISTRY --docker-username=USER --docker-password=PASSWORD"
    ))
}

/// A file is what begins like one, or is one.
fn typed(text: &str, is_file: impl Fn(&Path) -> bool) -> Result<Typed<'_>, Problem> {
    let path = Path::new(text);
    if text.starts_with(['/', '.']) || is_file(path) {
        return Ok(Typed::File(path));
    }
    match text.split_once('/') {
        Some((SYSTEM_NAMESPACE, name)) if is_part(name) => Ok(Typed::Ours(name)),
        Some((namespace, name)) if is_part(namespace) && is_part(name) => Ok(Typed::Other(namespace, name)),
        Some(_) | None => Err(Problem::Refused(format!(
            "--pull-secret {text:?} is neither a file that exists nor NAMESPACE/SECRET, such as shop/pull"
        ))),
    }
}

fn is_part(text: &str) -> bool {
    !text.is_empty() && !text.contains('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pull_secret_is_a_file_or_a_secret() {
        let is_file = |path: &Path| path == Path::new("a/b");
        for (text, wanted) in [
            ("/x/config.json", Some(Typed::File(Path::new("/x/config.json")))),
            ("./config.json", Some(Typed::File(Path::new("./config.json")))),
            ("a/b", Some(Typed::File(Path::new("a/b")))),
            ("shop/pull", Some(Typed::Other("shop", "pull"))),
            ("shadow-system/pull", Some(Typed::Ours("pull"))),
            ("pull", None),
            ("shop/", None),
            ("a/b/c", None),
        ] {
            assert_eq!(typed(text, is_file).ok(), wanted, "{text}");
        }
    }
}
