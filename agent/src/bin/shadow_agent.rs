//! `shadow-agent`: the unprivileged part of the node.
#![forbid(unsafe_code)]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Parser;
use shadow_agent::checkpoint::Checkpointer;
use shadow_agent::checkpoint::kubelet::Kubelet;
use shadow_agent::checkpoint::rehearsal;
use shadow_agent::claim::socket::ClaimServer;
use shadow_agent::cluster::Cluster;
use shadow_agent::helper::HelperClient;
use shadow_agent::image::Images;
use shadow_agent::image::registry::Policy;
use shadow_agent::keys::Keys;
use shadow_agent::layout::{self, Layout};
use shadow_agent::serve::{self, Agent};
use shadow_agent::shown::Part;
use shadow_agent::transfer::Fetcher;
use shadow_agent::{frozen, sweep};
use shadow_core::dialling::{Block, HostPattern, List, Peer, Place, Rules};
use shadow_core::names;
use shadow_dialling::Guard;
use shadow_identity::{Identity, Role, serve_mutual_tls};
use shadow_telemetry::agent::Metrics;
use shadow_telemetry::log;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

#[derive(Debug, Parser)]
#[command(
    version,
    about = "Dumps, streams and restores containers of this node for migrations"
)]
struct Args {
    /// Node this agent runs on.
    #[arg(long, env = "NODE_NAME")]
    node: String,
    /// Address to serve on.
    #[arg(long, env = "POD_IP")]
    ip: std::net::IpAddr,
    /// Authority of kubelet's serving certificate, when it is not the cluster's (back-end Kubelet).
    #[arg(long, env = "KUBELET_CA")]
    kubelet_ca: Option<PathBuf>,
    /// Registries that are spoken to in plain HTTP, `host` or `host:port` between commas. Archives hold memory and hence
    /// secrets: only where nobody listens in between.
    #[arg(long = "plain-http", env = "SHADOW_PLAIN_HTTP_REGISTRIES", default_value = "")]
    plain_http: List<HostPattern>,
    /// The only registries that checkpoint images may go to: `host`, `host:port`, `*.zone`, or a block of addresses, between commas;
    /// any when empty.
    #[arg(long = "registry", env = "SHADOW_REGISTRIES", default_value = "")]
    registries: List<Place>,
    /// Blocks of addresses that are dialled although they are loopback, link-local, this node's or the API server's.
    #[arg(long = "allow-address", env = "SHADOW_ALLOW_ADDRESSES", default_value = "")]
    exempt: List<Block>,
    /// Address of this node, where no registry is.
    #[arg(long, env = "HOST_IP")]
    host_ip: Option<std::net::IpAddr>,
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
            error!(error = format!("{error:#}"), "agent ends");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> Result<()> {
    if rustls::crypto::ring::default_provider()
        .install_default()
        .is_err()
    {
        info!("a cryptography provider was in place already");
    }
    let client = kube::Client::try_default()
        .await
        .context("reading the pod's service account")?;
    let keys = Keys::load(Layout::node()).context("loading the keys of this node")?;
    let part = Part::new(keys.clone());
    let metrics = &part.metrics;
    // Each ends with this function.
    let mut beside = JoinSet::new();
    let shown = listen(SocketAddr::new(args.ip, shadow_telemetry::PORT)).await?;
    beside.spawn(shadow_telemetry::serve::serve(shown, part.clone()));
    let cluster = Cluster::new(client.clone(), args.node.clone());
    // Claims are answered before there is a certificate: a container that waits needs no controller to be refused.
    let claims = tokio::spawn({
        let server = ClaimServer::new(keys.clone(), cluster.clone()).counted(metrics.clone());
        async move { server.serve(&layout::claim_socket()).await }
    });
    let name = names::agent_identity(&args.node);
    let identity = Identity::request(client, &name, Role::Agent)
        .await
        .context("asking for a certificate")?;
    part.has(identity.clone());
    let helper = HelperClient::default();
    let watched = part.clone();
    let helped = helper.clone();
    beside.spawn(async move { watched.watch(helped).await });
    beside.spawn(frozen::watch(keys.clone(), cluster.clone(), helper.clone()));
    beside.spawn(rehearsal::watch(keys.clone()));
    beside.spawn(sweep::run(keys.clone(), cluster.clone(), helper.clone()));
    let address = SocketAddr::new(args.ip, names::AGENT_PORT);
    let listener = listen(address).await?;
    let node = args.node.clone();
    let agent = agent(args, keys, (cluster, helper), &identity, metrics);
    part.serves(true);
    info!(%address, node, "agent serves");
    let shutdown = CancellationToken::new();
    let serving = serve_mutual_tls(listener, &identity, serve::router(agent), shutdown.clone());
    let mut term = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    tokio::pin!(serving);
    let why = tokio::select! {
        served = &mut serving => served.context("serving"),
        claims = claims => claims.context("answering claims").and_then(|served| served.context("answering claims")),
        _ = term.recv() => {
            shutdown.cancel();
            serving.await.context("finishing requests")
        }
    };
    part.serves(false);
    why
}

/// What answers the controllers and the other agents.
fn agent(
    args: Args,
    keys: Keys,
    (cluster, helper): (Cluster, HelperClient),
    identity: &Identity,
    metrics: &Arc<Metrics>,
) -> Agent {
    let kubelet = Kubelet {
        authority: args.kubelet_ca,
    };
    let images = Images::new(Policy {
        plain_http: args.plain_http.0,
        guard: Guard::new(Rules {
            only: args.registries.0,
            exempt: args.exempt.0,
            nodes: args.host_ip.into_iter().collect(),
            ..Rules::of(Peer::Registry)
        }),
    });
    Agent {
        checkpointer: Checkpointer::new(cluster.clone(), helper.clone(), kubelet).counted(metrics.clone()),
        fetcher: Fetcher::new(args.node, identity.clone(), images.clone()).counted(metrics.clone()),
        keys,
        cluster,
        helper,
        images,
        metrics: metrics.clone(),
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("listening on {address}"))
}
