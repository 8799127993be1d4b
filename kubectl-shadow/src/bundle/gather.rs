//! Asks the cluster. What may not be read is kept as such, and ends nothing.

mod system;

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Event, Node, Pod};
use kube::api::{DynamicObject, ListParams};
use kube::core::ApiResource;
use kube::{Api, Client, ResourceExt};
use serde_json::Value;
use shadow_core::api::{
    ClusterMigrationPolicy, Evacuation, MigrationPolicy, MigrationProgress, Pause, StatefulMigration,
};

use super::Gathered;
use crate::problem::Problem;

/// What is to be gathered.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// The namespace of the migrations; none: all.
    pub namespace: Option<String>,
    /// The only migration: its name, or that of a pod (its latest migration).
    pub only: Option<String>,
}

/// Gathers.
pub async fn gather(client: &Client, wanted: &Wanted) -> Result<Gathered, Problem> {
    let mut asked = Asked {
        client,
        gathered: Gathered::default(),
    };
    let migrations = asked.migrations(wanted).await?;
    let pods = pods_of(&migrations);
    asked.around(wanted, &migrations, &pods).await?;
    asked.pods(&pods).await?;
    asked.nodes().await?;
    asked.system().await?;
    Ok(asked.gathered)
}

/// Namespace and name of each pod that has to do with these migrations.
fn pods_of(migrations: &[Value]) -> BTreeSet<(String, String)> {
    let text = |value: &Value, path: &str| value.pointer(path).and_then(Value::as_str).map(str::to_owned);
    let mut pods = BTreeSet::new();
    for migration in migrations {
        let namespace = text(migration, "/metadata/namespace").unwrap_or_default();
        let legs = migration.pointer("/status/legs").and_then(Value::as_array);
        let instances = legs
            .into_iter()
            .flatten()
            .flat_map(|leg| [text(leg, "/from/pod"), text(leg, "/to/pod")]);
        let source = text(migration, "/spec/sourcePod");
        let names = [source].into_iter().chain(instances).flatten();
        pods.extend(names.map(|name| (namespace.clone(), name)));
    }
    pods
}

struct Asked<'a> {
    client: &'a Client,
    gathered: Gathered,
}

impl Asked<'_> {
    /// Objects of a kind; none of those that may not be read.
    async fn list(
        &mut self,
        what: &str,
        resource: &ApiResource,
        namespace: Option<&str>,
    ) -> Result<Vec<Value>, Problem> {
        let api: Api<DynamicObject> = match namespace {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, resource),
            None => Api::all_with(self.client.clone(), resource),
        };
        match api.list(&ListParams::default()).await {
            Ok(list) => Ok(list
                .items
                .into_iter()
                .map(|object| with_type(object, resource))
                .collect()),
            Err(error) => self.unread(what, error).map(|()| Vec::new()),
        }
    }

    fn unread(&mut self, what: &str, error: kube::Error) -> Result<(), Problem> {
        if let kube::Error::Api(status) = &error {
            let entry = (what.to_owned(), status.message.clone());
            self.gathered.unread.push(entry);
            return Ok(());
        }
        Err(error.into())
    }

    async fn migrations(&mut self, wanted: &Wanted) -> Result<Vec<Value>, Problem> {
        let resource = ApiResource::erase::<StatefulMigration>(&());
        let mut all = self
            .list("migrations", &resource, wanted.namespace.as_deref())
            .await?;
        // Of migrations that may not be read it is not known whether there is one.
        if let Some(only) = wanted.only.as_ref().filter(|_| self.gathered.unread.is_empty()) {
            all = vec![chosen(all, only, wanted.namespace.as_deref())?];
        }
        self.gathered.objects("migrations.yaml", all.clone());
        Ok(all)
    }

    /// Progress, policies, evacuations and Events of the migrations and of their pods, and the pause of all moves.
    async fn around(
        &mut self,
        wanted: &Wanted,
        migrations: &[Value],
        pods: &BTreeSet<(String, String)>,
    ) -> Result<(), Problem> {
        let namespace = wanted.namespace.as_deref();
        let names: BTreeSet<&str> = migrations.iter().map(name_of).collect();
        let resource = ApiResource::erase::<MigrationProgress>(&());
        let mut progress = self.list("progress of migrations", &resource, namespace).await?;
        progress.retain(|one| names.contains(name_of(one)));
        self.gathered.objects("progress.yaml", progress);
        let resource = ApiResource::erase::<MigrationPolicy>(&());
        let mut policies = self.list("migration policies", &resource, namespace).await?;
        let resource = ApiResource::erase::<ClusterMigrationPolicy>(&());
        policies.extend(self.list("cluster migration policies", &resource, None).await?);
        self.gathered.objects("policies.yaml", policies);
        let resource = ApiResource::erase::<Evacuation>(&());
        let mut evacuations = self.list("evacuations", &resource, namespace).await?;
        // Of all migrations are those that have none, too: an eviction that was not answered by a move.
        if wanted.only.is_some() {
            evacuations.retain(|one| pods.contains(&pod_of(one)));
        }
        self.gathered.objects("evacuations.yaml", evacuations);
        let resource = ApiResource::erase::<Pause>(&());
        let pauses = self.list("the pause of all moves", &resource, None).await?;
        self.gathered.objects("pause.yaml", pauses);
        let mut events = self
            .list("events", &ApiResource::erase::<Event>(&()), namespace)
            .await?;
        events.retain(|event| {
            let about = |field: &str| event["involvedObject"][field].as_str().unwrap_or_default();
            let pod = (about("namespace").to_owned(), about("name").to_owned());
            let is_migration = about("kind") == "StatefulMigration" && names.contains(about("name"));
            is_migration || (about("kind") == "Pod" && pods.contains(&pod))
        });
        self.gathered.objects("events.yaml", events);
        Ok(())
    }

    async fn pods(&mut self, pods: &BTreeSet<(String, String)>) -> Result<(), Problem> {
        let resource = ApiResource::erase::<Pod>(&());
        let mut found = Vec::new();
        for (namespace, name) in pods {
            let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), namespace, &resource);
            match api.get_opt(name).await {
                Ok(pod) => found.extend(pod.map(|pod| with_type(pod, &resource))),
                Err(error) => self.unread(&format!("pod {namespace}/{name}"), error)?,
            }
        }
        self.gathered.objects("pods.yaml", found);
        Ok(())
    }

    async fn nodes(&mut self) -> Result<(), Problem> {
        let mut nodes = self.list("nodes", &ApiResource::erase::<Node>(&()), None).await?;
        for node in &mut nodes {
            // Names of all images on the node: long, and of no use here.
            if let Some(status) = node.get_mut("status").and_then(Value::as_object_mut) {
                status.remove("images");
            }
        }
        self.gathered.objects("nodes.yaml", nodes);
        Ok(())
    }
}

/// The migration that a person means. Its object is not read as what it should be: a bug report may be about a broken object.
fn chosen(all: Vec<Value>, name: &str, namespace: Option<&str>) -> Result<Value, Problem> {
    // The creation counts whole seconds; one that has not begun is later than all of its second that have.
    let made = |one: &Value| {
        let text = |at: &str| one.pointer(at).and_then(Value::as_str).map(str::to_owned);
        let begun = text("/status/startTime").unwrap_or_else(|| "not yet".to_owned());
        (text("/metadata/creationTimestamp"), begun)
    };
    let source = |one: &Value| one.pointer("/spec/sourcePod").and_then(Value::as_str) == Some(name);
    let own = all.iter().position(|one| name_of(one) == name);
    let of_pod = || {
        let of_pod = all.iter().enumerate().filter(|(_, one)| source(one));
        of_pod.max_by_key(|(_, one)| made(one)).map(|(index, _)| index)
    };
    let found = own.or_else(of_pod).and_then(|index| all.get(index).cloned());
    found.ok_or_else(|| {
        Problem::Refused(format!(
            "there is no migration {name}, and none of a pod {name}, in namespace {}. To list all, type: kubectl get smig -A",
            namespace.unwrap_or("of any name")
        ))
    })
}

/// Namespace and name of the pod that an evacuation is about.
fn pod_of(evacuation: &Value) -> (String, String) {
    let text = |path: &str| {
        evacuation
            .pointer(path)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    (
        text("/metadata/namespace").to_owned(),
        text("/spec/pod").to_owned(),
    )
}

fn name_of(object: &Value) -> &str {
    let name = object.pointer("/metadata/name").and_then(Value::as_str);
    name.unwrap_or_default()
}

/// Items of a list do not say what they are.
fn with_type(object: DynamicObject, resource: &ApiResource) -> Value {
    let name = object.name_any();
    let mut value = serde_json::to_value(object)
        .unwrap_or_else(|error| Value::String(format!("{name} does not serialise: {error}")));
    if let Some(fields) = value.as_object_mut() {
        fields.insert(
            "apiVersion".to_owned(),
            Value::String(resource.api_version.clone()),
        );
        fields.insert("kind".to_owned(), Value::String(resource.kind.clone()));
    }
    value
}
