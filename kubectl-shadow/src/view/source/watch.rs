//! One watch of one kind, as changes. Guarantee: an object that is gone when the watch begins anew is told as deleted.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use futures::future::ready;
use futures::stream::{self, BoxStream, StreamExt};
use jiff::Timestamp;
use kube::api::{ApiResource, DynamicObject};
use kube::core::Status;
use kube::runtime::utils::Backoff;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client};
use serde_json::{Value, json};
use shadow_deploy::answer;

use crate::view::event::{Change, Kind, What};
use crate::view::recording::clean::cleaned;

/// Between two tries of a watch, the first and the longest.
const FIRST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(2);

/// What is watched.
#[derive(Clone, Debug)]
pub struct Target {
    /// Its kind in the stream of changes.
    pub kind: Kind,
    /// The id of the link that says whether it can be seen.
    pub link: &'static str,
    /// Its kind in the cluster.
    pub resource: ApiResource,
    /// Namespace; none: all.
    pub namespace: Option<String>,
    /// Field selector; empty: all.
    pub fields: String,
    /// Label selector; empty: all.
    pub labels: String,
}

/// What a watch said.
pub(super) type Said = Result<watcher::Event<DynamicObject>, watcher::Error>;

impl Target {
    /// The stream of what is said. It ends when there is nothing to be hoped for: asking for what a server does not know, or may
    /// not tell, would only be a burden to it. Without migrations there is nothing to see: these are asked for again and again.
    pub(super) fn stream(&self, client: &Client) -> BoxStream<'static, Said> {
        let api: Api<DynamicObject> = match &self.namespace {
            Some(namespace) => Api::namespaced_with(client.clone(), namespace, &self.resource),
            None => Api::all_with(client.clone(), &self.resource),
        };
        let config = watcher::Config::default();
        let config = if self.fields.is_empty() {
            config
        } else {
            config.fields(&self.fields)
        };
        let config = if self.labels.is_empty() {
            config
        } else {
            config.labels(&self.labels)
        };
        let gives_up = self.kind != Kind::Migration;
        let said = watcher::watcher(api, config).backoff(Patience(FIRST));
        let last = move |said: Said| {
            let is_last = gives_up && said.as_ref().is_err_and(is_hopeless);
            stream::iter([Some(said)].into_iter().chain(is_last.then_some(None)))
        };
        said.flat_map(last)
            .take_while(|said| ready(said.is_some()))
            .filter_map(ready)
            .boxed()
    }
}

fn is_hopeless(error: &watcher::Error) -> bool {
    refusal(error).is_some_and(|status| matches!(status.code, 401 | 403 | 404))
}

/// What the API server answered instead.
fn refusal(error: &watcher::Error) -> Option<&Status> {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => Some(status),
        watcher::Error::InitialListFailed(_)
        | watcher::Error::WatchStartFailed(_)
        | watcher::Error::WatchFailed(_)
        | watcher::Error::NoResourceVersion => None,
    }
}

/// Tries that become rarer, but never rare: a person waits.
struct Patience(Duration);

impl Iterator for Patience {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let now = self.0;
        self.0 = (now * 2).min(LONGEST);
        Some(now)
    }
}

impl Backoff for Patience {
    fn reset(&mut self) {
        self.0 = FIRST;
    }
}

/// What one watch has shown.
pub(super) struct Watched {
    target: Target,
    /// What was told, each with its version.
    known: HashMap<String, u64>,
    listed: HashSet<String>,
    state: Option<Value>,
}

impl Watched {
    pub(super) fn new(target: Target) -> Self {
        Self {
            target,
            known: HashMap::new(),
            listed: HashSet::new(),
            state: None,
        }
    }

    /// What is watched.
    pub(super) fn target(&self) -> &Target {
        &self.target
    }

    /// What it said, as changes.
    pub(super) fn changes(&mut self, said: Said, at: Timestamp) -> Vec<Change> {
        match said {
            Ok(watcher::Event::Init) => {
                self.listed.clear();
                Vec::new()
            }
            Ok(watcher::Event::InitApply(object)) => {
                self.listed.insert(id(&object));
                self.read(object, at).into_iter().collect()
            }
            Ok(watcher::Event::Apply(object)) => self.read(object, at).into_iter().collect(),
            Ok(watcher::Event::Delete(object)) => {
                self.known.remove(&id(&object));
                vec![self.deleted(id(&object), at)]
            }
            Ok(watcher::Event::InitDone) => {
                let gone: Vec<String> = self
                    .known
                    .keys()
                    .filter(|id| !self.listed.contains(*id))
                    .cloned()
                    .collect();
                self.known.retain(|id, _| self.listed.contains(id));
                let gone: Vec<Change> = gone.into_iter().map(|id| self.deleted(id, at)).collect();
                gone.into_iter()
                    .chain(self.link(json!({"state": "seen"}), at))
                    .collect()
            }
            Err(error) => self.link(unseen(&error), at).into_iter().collect(),
        }
    }

    /// An object that was read, unless what was told of it is as new. Watches and reads overtake each other.
    pub(super) fn read(&mut self, object: DynamicObject, at: Timestamp) -> Option<Change> {
        let id = id(&object);
        let version = object
            .metadata
            .resource_version
            .as_deref()
            .and_then(|version| version.parse().ok())
            .unwrap_or(0);
        let told = self.known.insert(id.clone(), version);
        if let Some(told) = told.filter(|told| version != 0 && version <= *told) {
            self.known.insert(id, told);
            return None;
        }
        // A dynamic object is plain JSON: there is nothing in it that JSON cannot say.
        let value = serde_json::to_value(object).unwrap_or(Value::Null);
        let value = if self.target.kind == Kind::Pod {
            of_pod(&value)
        } else {
            value
        };
        Some(Change {
            at,
            kind: self.target.kind,
            id,
            what: What::Set(cleaned(value)),
        })
    }

    fn deleted(&self, id: String, at: Timestamp) -> Change {
        Change {
            at,
            kind: self.target.kind,
            id,
            what: What::Deleted,
        }
    }

    /// Whether it can be seen; only when that has changed.
    fn link(&mut self, state: Value, at: Timestamp) -> Option<Change> {
        if self.state.as_ref() == Some(&state) {
            return None;
        }
        self.state = Some(state.clone());
        Some(Change {
            at,
            kind: Kind::Link,
            id: self.target.link.to_owned(),
            what: What::Set(state),
        })
    }
}

fn id(object: &DynamicObject) -> String {
    let name = object.metadata.name.as_deref().unwrap_or_default();
    match &object.metadata.namespace {
        Some(namespace) => format!("{namespace}/{name}"),
        None => name.to_owned(),
    }
}

/// What is shown of a pod. Its arguments and annotations may hold anything, and are nobody's business here.
fn of_pod(pod: &Value) -> Value {
    let take = |path: &str| pod.pointer(path).cloned().unwrap_or(Value::Null);
    json!({
        "metadata": {
            "name": take("/metadata/name"), "namespace": take("/metadata/namespace"), "uid": take("/metadata/uid"),
            "deletionTimestamp": take("/metadata/deletionTimestamp"),
        },
        "spec": {"nodeName": take("/spec/nodeName")},
        "status": {"phase": take("/status/phase"), "conditions": take("/status/conditions"),
            "containerStatuses": take("/status/containerStatuses")},
    })
}

/// Why a kind cannot be seen.
fn unseen(error: &watcher::Error) -> Value {
    if let Some(status) = refusal(error) {
        let state = match status.code {
            401 => "unknown",
            403 => "forbidden",
            404 => "absent",
            _ => "silent",
        };
        return json!({"state": state, "why": status.message});
    }
    let why = match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => answer::said_briefly(error),
        watcher::Error::WatchError(_) | watcher::Error::NoResourceVersion => error.to_string(),
    };
    json!({"state": "silent", "why": why})
}
