//! The connection that kubectl would use: same files, same context, same namespace.

use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use crate::cli::Place;
use crate::problem::Problem;
use crate::warnings;

/// The API server answers within this time, or is silent. A watch has a limit of its own.
const ANSWERS: Duration = Duration::from_secs(20);

/// A client and the namespace to work in.
pub struct Connection {
    /// Client.
    pub client: Client,
    /// Namespace given, or that of the context.
    pub namespace: String,
}

/// Connects as the flags say; nothing is sent yet.
pub async fn open(place: &Place) -> Result<Connection, Problem> {
    let options = KubeConfigOptions {
        context: place.context.clone(),
        ..KubeConfigOptions::default()
    };
    let unusable = |error: &dyn std::fmt::Display| Problem::Kubeconfig(error.to_string());
    let config = match &place.kubeconfig {
        Some(path) => {
            let file = Kubeconfig::read_from(path).map_err(|error| unusable(&error))?;
            Config::from_custom_kubeconfig(file, &options)
                .await
                .map_err(|error| unusable(&error))?
        }
        None if place.context.is_some() => Config::from_kubeconfig(&options)
            .await
            .map_err(|error| unusable(&error))?,
        None => Config::infer().await.map_err(|error| unusable(&error))?,
    };
    let namespace = place
        .namespace
        .clone()
        .unwrap_or_else(|| config.default_namespace.clone());
    let client = warnings::client(limited(config))?;
    Ok(Connection { client, namespace })
}

/// A question that nobody answers must not take for ever. While a migration is followed the API server says something at least
/// once a minute; see `commands/follow.rs` for its silence.
fn limited(mut config: Config) -> Config {
    config.connect_timeout = Some(ANSWERS);
    config.write_timeout = Some(ANSWERS);
    config
}
