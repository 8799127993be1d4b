//! Asks the cluster for what a report needs: the migrations of the namespace (the others tell what was to be expected), what the
//! controller sees of the move, and its Events. Guarantee: no secret leaves this file ([`cleaned`]).

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Event;
use kube::api::{DynamicObject, ListParams};
use kube::core::ApiResource;
use kube::{Api, Client, ResourceExt};
use shadow_core::api::{MigrationProgress, StatefulMigration};

use super::seen::Seen;
use super::story::{Origin, OriginKind};
use crate::problem::Problem;
use crate::view::event::{Change, Kind, What};
use crate::view::recording::clean::cleaned;

/// The migrations of a namespace.
pub async fn look(client: &Client, context: &str, namespace: &str) -> Result<Seen, Problem> {
    let resource = ApiResource::erase::<StatefulMigration>(&());
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &resource);
    let found = api.list(&ListParams::default()).await?;
    let at = Timestamp::now();
    let changes: Result<Vec<Change>, Problem> = found
        .items
        .into_iter()
        .map(|object| change(Kind::Migration, &object, at))
        .collect();
    Ok(Seen {
        origin: Origin {
            kind: OriginKind::Cluster,
            name: context.to_owned(),
            at: Some(at),
            invented: false,
        },
        changes: changes?,
        unseen: vec![
            "earlier states of the migration: the API server keeps the last one only. A recording (migrate --record FILE) \
             keeps all of them"
                .to_owned(),
        ],
    })
}

/// The same with what the controller sees of one move, and with its Events. What may not be read is named in the report.
pub async fn with_events(client: &Client, mut seen: Seen, id: &str) -> Result<Seen, Problem> {
    let (namespace, name) = id.split_once('/').unwrap_or(("default", id));
    let at = seen.last().unwrap_or_default();
    let resource = ApiResource::erase::<MigrationProgress>(&());
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &resource);
    match api.get_opt(name).await {
        Ok(Some(object)) => seen.changes.push(change(Kind::Progress, &object, at)?),
        Ok(None) => seen
            .unseen
            .push("what the controller saw of the queues: there is no MigrationProgress of it".to_owned()),
        Err(error) => seen
            .unseen
            .push(unseen("what the controller saw of the queues", error)?),
    }
    let events: Api<DynamicObject> =
        Api::namespaced_with(client.clone(), namespace, &ApiResource::erase::<Event>(&()));
    let fields = format!("involvedObject.kind=StatefulMigration,involvedObject.name={name}");
    match events.list(&ListParams::default().fields(&fields)).await {
        Ok(list) => {
            for object in &list.items {
                seen.changes.push(change(Kind::Event, object, at)?);
            }
            if list.items.is_empty() {
                seen.unseen.push(
                    "Events of the move: there are none (Kubernetes keeps them for an hour)".to_owned(),
                );
            }
        }
        Err(error) => seen.unseen.push(unseen("Events of the move", error)?),
    }
    Ok(seen)
}

/// A missing right leaves a gap; anything else ends the report.
fn unseen(what: &str, error: kube::Error) -> Result<String, Problem> {
    if let kube::Error::Api(status) = &error
        && matches!(status.code, 403 | 404)
    {
        return Ok(format!("{what}: {}", status.message));
    }
    Err(error.into())
}

fn change(kind: Kind, object: &DynamicObject, at: Timestamp) -> Result<Change, Problem> {
    let value = serde_json::to_value(object)
        .map_err(|error| Problem::Unknown(format!("an object does not serialise: {error}")))?;
    let id = format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any());
    Ok(Change {
        at,
        kind,
        id,
        what: What::Set(cleaned(value)),
    })
}
