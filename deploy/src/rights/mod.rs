//! Who may do what, as the manifests say: RBAC judged without a cluster. docs/rights.md prints it, and a scenario asks a real API server
//! the same questions.
//!
//! Guarantee: a question is answered by what the manifests grant, and by nothing else; what Kubernetes itself grants to every account is
//! none of the things that are asked about.

mod granted;
mod never;

use std::collections::BTreeSet;
use std::fmt;

use kube::core::DynamicObject;
use shadow_core::names::{self, SYSTEM_NAMESPACE};

use self::granted::Grants;
use crate::{Settings, SettingsError, broker_access, manifests};

/// Verbs that are asked of everything; others, where they are granted to somebody.
pub const VERBS: [&str; 8] = [
    "get",
    "list",
    "watch",
    "create",
    "update",
    "patch",
    "delete",
    "deletecollection",
];
/// Stands for a namespace of users.
pub const THEIRS: &str = "theirs";
/// A Secret there that the controller was allowed to read (`kubectl shadow allow`).
pub const BROKER_SECRET: &str = "orders-broker";
/// Role of the cluster that no manifest binds.
pub const PAUSE_ROLE: &str = "shadow-pause";

/// Where something is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// In all namespaces, or to an object of the cluster.
    Everywhere,
    /// In our own namespace.
    System,
    /// In a namespace of users.
    Theirs,
}

impl Place {
    /// The namespace as a manifest names it.
    pub fn namespace(self) -> Option<&'static str> {
        match self {
            Self::Everywhere => None,
            Self::System => Some(SYSTEM_NAMESPACE),
            Self::Theirs => Some(THEIRS),
        }
    }

    fn of(namespace: Option<&str>) -> Self {
        match namespace {
            None => Self::Everywhere,
            Some(SYSTEM_NAMESPACE) => Self::System,
            Some(_) => Self::Theirs,
        }
    }
}

/// What somebody may do something to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Thing {
    /// API group; empty for the core.
    pub group: String,
    /// Resource, with its subresource (`pods/exec`).
    pub resource: String,
    /// Where.
    pub place: Place,
    /// One object of this name only.
    pub name: Option<String>,
}

impl fmt::Display for Thing {
    /// As kubectl writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (resource, sub) = self
            .resource
            .split_once('/')
            .map_or((self.resource.as_str(), None), |(resource, sub)| {
                (resource, Some(sub))
            });
        f.write_str(resource)?;
        if !self.group.is_empty() {
            write!(f, ".{}", self.group)?;
        }
        if let Some(sub) = sub {
            write!(f, "/{sub}")?;
        }
        match &self.name {
            Some(name) => write!(f, " {name}"),
            None => Ok(()),
        }
    }
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// A service account of ours.
    Account(&'static str),
    /// A user with this role of Kubernetes in the namespace [`THEIRS`].
    Role(&'static str),
    /// A user with this role of ours in the whole cluster.
    ClusterRole(&'static str),
    /// A user whom nobody gave anything.
    Anybody,
}

/// Our own identities.
pub const ACCOUNTS: [Holder; 3] = [
    Holder::Account(names::CONTROLLER_ACCOUNT),
    Holder::Account(names::WEBHOOK_ACCOUNT),
    Holder::Account(names::AGENT_ACCOUNT),
];
/// Users.
pub const USERS: [Holder; 5] = [
    Holder::Role("view"),
    Holder::Role("edit"),
    Holder::Role("admin"),
    Holder::ClusterRole(PAUSE_ROLE),
    Holder::Anybody,
];

impl Holder {
    /// User name, as the API server knows it. Those of users are the scenario's.
    pub fn user(self) -> String {
        match self {
            Self::Account(account) => names::account_user(account),
            Self::Role(role) | Self::ClusterRole(role) => format!("rights-{role}"),
            Self::Anybody => "rights-anybody".to_owned(),
        }
    }

    /// Groups that the API server gives this user.
    pub fn groups(self) -> Vec<String> {
        let all = "system:authenticated".to_owned();
        match self {
            Self::Account(_) => vec![
                "system:serviceaccounts".to_owned(),
                format!("system:serviceaccounts:{SYSTEM_NAMESPACE}"),
                all,
            ],
            Self::Role(_) | Self::ClusterRole(_) | Self::Anybody => vec![all],
        }
    }
}

/// What each of some holders may do to one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The thing.
    pub thing: Thing,
    /// Verbs that are asked.
    pub asked: BTreeSet<String>,
    /// Those that each holder may, in the order of the holders.
    pub allowed: Vec<BTreeSet<String>>,
}

/// Why there is no matrix: a defect of this build.
#[derive(Debug, thiserror::Error)]
pub enum RightsError {
    /// The manifests cannot be made.
    #[error(transparent)]
    Manifests(#[from] SettingsError),
    /// An object cannot be read as what it says it is.
    #[error("an object of the manifests cannot be read: {0}")]
    Object(#[from] serde_json::Error),
}

/// Everything that is granted to somebody, and what must not be, for these holders.
pub fn matrix(holders: &[Holder]) -> Result<Vec<Row>, RightsError> {
    let grants = Grants::read(&objects()?, holders)?;
    let mut things = grants.things();
    things.extend(never(holders));
    Ok(things
        .into_iter()
        .map(|thing| row(thing, &grants, holders))
        .collect())
}

/// Things that none of these holders may do anything to.
pub fn never(holders: &[Holder]) -> Vec<Thing> {
    never::things(holders)
}

fn row(thing: Thing, grants: &Grants, holders: &[Holder]) -> Row {
    let mut asked: BTreeSet<String> = VERBS.map(str::to_owned).into();
    asked.extend(grants.verbs(&thing));
    let allowed = holders
        .iter()
        .map(|&holder| {
            let may = |verb: &&String| grants.allow(holder, &thing, verb);
            asked.iter().filter(may).cloned().collect()
        })
        .collect();
    Row {
        thing,
        asked,
        allowed,
    }
}

/// The manifests, and one Secret of a broker.
fn objects() -> Result<Vec<DynamicObject>, RightsError> {
    let mut all = manifests(&Settings {
        registry: "registry.example".to_owned(),
        tag: "any".to_owned(),
        plain_http_registries: Vec::new(),
        pull_secret: None,
        runtime_handler: true,
        dialling: crate::Dialling::default(),
    })?;
    all.extend(broker_access::grants(THEIRS, BROKER_SECRET)?);
    Ok(all)
}
