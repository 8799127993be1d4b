//! Users of registries, as Docker's configuration and Secrets of type `kubernetes.io/dockerconfigjson` write them down.
//!
//! Guarantee: of several registries, the user of the very one is taken; nothing of a user appears in an error.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::repository::Repository;
use crate::wire::Login;

/// Names under which tools write down Docker's own registry.
const DOCKER: [&str; 3] = ["docker.io", "index.docker.io", "registry-1.docker.io"];

/// All that one file names.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegistryUsers {
    #[serde(default)]
    auths: BTreeMap<String, Auth>,
    #[serde(default)]
    cred_helpers: BTreeMap<String, String>,
    #[serde(default)]
    creds_store: Option<String>,
}

#[derive(Deserialize)]
struct Auth {
    username: Option<String>,
    password: Option<String>,
    auth: Option<String>,
}

/// Why there is no user for a registry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoUser {
    /// It is not JSON of this form. The words of a parser would show what it stumbled over.
    #[error("is not JSON with the users of registries")]
    Unreadable,
    /// It does not name the registry.
    #[error("names no user for registry {0}")]
    NotNamed(String),
    /// It names the registry in a way that cannot be used.
    #[error("has neither username and password nor auth (user:password in Base64) for registry {0}")]
    Incomplete(String),
    /// A program of its owner keeps the password.
    #[error("leaves the user for registry {registry} to docker-credential-{helper}")]
    InHelper {
        /// Registry.
        registry: String,
        /// The end of the program's name.
        helper: String,
    },
}

impl RegistryUsers {
    /// Reads such a file.
    pub fn parse(json: &[u8]) -> Result<Self, NoUser> {
        serde_json::from_slice(json).map_err(|_| NoUser::Unreadable)
    }

    /// The user for a repository.
    pub fn login(&self, repository: &Repository) -> Result<Login, NoUser> {
        self.entry(repository).map(|(_, login)| login)
    }

    /// A file with the user for this repository and no other.
    pub fn alone(&self, repository: &Repository) -> Result<Value, NoUser> {
        let (server, login) = self.entry(repository)?;
        let auth = STANDARD.encode(format!("{}:{}", login.user, login.password));
        let user = json!({"username": login.user, "password": login.password, "auth": auth});
        Ok(json!({"auths": {(server): user}}))
    }

    fn entry(&self, repository: &Repository) -> Result<(&str, Login), NoUser> {
        let registry = repository.authority();
        let chosen = self.chosen(repository);
        if let Some((server, login)) =
            chosen.and_then(|(server, auth)| login(auth).map(|login| (server, login)))
        {
            return Ok((server, login));
        }
        let helper = self.cred_helpers.get(&registry).or(self.creds_store.as_ref());
        Err(match (helper, chosen) {
            (Some(helper), _) => NoUser::InHelper {
                registry,
                helper: helper.clone(),
            },
            (None, Some(_)) => NoUser::Incomplete(registry),
            (None, None) => NoUser::NotNamed(registry),
        })
    }

    /// The entry whose path reaches farthest into the repository's, as kubelet chooses.
    fn chosen(&self, repository: &Repository) -> Option<(&str, &Auth)> {
        let fitting = self.auths.iter().filter_map(|(server, auth)| {
            let (host, path) = host_and_path(server);
            let same = host.eq_ignore_ascii_case(&repository.authority()) || is_docker(host, repository);
            (same && covers(path, repository.path())).then_some((path.len(), (server.as_str(), auth)))
        });
        fitting.max_by_key(|(length, _)| *length).map(|(_, entry)| entry)
    }
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
    use super::*;

    fn read(config: &Value, repository: &str) -> Result<Login, NoUser> {
        RegistryUsers::parse(config.to_string().as_bytes())?.login(&Repository::parse(repository).unwrap())
    }

    fn several() -> Value {
        let someone = |user: &str| json!({"username": user, "password": "p"});
        json!({"auths": {
            "registry.example.org": someone("plain"),
            "https://registry.example.org:5000/v2/": someone("port"),
            "registry.example.org/team": someone("team"),
            "https://index.docker.io/v1/": someone("docker"),
        }})
    }

    #[test]
    fn the_user_of_the_very_registry_is_chosen_and_no_other() {
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
            let user = read(&several(), repository).ok().map(|login| login.user);
            assert_eq!(user.as_deref(), expected, "{repository}");
        }
    }

    #[test]
    fn user_and_password_may_stand_together() {
        let config = json!({"auths": {"r.example.org": {"auth": STANDARD.encode("robot:pass:word")}}});
        let login = read(&config, "r.example.org/a").unwrap();
        assert_eq!(
            (login.user.as_str(), login.password.as_str()),
            ("robot", "pass:word")
        );
    }

    #[test]
    fn a_file_of_one_user_holds_no_other() {
        let users = RegistryUsers::parse(several().to_string().as_bytes()).unwrap();
        let alone = users.alone(&Repository::parse("registry.example.org/team/agent").unwrap());
        let alone = alone.unwrap();
        assert_eq!(alone["auths"].as_object().unwrap().len(), 1);
        assert_eq!(
            alone["auths"]["registry.example.org/team"],
            json!({"username": "team", "password": "p", "auth": STANDARD.encode("team:p")})
        );
    }

    #[test]
    fn what_cannot_be_used_is_said_without_showing_it() {
        let of_it = json!({"r.example.org": {"identitytoken": "topsecret"}});
        for (config, why) in [
            (json!({"auths": {}}), "names no user for registry r.example.org"),
            (json!({"auths": of_it}), "neither"),
            (
                json!({"auths": {"r.example.org": {"auth": "topsecret!"}}}),
                "neither",
            ),
            (
                json!({"auths": {"r.example.org": {}}, "credsStore": "desktop"}),
                "docker-credential-desktop",
            ),
            (
                json!({"credHelpers": {"r.example.org": "ecr-login"}, "credsStore": "desktop"}),
                "docker-credential-ecr-login",
            ),
            (json!({"auths": "topsecret"}), "not JSON"),
        ] {
            let error = read(&config, "r.example.org/a").unwrap_err().to_string();
            assert!(error.contains(why) && !error.contains("topsecret"), "{error}");
        }
    }
}
