//! What each identity may do is asked of a real API server: every verb of every row of docs/rights.md, also those that are not granted.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use shadow_deploy::broker_access;
use shadow_deploy::rights::{ACCOUNTS, BROKER_SECRET, Holder, Place, Row, Thing, USERS, matrix};
use xtask_lab::cluster::{Cluster, wait_for};
use xtask_lab::fed::fed;
use xtask_lab::stage::{self, capture};

use super::Bench;

/// The API server reads bindings from a cache.
const SOON: Duration = Duration::from_secs(15);
/// Stands for a namespace of users; no other scenario needs what is bound there.
const NAMESPACE: &str = "rights";
/// Mismatches that are told.
const TOLD: usize = 20;

pub(super) fn are_as_told(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    let bound = Bound::bind(cluster)?;
    let questions: Vec<Question> = [&ACCOUNTS[..], &USERS[..]]
        .into_iter()
        .map(|holders| Ok(questions(holders, &matrix(holders)?)))
        .collect::<Result<Vec<_>>>()?
        .concat();
    let granted = questions.iter().filter(|question| question.allowed).count();
    ensure!(
        granted > 100 && questions.len() - granted > 500,
        "{granted} of {} questions have the answer yes: that is no matrix",
        questions.len()
    );
    bound.are_in_force(&questions)?;
    let wrong: Vec<String> = answers(cluster, &questions)?
        .into_iter()
        .zip(&questions)
        .filter(|(answered, question)| *answered != question.allowed)
        .map(|(answered, question)| format!("{}: the API server says {answered}", question.told()))
        .collect();
    ensure!(
        wrong.is_empty(),
        "{} of {} answers are other ones than docs/rights.md has:\n{}",
        wrong.len(),
        questions.len(),
        wrong[..wrong.len().min(TOLD)].join("\n")
    );
    println!("     {} questions, {granted} of them with yes", questions.len());
    as_the_page_says(cluster)
}

/// What the page tells to type.
fn as_the_page_says(cluster: &Cluster) -> Result<()> {
    let controller = ACCOUNTS[0].user();
    let mut kubectl = cluster.kubectl(["auth", "can-i", "list", "secrets", "--all-namespaces"]);
    let output = kubectl
        .args(["--as", &controller])
        .output()
        .context("run kubectl")?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(said.trim() == "no", "kubectl says {said:?}");
    Ok(())
}

#[derive(Clone)]
struct Question {
    holder: Holder,
    thing: Thing,
    verb: String,
    allowed: bool,
}

fn questions(holders: &[Holder], rows: &[Row]) -> Vec<Question> {
    let mut all = Vec::new();
    for row in rows {
        for (holder, allowed) in holders.iter().zip(&row.allowed) {
            all.extend(row.asked.iter().map(|verb| Question {
                holder: *holder,
                thing: row.thing.clone(),
                verb: verb.clone(),
                allowed: allowed.contains(verb),
            }));
        }
    }
    all
}

impl Question {
    fn told(&self) -> String {
        let Self {
            holder, thing, verb, ..
        } = self;
        format!("{} {verb} {thing} ({:?})", holder.user(), thing.place)
    }

    fn review(&self) -> Value {
        let (resource, sub) = self
            .thing
            .resource
            .split_once('/')
            .unwrap_or((&self.thing.resource, ""));
        let mut attributes = BTreeMap::from([
            ("verb", self.verb.as_str()),
            ("group", self.thing.group.as_str()),
            ("resource", resource),
            ("subresource", sub),
            ("name", self.thing.name.as_deref().unwrap_or_default()),
            ("namespace", place(self.thing.place)),
        ]);
        attributes.retain(|_, value| !value.is_empty());
        json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": {
            "user": self.holder.user(), "groups": self.holder.groups(), "resourceAttributes": attributes}})
    }
}

/// As the API server names it; nothing is all namespaces.
fn place(place: Place) -> &'static str {
    match place {
        Place::Theirs => NAMESPACE,
        Place::Everywhere | Place::System => place.namespace().unwrap_or_default(),
    }
}

/// One answer a question, in their order.
fn answers(cluster: &Cluster, questions: &[Question]) -> Result<Vec<bool>> {
    let reviews: Vec<Value> = questions.iter().map(Question::review).collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": reviews});
    let mut kubectl = cluster.kubectl(["create", "--output=json", "--filename", "-"]);
    let output = fed(&mut kubectl, &list.to_string())?;
    let answered: Vec<Value> = serde_json::Deserializer::from_slice(&output.stdout)
        .into_iter()
        .collect::<Result<_, _>>()
        .context("kubectl printed no JSON")?;
    ensure!(
        answered.len() == questions.len(),
        "{} of {} questions were answered: {}",
        answered.len(),
        questions.len(),
        String::from_utf8_lossy(&output.stderr)
    );
    for (answer, review) in answered.iter().zip(&reviews) {
        ensure!(
            answer["spec"]["resourceAttributes"] == review["spec"]["resourceAttributes"]
                && answer["spec"]["user"] == review["spec"]["user"],
            "{review} was answered by {answer}"
        );
    }
    let allowed = |answer: &Value| answer["status"]["allowed"] == true;
    Ok(answered.iter().map(allowed).collect())
}

/// Users of the scenario, and a Secret that the controller may read. All of it goes when this is dropped, the namespace last.
struct Bound<'a> {
    cluster: &'a Cluster,
    objects: Vec<Value>,
}

impl<'a> Bound<'a> {
    fn bind(cluster: &'a Cluster) -> Result<Self> {
        let binding = |holder: &Holder| {
            let (kind, role) = match holder {
                Holder::Role(role) => ("RoleBinding", role),
                Holder::ClusterRole(role) => ("ClusterRoleBinding", role),
                Holder::Account(_) | Holder::Anybody => return None,
            };
            let mut metadata = json!({"name": holder.user()});
            if kind == "RoleBinding" {
                metadata["namespace"] = NAMESPACE.into();
            }
            Some(
                json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": metadata,
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
                "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": holder.user()}]}),
            )
        };
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}});
        let mut objects = vec![namespace];
        objects.extend(USERS.iter().filter_map(binding));
        for granted in broker_access::grants(NAMESPACE, BROKER_SECRET)? {
            objects.push(serde_json::to_value(granted)?);
        }
        let bound = Self { cluster, objects };
        for object in &bound.objects {
            stage::apply(cluster, &object.to_string())?;
        }
        Ok(bound)
    }

    /// Each binding lets its user do something by now.
    fn are_in_force(&self, questions: &[Question]) -> Result<()> {
        let first = |holder: &Holder| {
            let mut own = questions.iter().filter(|question| question.holder == *holder);
            own.find(|question| question.allowed && question.verb != "get")
                .cloned()
        };
        let mut asked: Vec<Question> = USERS.iter().filter_map(first).collect();
        asked.extend(
            questions
                .iter()
                .find(|question| question.allowed && question.thing.name.as_deref() == Some(BROKER_SECRET))
                .cloned(),
        );
        wait_for("the bindings to be in force", SOON, || {
            let answered = answers(self.cluster, &asked)?;
            Ok(answered.into_iter().all(|allowed| allowed).then_some(()))
        })
    }
}

impl Drop for Bound<'_> {
    fn drop(&mut self) {
        for object in self.objects.iter().rev() {
            let kind = object["kind"].as_str().unwrap_or_default();
            let name = object["metadata"]["name"].as_str().unwrap_or_default();
            let mut kubectl =
                self.cluster
                    .kubectl(["delete", kind, name, "--ignore-not-found", "--wait=true"]);
            if let Some(namespace) = object["metadata"]["namespace"].as_str() {
                kubectl.args(["--namespace", namespace]);
            }
            if let Err(error) = capture(kubectl) {
                eprintln!("{kind} {name} stays: {error:#}");
            }
        }
    }
}
