//! `kubectl shadow install`: applies the embedded manifests, after the images if asked to. Doing it again changes nothing.

mod consent;
mod pull;
mod shown;

use kube::api::DynamicObject;
use shadow_core::repository::Repository;
use shadow_deploy::{ClusterError, Dialling, Settings, broker_access, pull_secret};

use crate::cli::{Install, InstallFormat};
use crate::commands::{allow, images};
use crate::connection::Connection;
use crate::ending::Ending;
use crate::images::place::Place;
use crate::output::Format;
use crate::problem::Problem;
use crate::say;
use pull::Pull;

/// Whether it only prints, and asks no cluster.
pub(super) fn is_printed(args: &Install) -> bool {
    args.dry_run.is_some()
}

/// Prints all objects, so that another program can apply them.
pub(super) fn print(args: &Install) -> Result<Ending, Problem> {
    let place = Place::new(&args.registry, &args.tag)?;
    let pull = args
        .pull_secret
        .as_deref()
        .map(|text| pull::offline(text, &place));
    let mut objects = objects(args, &place, pull.transpose()?)?;
    for (namespace, secret) in &args.allow {
        objects.extend(broker_access::grants(namespace, secret).map_err(ClusterError::from)?);
    }
    let lines = match args.output {
        Some(InstallFormat::Json) => Format::Json.list(&objects)?.unwrap_or_default(),
        Some(InstallFormat::Yaml) | None => {
            let documents: Result<Vec<_>, Problem> = objects
                .iter()
                .map(|object| Format::Yaml.one_line(object))
                .collect();
            documents?.into_iter().flatten().flatten().collect()
        }
    };
    lines.iter().for_each(|line| say::line(line));
    Ok(Ending::Done)
}

/// Runs the command.
pub(super) async fn run(connection: &Connection, args: &Install) -> Result<Ending, Problem> {
    let place = Place::new(&args.registry, &args.tag)?;
    let archives = match &args.images {
        Some(named) => Some(images::of_folder(named.as_deref())?),
        None if args.login.username.is_some() || args.login.registry_secret.is_some() => {
            return Err(Problem::Refused(
                "a user at the registry is for --images only. For what the nodes pull with, there is --pull-secret".to_owned(),
            ));
        }
        None => None,
    };
    let pull = match &args.pull_secret {
        Some(text) => Some(pull::of(connection, text, &place).await?),
        None => None,
    };
    let objects = objects(args, &place, pull)?;
    consent::ask(connection, args, &objects, archives.is_some()).await?;
    if let Some(archives) = archives {
        let known = images::known(Some(connection), &place, &args.login).await?;
        images::push_all(&archives, &place, &known, is_plain(args, &place)?).await?;
    }
    apply(connection, args, &objects).await
}

/// All objects, in their order.
fn objects(args: &Install, place: &Place, pull: Option<Pull>) -> Result<Vec<DynamicObject>, Problem> {
    let settings = Settings {
        registry: place.registry.clone(),
        tag: place.tag.clone(),
        plain_http_registries: args.plain_http.clone(),
        dialling: Dialling {
            brokers: args.dialling.allow_broker.clone(),
            registries: args.dialling.allow_registry.clone(),
            addresses: args.dialling.allow_address.clone(),
            require_tls: args.dialling.require_tls,
        },
        pull_secret: pull.as_ref().map(|pull| pull.name.clone()),
        runtime_handler: !args.no_runtime_handler,
    };
    let mut objects = shadow_deploy::manifests(&settings)?;
    if let Some(users) = pull.and_then(|pull| pull.users) {
        let secret = pull_secret::object(&users).map_err(ClusterError::from)?;
        pull_secret::insert(&mut objects, secret);
    }
    Ok(objects)
}

/// Whether this registry is one of those that are spoken to in plain HTTP.
fn is_plain(args: &Install, place: &Place) -> Result<bool, Problem> {
    let repository = place.repository("agent")?;
    let is_it = |host: &String| {
        let named = Repository::parse(&format!("{host}/any"));
        named.is_ok_and(|named| {
            named.host() == repository.host()
                && named.port().is_none_or(|port| Some(port) == repository.port())
        })
    };
    Ok(args.plain_http.iter().any(is_it))
}

async fn apply(
    connection: &Connection,
    args: &Install,
    objects: &[DynamicObject],
) -> Result<Ending, Problem> {
    let client = &connection.client;
    shadow_deploy::apply(client, objects, |object| say::line(&format!("applied {object}"))).await?;
    for (namespace, secret) in &args.allow {
        allow::grant(connection, namespace, secret).await?;
    }
    if args.no_wait {
        return Ok(Ending::Done);
    }
    let ready = shadow_deploy::wait_ready(client, args.timeout, |part| say::line(&format!("ready   {part}")));
    match ready.await {
        Ok(()) => Ok(Ending::Done),
        Err(error @ ClusterError::NotReady { .. }) => Err(Problem::Unknown(error.to_string())),
        Err(error) => Err(error.into()),
    }
}
