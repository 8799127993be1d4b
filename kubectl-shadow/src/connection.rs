//! The connection that kubectl would use: same files, same context, same namespace.

use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use crate::cli::Place;
use crate::problem::Problem;
use crate::warnings;

/// For a connection to the API server and for what is sent to it.
const CONNECTS: Duration = Duration::from_secs(20);
/// For an answer. A watch says something once a minute, even if nothing changes.
const ANSWERS: Duration = Duration::from_secs(90);

/// A client and the namespace to work in.
pub struct Connection {
    /// Client.
    pub client: Client,
    /// Namespace given, or that of the context.
    pub namespace: String,
    /// The context, as a person knows it: that of the flag, or the address of the API server.
    pub context: String,
}

impl Connection {
    /// The same, to work in another namespace.
    #[must_use]
    pub fn within(&self, namespace: &str) -> Self {
        Self {
            client: self.client.clone(),
            namespace: namespace.to_owned(),
            context: self.context.clone(),
        }
    }
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
    let server = config.cluster_url.to_string();
    let context = place
        .context
        .clone()
        .or_else(|| current_context(place))
        .unwrap_or(server);
    let client = warnings::client(limited(config))?;
    Ok(Connection {
        client,
        namespace,
        context,
    })
}

/// The context that the kubeconfig names; none in a pod, which has no kubeconfig.
fn current_context(place: &Place) -> Option<String> {
    let file = match &place.kubeconfig {
        Some(path) => Kubeconfig::read_from(path),
        None => Kubeconfig::read(),
    };
    file.ok()?.current_context
}

/// A question to a silent API server has an end. A watch is begun again then.
fn limited(mut config: Config) -> Config {
    config.connect_timeout = Some(CONNECTS);
    config.write_timeout = Some(CONNECTS);
    config.read_timeout = Some(ANSWERS);
    config.reset_reader_on_write = true;
    config
}
