//! Starts the controller: certificates, leadership, and the loop over all migrations.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;
use futures::StreamExt;
use kube::runtime::controller::{Action, Config, Controller};
use kube::runtime::watcher;
use kube::{Api, Client};
use shadow_controller::context::Context;
use shadow_controller::dialling::{Dialling, Word};
use shadow_controller::error::ControllerError;
use shadow_controller::leadership::lease::Held;
use shadow_controller::shown::Part;
use shadow_controller::{afresh, aside, evacuations, keeping, nodes, orphans, progress, reconcile, signer};
use shadow_core::api::StatefulMigration;
use shadow_core::keeping::History;
use shadow_core::turns::Limits;
use shadow_telemetry::{log, serve};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// For what was begun when it is asked to end. A visit drives its migration as long as something can be done, so a move that is
/// under way takes all of it, and no pod stands still meanwhile; the next leader begins after it.
const TO_THE_END: Duration = Duration::from_secs(5);

/// The API server answers, or is not waited for.
const ANSWERS: Duration = Duration::from_secs(5);
/// The same for the lease, which is renewed 2 s before it runs out.
const RENEWS: Duration = Duration::from_millis(900);

/// The API server may be away when it begins.
const TRIES_APART: Duration = Duration::from_secs(1);

/// Moves stateful message consumers between nodes.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// Name of this process in the leadership lease.
    #[arg(long, env = "POD_NAME", default_value = "shadow-controller")]
    identity: String,
    /// Where metrics and probes are served (plain).
    #[arg(long, env = "SHADOW_HEALTH", default_value = "0.0.0.0:8081")]
    health: SocketAddr,
    /// Migrations that are worked on at the same time.
    #[arg(long, default_value_t = 20)]
    concurrency: u16,
    /// Moves from or to one node at the same time; others wait.
    #[arg(long, default_value_t = 2)]
    moves_per_node: usize,
    /// Moves in the whole cluster at the same time; others wait.
    #[arg(long, default_value_t = 5)]
    moves_per_cluster: usize,
    /// Moves of one pod that are kept after their end; older ones are deleted. 0: all are kept.
    #[arg(long, default_value_t = 10)]
    history_per_pod: usize,
    /// The same of one namespace, whatever its pods are called.
    #[arg(long, default_value_t = 500)]
    history_per_namespace: usize,
    /// Which hosts of users are dialled.
    #[command(flatten)]
    dialling: Word,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // The broker library reports as errors what it also returns to us: a queue that is not there, for one.
    log::begin("info,lapin=off");
    install_crypto()?;
    let args = Args::parse();
    // At once: the first process of a container does not hear a signal for which it has no handler.
    let asked = asked_to_end()?;
    let listener = TcpListener::bind(args.health)
        .await
        .with_context(|| format!("listening on {}", args.health))?;
    let part = Part::default();
    let shown = tokio::spawn(serve::serve(listener, part.clone()));
    if let Err(error) = lead(&args, &part, asked.clone()).await {
        tracing::error!(error = format!("{error:#}"), "cannot lead; trying again");
        tokio::select! {
            () = tokio::time::sleep(TRIES_APART) => afresh::try_again(),
            () = heard(asked) => {}
        }
    }
    shown.abort();
    Ok(())
}

/// Waits for its turn to lead, and leads until it is asked to end.
async fn lead(args: &Args, part: &Part, asked: watch::Receiver<bool>) -> anyhow::Result<()> {
    let clients = Clients::connect().await?;
    let client = clients.calls.clone();
    aside::bury(&client).await.context("record of deaths")?;
    part.waits();
    let lease = tokio::select! {
        taken = Held::take(&clients.lease, &args.identity) => taken.context("leadership lease")?,
        () = heard(asked.clone()) => return Ok(()),
    };
    let authority = signer::authority(&client)
        .await
        .context("certificate authority")?;
    let identity = signer::own_identity(&authority).context("own certificate")?;
    let ca_pem = authority.ca_pem().to_owned();
    let limits = Limits {
        per_node: args.moves_per_node,
        per_cluster: args.moves_per_cluster,
    };
    let history = History {
        per_pod: args.history_per_pod,
        per_namespace: args.history_per_namespace,
    };
    let ctx = Arc::new(Context::new(
        client,
        clients.watches.clone(),
        identity.clone(),
        ca_pem,
        limits,
        Dialling::by(args.dialling.clone()),
        part.clone(),
    ));
    ctx.notes.learn(&ctx.client).await.context("record of deaths")?;
    nodes::learn(&ctx).await.context("the nodes' addresses")?;
    part.leads(&ctx, identity);
    tokio::select! {
        () = signer::serve(clients.watches.clone(), authority.clone()) => {}
        () = signer::inject_ca_bundle(clients.watches.clone(), authority) => {}
        () = nodes::publish(&ctx) => {}
        () = orphans::sweep(&ctx) => {}
        () = keeping::sweep(&ctx, history) => {}
        () = ctx.brokers.sweep() => {}
        () = progress::write(&ctx) => {}
        () = evacuations::answer(&ctx) => {}
        () = progress::ask(&ctx) => {}
        why = ctx.leadership.ended(clients.lease.clone(), &args.identity, &part.pulse) => {
            tracing::error!(why, "no longer the leader; beginning again, so that what is held is let go and the next leader finds nothing half-done by us");
            afresh::begin()
        }
        () = migrations(clients.watches, Arc::clone(&ctx), args.concurrency, asked.clone()) => {}
        () = in_time(asked) => tracing::warn!("what was begun is not done; the next leader goes on with it"),
    }
    part.ends();
    aside::clear();
    ctx.leadership.give_up();
    lease.hand_back().await;
    // Without waiting for look-ups of names that are under way.
    std::process::exit(0);
}

/// Becomes true with SIGTERM or SIGINT.
fn asked_to_end() -> anyhow::Result<watch::Receiver<bool>> {
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for SIGINT")?;
    let (tell, asked) = watch::channel(false);
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("asked to end");
        tell.send_replace(true);
    });
    Ok(asked)
}

/// Returns when it was asked to end.
async fn heard(mut asked: watch::Receiver<bool>) {
    if asked.wait_for(|asked| *asked).await.is_err() {
        tracing::error!("nobody listens for SIGTERM any more: this process has to be killed");
        std::future::pending::<()>().await
    }
}

/// Returns when what was begun has had its time after that.
async fn in_time(asked: watch::Receiver<bool>) {
    heard(asked).await;
    tokio::time::sleep(TO_THE_END).await;
}

/// Two libraries bring a provider of their own; ours is named explicitly.
fn install_crypto() -> anyhow::Result<()> {
    let provider = rustls::crypto::ring::default_provider();
    provider
        .install_default()
        .map_err(|_| anyhow::anyhow!("a cryptography provider was already installed"))
}

/// How the API server is spoken to. A connection whose other end is gone without a word (a backend of a load balancer) is
/// noticed by these limits only: the kernel waits a quarter of an hour.
struct Clients {
    /// Questions and changes.
    calls: Client,
    /// Answers that never end; they have limits of their own.
    watches: Client,
    /// The lease, which runs out while one waits.
    lease: Client,
}

impl Clients {
    async fn connect() -> anyhow::Result<Self> {
        let mut config = kube::Config::infer().await.context("no cluster to talk to")?;
        // Effects are keyed and retried by the machine; a retry below it could freeze a container twice.
        config.default_retry = false;
        let client = |limit: Option<Duration>| {
            let mut config = config.clone();
            config.connect_timeout = limit.or(Some(ANSWERS));
            config.read_timeout = limit;
            config.write_timeout = limit;
            config.reset_reader_on_write = true;
            Client::try_from(config)
        };
        Ok(Self {
            calls: client(Some(ANSWERS))?,
            watches: client(None)?,
            lease: client(Some(RENEWS))?,
        })
    }
}

/// Until it is asked to end, and what was begun by then is done.
async fn migrations(client: Client, ctx: Arc<Context>, concurrency: u16, asked: watch::Receiver<bool>) {
    let api: Api<StatefulMigration> = Api::all(client);
    let controller = Controller::new(api.clone(), watcher::Config::default());
    ctx.line.knows(controller.store());
    let (line, all) = (Arc::clone(&ctx), api.clone());
    let complete = tokio::spawn(async move { line.line.completed(&all).await });
    controller
        .with_config(Config::default().concurrency(concurrency))
        .graceful_shutdown_on(heard(asked))
        .run(reconcile::reconcile, on_error, ctx)
        .for_each(|result| async move {
            if let Err(error) = result {
                tracing::debug!(%error, "reconciliation ended with an error");
            }
        })
        .await;
    complete.abort();
}

fn on_error(migration: Arc<StatefulMigration>, error: &ControllerError, _: Arc<Context>) -> Action {
    if error.is_conflict() {
        return Action::requeue(Duration::from_millis(5));
    }
    let name = migration.metadata.name.as_deref().unwrap_or_default();
    tracing::warn!(migration = name, %error, "will be tried again");
    Action::requeue(Duration::from_millis(300))
}
