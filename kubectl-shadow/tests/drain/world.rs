//! An API server with a node, three pods, and a controller that does what a test says.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::stub::{Answer, Asked, Stub, failure, list};

const TIME: &str = "2026-01-02T03:04:05.000000Z";
/// What becomes of each migration that is ordered.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moves {
    /// It waits for its turn until it is called off.
    Wait,
    /// It goes on for ever; too late to undo it.
    Commit,
    /// It ends at once, exact.
    End,
    /// Moves are paused: it is refused, and only its plan is made.
    Paused,
}

/// What becomes of a pod that is no consumer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Web {
    /// There is none.
    Absent,
    /// It may not be evicted: its budget is spent.
    Blocked,
    /// It has left by itself.
    Left,
}

pub(crate) struct World {
    pub(crate) stub: Stub,
    moves: Arc<Mutex<Moves>>,
    web: Arc<Mutex<Web>>,
}

impl World {
    pub(crate) fn with(moves: Moves) -> Self {
        let moves = Arc::new(Mutex::new(moves));
        let web = Arc::new(Mutex::new(Web::Absent));
        let (known, of_all, of_web) = (Mutex::new(Vec::new()), Arc::clone(&moves), Arc::clone(&web));
        let stub = Stub::that_answers(move |asked| {
            let mut known = known.lock().unwrap();
            answer(
                asked,
                &mut known,
                *of_all.lock().unwrap(),
                *of_web.lock().unwrap(),
            )
        });
        Self { stub, moves, web }
    }

    /// The pod that is no consumer, from now on.
    pub(crate) fn has(&self, web: Web) {
        *self.web.lock().unwrap() = web;
    }

    /// How often an eviction was asked for.
    pub(crate) fn evictions(&self) -> usize {
        let is_one = |asked: &&Asked| asked.place().ends_with("/eviction");
        self.stub.changes().iter().filter(is_one).count()
    }

    /// From now on.
    pub(crate) fn turns(&self, moves: Moves) {
        *self.moves.lock().unwrap() = moves;
    }

    /// Migrations that were ordered; plans are none.
    pub(crate) fn ordered(&self) -> usize {
        let is_move =
            |asked: &&Asked| asked.method == "POST" && asked.body["spec"]["planOnly"] != json!(true);
        self.stub.changes().iter().filter(is_move).count()
    }

    pub(crate) fn called_off(&self) -> usize {
        let calls = |asked: &&Asked| asked.body["spec"]["cancel"] == json!(true);
        self.stub.changes().iter().filter(calls).count()
    }
}

fn while_paused(asked: &Asked) -> Option<Answer> {
    let place = asked.place();
    if place.ends_with("/pauses/moves") {
        let pause = json!({"apiVersion": "migration.ms2m.io/v1alpha1", "kind": "Pause", "metadata": {"name": "moves"},
            "spec": {"reason": "the broker is updated"}});
        return Some(Answer::Json(200, pause));
    }
    let is_move = place.ends_with("/statefulmigrations") && asked.body["spec"]["planOnly"] != json!(true);
    let refused = "spec.planOnly: moves are paused (the broker is updated)";
    (asked.method == "POST" && is_move).then(|| failure(403, "Forbidden", refused, "x"))
}

fn answer(asked: &Asked, known: &mut Vec<Value>, moves: Moves, web: Web) -> Answer {
    if moves == Moves::Paused
        && let Some(answer) = while_paused(asked)
    {
        return answer;
    }
    let place = asked.place();
    let name = place.rsplit('/').next().unwrap();
    let is_migration = place.contains("/statefulmigrations");
    match (asked.method.as_str(), place) {
        (_, "/api/v1/nodes/node-a") => Answer::Json(200, node()),
        ("GET", "/api/v1/pods") => list("PodList", pods(known, moves, web)),
        ("POST", _) if name == "eviction" => failure(429, "TooManyRequests", "the budget web allows 0", ""),
        ("GET", "/version") => Answer::Json(
            200,
            json!({"major": "1", "minor": "36", "gitVersion": "v1.36.3", "buildDate": "", "compiler": "", "gitCommit": "",
                "gitTreeState": "", "goVersion": "", "platform": ""}),
        ),
        ("GET", _) if asked.path.contains("watch=true") => Answer::Stream(Vec::new()),
        ("GET", _) if is_migration && name == "statefulmigrations" => {
            let is_wanted = |one: &&Value| match asked.path.split_once("metadata.name%3D") {
                Some((_, wanted)) => wanted.split('&').next() == one["metadata"]["name"].as_str(),
                None => true,
            };
            let all = known.iter().filter(is_wanted).map(|one| shown(one, moves));
            list("StatefulMigrationList", all.collect())
        }
        ("POST", _) if is_migration => {
            let mut made = asked.body.clone();
            let name = format!(
                "{}{}",
                made["metadata"]["generateName"].as_str().unwrap(),
                known.len()
            );
            let created = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
            made["metadata"] = json!({"name": name, "namespace": "shop", "uid": name, "resourceVersion": "1",
                "creationTimestamp": created});
            known.push(made.clone());
            Answer::Json(201, made)
        }
        (method, _) if is_migration => {
            let Some(one) = known.iter_mut().find(|one| one["metadata"]["name"] == name) else {
                return failure(404, "NotFound", "not found", name);
            };
            if method == "PATCH" {
                one["spec"]["cancel"] = json!(true);
            }
            let answer = Answer::Json(200, shown(one, moves));
            if method == "DELETE" {
                known.retain(|one| one["metadata"]["name"] != name);
            }
            answer
        }
        (_, _) => failure(404, "NotFound", "not found", name),
    }
}

fn node() -> Value {
    json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-a"}})
}

/// Two consumers, until they are moved, a pod of a DaemonSet, and one that is no consumer.
fn pods(known: &[Value], moves: Moves, web: Web) -> Vec<Value> {
    let pod = |name: &str, metadata: Value| {
        let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "status": {"phase": "Running"},
            "metadata": {"name": name, "namespace": "shop", "uid": format!("uid-{name}")}});
        json_patch::merge(&mut pod["metadata"], &metadata);
        pod
    };
    let consumer = |name: &str| pod(name, json!({"annotations": {"migration.ms2m.io/queue": "q"}}));
    let has_left = |name: &str| {
        let moved = |one: &Value| {
            let is = |field: &str| one["spec"][field] == json!(true);
            one["spec"]["sourcePod"] == name && !is("planOnly") && !is("cancel")
        };
        moves == Moves::End && known.iter().any(moved)
    };
    let consumers = ["orders-0", "orders-1"]
        .into_iter()
        .filter(|name| !has_left(name));
    let owned = |name: &str, kind: &str| {
        let owner =
            json!({"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": "d", "controller": true});
        pod(name, json!({"ownerReferences": [owner]}))
    };
    let rest = (web == Web::Blocked).then(|| owned("web", "ReplicaSet"));
    let agent = owned("agent", "DaemonSet");
    consumers.map(consumer).chain([agent]).chain(rest).collect()
}

/// As the controller would have it by now.
fn shown(migration: &Value, moves: Moves) -> Value {
    let mut shown = migration.clone();
    let pod = migration["spec"]["sourcePod"].as_str().unwrap();
    let plan = json!({"strategy": "ShadowPod", "because": "as asked", "container": "c", "sourceNode": "node-a",
        "targetNode": "node-b", "checkpointBackend": "Runtime", "queue": {"queue": "q", "quorum": false},
        "source": {"namespace": "shop", "name": pod, "uid": format!("uid-{pod}")}});
    let outlook =
        json!({"totalMillis": 5300, "pauseMillis": 1200, "freezeMillis": 80, "basis": "Measurements"});
    let is_plan = migration["spec"]["planOnly"] == json!(true);
    let is_cancelled = migration["spec"]["cancel"] == json!(true);
    shown["status"] = match (is_plan, is_cancelled, moves) {
        (true, _, _) => json!({"phase": "Planned", "plan": plan, "outlook": outlook}),
        (false, true, Moves::Wait | Moves::End | Moves::Paused) => {
            json!({"phase": "Cancelled", "completionTime": TIME})
        }
        (false, false, Moves::Wait | Moves::Paused) => json!({"phase": "Pending"}),
        (false, _, Moves::Commit) => json!({"phase": "Replaying", "plan": plan, "startTime": TIME,
            "steps": [{"step": "Commit", "leg": 1, "started": TIME}]}),
        (false, false, Moves::End) => {
            json!({"phase": "Completed", "plan": plan, "startTime": TIME, "completionTime": TIME,
            "pause": "412ms", "verdict": {"exact": true, "because": "proven"}})
        }
    };
    shown
}
