//! Entry point: arguments, log, certificate, two listeners, orderly end.

use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use shadow_core::names;
use shadow_identity::{Identity, Role, serve_tls};
use shadow_webhook::cluster::KubeCluster;
use shadow_webhook::{health, router};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};
use tracing_subscriber::EnvFilter;

/// Admission webhook of kubectl-shadow.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// Where the API server calls (TLS).
    #[arg(long, env = "SHADOW_LISTEN", default_value = "0.0.0.0:8443")]
    listen: SocketAddr,
    /// Where kubelet probes (plain).
    #[arg(long, env = "SHADOW_HEALTH", default_value = "0.0.0.0:8081")]
    health: SocketAddr,
}

fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().json().with_env_filter(filter).init();
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match runtime
        .context("starting the runtime")
        .and_then(|runtime| runtime.block_on(run(args)))
    {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error!(error = format!("{error:#}"), "webhook ends");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> anyhow::Result<()> {
    let stop = CancellationToken::new();
    let health = TcpListener::bind(args.health)
        .await
        .with_context(|| format!("listening on {}", args.health))?;
    let ready = health::Ready::default();
    let probes = axum::serve(health, health::app(ready.clone()))
        .with_graceful_shutdown(stop.clone().cancelled_owned());
    let probes = tokio::spawn(probes.into_future());

    let work = admit(&args, &ready, &stop).await;
    stop.cancel();
    probes
        .await
        .context("the health server panicked")?
        .context("serving health")?;
    work
}

/// Serves until SIGTERM; a signal that comes before there is a certificate ends the wait for it.
async fn admit(args: &Args, ready: &health::Ready, stop: &CancellationToken) -> anyhow::Result<()> {
    let client = kube::Client::try_default()
        .await
        .context("finding the API server")?;
    let name = names::webhook_identity();
    let identity = tokio::select! {
        identity = Identity::request(client.clone(), &name, Role::Webhook) => identity.context("getting a certificate")?,
        asked = asked_to_end() => return asked,
    };
    let listener = TcpListener::bind(args.listen)
        .await
        .with_context(|| format!("listening on {}", args.listen))?;
    let app = router::app(KubeCluster::new(client));
    let serving = tokio::spawn({
        let stop = stop.clone();
        async move { serve_tls(listener, &identity, app, stop).await }
    });
    ready.set(true);
    info!(listen = %args.listen, "ready");
    asked_to_end().await?;
    ready.set(false);
    stop.cancel();
    serving
        .await
        .context("the server panicked")?
        .context("serving admission")
}

async fn asked_to_end() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for SIGINT")?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    info!("asked to end");
    Ok(())
}
