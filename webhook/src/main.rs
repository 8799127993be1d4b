//! Entry point: arguments, log, certificate, two listeners, orderly end.
//!
//! Asked to end, it is not ready from that moment, serves on until nothing is sent to it any more, answers what is under way, and ends
//! with 0. So no review meets a closed port while replicas are replaced.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use shadow_core::names;
use shadow_identity::{Identity, Role, serve_tls};
use shadow_telemetry::{log, serve};
use shadow_webhook::cluster::KubeCluster;
use shadow_webhook::health::Part;
use shadow_webhook::router;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

/// It serves on for so long after it was asked to end: endpoints lose it in the first second, and each node's proxy follows.
const SERVES_ON: Duration = Duration::from_secs(5);

/// Admission webhook of kubectl-shadow.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// Where the API server calls (TLS).
    #[arg(long, env = "SHADOW_LISTEN", default_value = "0.0.0.0:8443")]
    listen: SocketAddr,
    /// Where metrics and probes are served (plain).
    #[arg(long, env = "SHADOW_HEALTH", default_value = "0.0.0.0:8081")]
    health: SocketAddr,
}

fn main() -> ExitCode {
    log::begin("info");
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
    let part = Part::default();
    let shown = tokio::spawn(serve::serve(health, part.clone()));
    let work = admit(&args, &part, &stop).await;
    shown.abort();
    work
}

/// Serves until SIGTERM; a signal that comes before there is a certificate ends the wait for it.
async fn admit(args: &Args, part: &Part, stop: &CancellationToken) -> anyhow::Result<()> {
    let client = kube::Client::try_default()
        .await
        .context("finding the API server")?;
    let name = names::webhook_identity();
    let identity = tokio::select! {
        identity = Identity::request(client.clone(), &name, Role::Webhook) => identity.context("getting a certificate")?,
        asked = asked_to_end() => return asked,
    };
    part.has(identity.clone());
    let watching = tokio::spawn({
        let (part, client) = (part.clone(), client.clone());
        async move { part.watch(client).await }
    });
    let listener = TcpListener::bind(args.listen)
        .await
        .with_context(|| format!("listening on {}", args.listen))?;
    let app = router::app(KubeCluster::new(client), part.clone());
    let serving = tokio::spawn({
        let stop = stop.clone();
        async move { serve_tls(listener, &identity, app, stop).await }
    });
    part.serves();
    info!(listen = %args.listen, "ready");
    asked_to_end().await?;
    part.leaves();
    serve_on().await?;
    watching.abort();
    stop.cancel();
    serving
        .await
        .context("the server panicked")?
        .context("serving admission")
}

/// For a while, or until it is asked once more.
async fn serve_on() -> anyhow::Result<()> {
    info!(seconds = SERVES_ON.as_secs(), "not ready any more, serves on");
    tokio::select! {
        () = tokio::time::sleep(SERVES_ON) => Ok(()),
        asked = asked_to_end() => asked,
    }
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
