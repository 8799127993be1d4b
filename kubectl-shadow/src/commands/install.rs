//! `kubectl shadow install`: applies the embedded manifests. Doing it again changes nothing.

use shadow_deploy::Settings;

use crate::cli::Install;
use crate::commands::allow;
use crate::connection::Connection;
use crate::ending::Ending;
use crate::problem::Problem;
use crate::say;

/// Runs the command.
pub(super) async fn run(connection: &Connection, args: &Install) -> Result<Ending, Problem> {
    let settings = Settings {
        registry: args.registry.trim_end_matches('/').to_owned(),
        tag: args.tag.clone(),
        plain_http_registries: args.plain_http.clone(),
        runtime_handler: !args.no_runtime_handler,
    };
    let objects = shadow_deploy::manifests(&settings)?;
    let client = &connection.client;
    shadow_deploy::apply(client, &objects, |object| say::line(&format!("applied {object}"))).await?;
    for (namespace, secret) in &args.allow {
        allow::grant(connection, namespace, secret).await?;
    }
    if args.no_wait {
        return Ok(Ending::Done);
    }
    let ready = shadow_deploy::wait_ready(client, args.timeout, |part| say::line(&format!("ready   {part}")));
    match ready.await {
        Ok(()) => Ok(Ending::Done),
        Err(error @ shadow_deploy::ClusterError::NotReady { .. }) => Err(Problem::Unknown(error.to_string())),
        Err(error) => Err(error.into()),
    }
}
