//! `kubectl shadow policy test`: what the policies of a file would have decided about the migrations that are there. Nothing is changed.

mod file;

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{Namespace, Node, Pod};
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use shadow_core::api::StatefulMigration;
use shadow_core::policy::{self, InForce, Labels, Would};

use self::file::Policies;
use crate::cli::{Policy, PolicyCommand, TestPolicy};
use crate::connection::Connection;
use crate::ending::Ending;
use crate::problem::Problem;
use crate::say;

/// Runs the command.
pub(super) async fn run(connection: &Connection, args: &Policy) -> Result<Ending, Problem> {
    match &args.command {
        PolicyCommand::Test(args) => test(connection, args).await,
    }
}

async fn test(connection: &Connection, args: &TestPolicy) -> Result<Ending, Problem> {
    let policies = file::read(&args.filename, &connection.namespace)?;
    let client = connection.client.clone();
    let api: Api<StatefulMigration> = if args.all_namespaces {
        Api::all(client)
    } else {
        Api::namespaced(client, &connection.namespace)
    };
    let migrations = api.list(&ListParams::default()).await?.items;
    let around = Around::of(connection, &policies, &migrations).await?;
    let mut count = Count::default();
    for migration in &migrations {
        let name = format!(
            "{}/{}",
            migration.namespace().unwrap_or_default(),
            migration.name_any()
        );
        let decided = around.decided(&policies, migration)?;
        count.counts(&decided);
        for line in decided.lines() {
            say::line(&format!("{name}: {line}"));
        }
    }
    say::line(&count.told(migrations.len()));
    if policies.limit_turns() {
        say::remark(
            "how many moves may be under way at once, and their priority, is not judged: such moves wait for their turn",
        );
    }
    Ok(Ending::Done)
}

/// What became of one migration.
enum Decided {
    NotSelected,
    NotKnown(String),
    Judged(Would),
}

impl Decided {
    fn lines(&self) -> Vec<String> {
        match self {
            Self::NotSelected => vec!["not selected".to_owned()],
            Self::NotKnown(why) => vec![format!("not known: {why}")],
            Self::Judged(Would { refusals, filled }) => {
                let filled = filled.iter().map(ToString::to_string);
                let refused = refusals.iter().map(|refusal| format!("refused: {refusal}"));
                let allowed = refusals.is_empty().then(|| "allowed".to_owned());
                allowed.into_iter().chain(refused).chain(filled).collect()
            }
        }
    }
}

#[derive(Default)]
struct Count {
    allowed: usize,
    refused: usize,
    not_selected: usize,
    not_known: usize,
}

impl Count {
    fn counts(&mut self, decided: &Decided) {
        match decided {
            Decided::NotSelected => self.not_selected += 1,
            Decided::NotKnown(_) => self.not_known += 1,
            Decided::Judged(would) if would.refusals.is_empty() => self.allowed += 1,
            Decided::Judged(_) => self.refused += 1,
        }
    }

    fn told(&self, all: usize) -> String {
        format!(
            "of {all} migrations {} would have been allowed and {} refused; {} are not selected, and of {} it is not known",
            self.allowed, self.refused, self.not_selected, self.not_known
        )
    }
}

/// What the policies select by.
struct Around {
    nodes: Vec<Node>,
    /// By namespace and name.
    pods: BTreeMap<(String, String), Labels>,
    namespaces: BTreeMap<String, Labels>,
}

impl Around {
    async fn of(
        connection: &Connection,
        policies: &Policies,
        migrations: &[StatefulMigration],
    ) -> Result<Self, Problem> {
        let all = ListParams::default();
        let nodes: Api<Node> = Api::all(connection.client.clone());
        let mut around = Self {
            nodes: nodes.list(&all).await?.items,
            pods: BTreeMap::new(),
            namespaces: BTreeMap::new(),
        };
        let namespaces: BTreeSet<String> = migrations.iter().filter_map(ResourceExt::namespace).collect();
        for namespace in namespaces {
            let pods: Api<Pod> = Api::namespaced(connection.client.clone(), &namespace);
            for pod in pods.list_metadata(&all).await?.items {
                let key = (namespace.clone(), pod.name_any());
                around.pods.insert(key, pod.labels().clone());
            }
            if policies.select_namespaces() {
                let api: Api<Namespace> = Api::all(connection.client.clone());
                let found = api.get_metadata_opt(&namespace).await?;
                let labels = found.map(|found| found.labels().clone()).unwrap_or_default();
                around.namespaces.insert(namespace, labels);
            }
        }
        Ok(around)
    }

    fn decided(&self, policies: &Policies, migration: &StatefulMigration) -> Result<Decided, Problem> {
        let namespace = migration.namespace().unwrap_or_default();
        let pod = &migration.spec.source_pod;
        let labels = self.pods.get(&(namespace.clone(), pod.clone()));
        if labels.is_none() && policies.select_pods() {
            return Ok(Decided::NotKnown(format!(
                "pod {pod} is gone, and with it the labels that podSelector asks for"
            )));
        }
        let in_force = InForce {
            of_namespace: policies.of_namespace(&namespace),
            of_cluster: policies.of_cluster.clone(),
            namespace: self.namespaces.get(&namespace).cloned().unwrap_or_default(),
        };
        let none = Labels::new();
        let selected = policy::select(&in_force, labels.unwrap_or(&none))
            .map_err(|unreadable| Problem::Refused(unreadable.to_string()))?;
        Ok(if selected.is_empty() {
            Decided::NotSelected
        } else {
            Decided::Judged(policy::would(&selected, migration, &self.nodes))
        })
    }
}
