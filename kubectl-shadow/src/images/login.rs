//! Who we are at a registry: typed, of a Secret, or of Docker's own file. Guarantee: no program that keeps passwords is run, and no
//! password appears in a message.

use std::io::Read;
use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};
use oci_client::secrets::RegistryAuth;
use shadow_core::registry_users::{NoUser, RegistryUsers};
use shadow_core::repository::Repository;
use shadow_core::wire::Login;

use crate::problem::Problem;

/// Key of the registries' users in a Secret.
pub(crate) const KEY: &str = ".dockerconfigjson";
/// More than any password has.
const MOST: u64 = 64 << 10;

/// Where a login came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// There is none.
    Nowhere,
    /// There is a file, which has none that can be used.
    Unusable(PathBuf, NoUser),
    /// The user of `--username`.
    Typed(String),
    /// A file, and its user.
    File(PathBuf, String),
    /// A Secret `NAMESPACE/NAME`, and its user.
    Secret(String, String),
}

impl Source {
    /// What is said when a registry asks for a login.
    pub(super) fn not_accepted(&self, registry: &str) -> String {
        let way =
            format!("To log in, type: docker login {registry}; or add --username USER --password-stdin");
        match self {
            Self::Nowhere => format!("wants a login. {way}"),
            Self::Unusable(file, why) => format!("wants a login, and {} {why}. {way}", file.display()),
            Self::Typed(user) => format!("does not accept user {user} with this password"),
            Self::File(file, user) => format!("does not accept user {user} of {}. {way}", file.display()),
            Self::Secret(secret, user) => format!("does not accept user {user} of Secret {secret}. {way}"),
        }
    }

    pub(super) fn user(&self) -> String {
        match self {
            Self::Nowhere | Self::Unusable(..) => "users without a login".to_owned(),
            Self::Typed(user) | Self::File(_, user) | Self::Secret(_, user) => format!("user {user}"),
        }
    }
}

/// A login, and where it came from.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) auth: RegistryAuth,
    pub(crate) source: Source,
}

impl Known {
    fn by(login: Login, source: impl FnOnce(String) -> Source) -> Self {
        let source = source(login.user.clone());
        Self {
            auth: RegistryAuth::Basic(login.user, login.password),
            source,
        }
    }

    fn none(source: Source) -> Self {
        Self {
            auth: RegistryAuth::Anonymous,
            source,
        }
    }
}

/// The user that was typed, with the password that stands on standard input.
pub(crate) fn typed(user: &str) -> Result<Known, Problem> {
    let mut password = String::new();
    let read = std::io::stdin().lock().take(MOST).read_to_string(&mut password);
    read.map_err(|error| {
        Problem::Refused(format!(
            "the password cannot be read from standard input: {error}"
        ))
    })?;
    let password = password.trim_end_matches(['\r', '\n']).to_owned();
    if password.is_empty() {
        return Err(Problem::Refused(
            "there is no password on standard input. To give one, put it before the command: cat FILE | kubectl shadow ..."
                .to_owned(),
        ));
    }
    let user = user.to_owned();
    Ok(Known::by(Login { user, password }, Source::Typed))
}

/// The user of Docker's file for this repository, if there is one.
pub(crate) fn of_docker(repository: &Repository) -> Result<Known, Problem> {
    let Some(file) = docker_file() else {
        return Ok(Known::none(Source::Nowhere));
    };
    match std::fs::read(&file) {
        Ok(json) => Ok(of_file(&file, &json, repository)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Known::none(Source::Nowhere)),
        Err(error) => Err(Problem::Refused(format!(
            "{} cannot be read: {error}",
            file.display()
        ))),
    }
}

fn of_file(file: &Path, json: &[u8], repository: &Repository) -> Known {
    let login = RegistryUsers::parse(json).and_then(|users| users.login(repository));
    match login {
        Ok(login) => Known::by(login, |user| Source::File(file.to_owned(), user)),
        Err(NoUser::NotNamed(_)) => Known::none(Source::Nowhere),
        Err(why) => Known::none(Source::Unusable(file.to_owned(), why)),
    }
}

fn docker_file() -> Option<PathBuf> {
    let folder = match std::env::var_os("DOCKER_CONFIG").filter(|folder| !folder.is_empty()) {
        Some(folder) => PathBuf::from(folder),
        None => std::env::home_dir()?.join(".docker"),
    };
    Some(folder.join("config.json"))
}

/// The user of a Secret for this repository.
pub(crate) async fn of_secret(
    client: &Client,
    (namespace, name): (&str, &str),
    repository: &Repository,
) -> Result<Known, Problem> {
    let users = users_of_secret(client, namespace, name).await?;
    let login = users
        .login(repository)
        .map_err(|why| Problem::Refused(format!("Secret {namespace}/{name} {why}")))?;
    Ok(Known::by(login, |user| {
        Source::Secret(format!("{namespace}/{name}"), user)
    }))
}

/// All users of a Secret.
pub(crate) async fn users_of_secret(
    client: &Client,
    namespace: &str,
    name: &str,
) -> Result<RegistryUsers, Problem> {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let Some(secret) = secrets.get_opt(name).await? else {
        return Err(Problem::Refused(format!(
            "there is no Secret {namespace}/{name}. To make it, type: kubectl create secret docker-registry {name} -n {namespace} \
             --docker-server=REGISTRY --docker-username=USER --docker-password=PASSWORD"
        )));
    };
    let data = secret.data.unwrap_or_default();
    let json = data.get(KEY).ok_or_else(|| {
        Problem::Refused(format!(
            "Secret {namespace}/{name} has no key {KEY}: it is not of type kubernetes.io/dockerconfigjson"
        ))
    })?;
    RegistryUsers::parse(&json.0)
        .map_err(|why| Problem::Refused(format!("key {KEY} of Secret {namespace}/{name} {why}")))
}
