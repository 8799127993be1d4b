//! Calls to the node agents (`shadow_core::wire`), each dialled by address and identified by its node's name.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::{Api, Client};
use serde::Serialize;
use serde::de::DeserializeOwned;
use shadow_core::names::{self, Key};
use shadow_core::reason::Reason;
use shadow_core::wire::{
    Abort, Announcement, CheckpointRequest, Checkpointed, DiscardRequest, Discarded, Ending, FetchRequest,
    FreezeOrder, FreezeRequest, Frozen, KeyReport, KillRequest, NodeFacts, Preflight, PreflightRequest,
    Problem, PullRequest, PushRequest, Pushed, RehearseRequest, Rehearsed, Transferred,
};
use shadow_identity::{Identity, capped, peer_url};
use tokio::time::Instant;

use crate::error::ControllerError;

/// Calls that only look or note something.
const QUICK: Duration = Duration::from_secs(4);
/// One of many looks, beside which the source may wait to be let go.
const LOOK: Duration = Duration::from_secs(2);
/// Dump and transfer; the machine's own limits end earlier.
const LONG: Duration = Duration::from_secs(130);

/// A dump that is thrown away: the node gives it up sooner, and lets the process go.
const REHEARSAL: Duration = Duration::from_secs(50);

/// While a call takes long, the agent is asked something small this often.
const PROBE_EVERY: Duration = Duration::from_secs(1);
/// An agent that answered nothing for so long is not waited for: its node may be gone.
const SILENCE: Duration = Duration::from_secs(8);

/// A few small requests of the agent to a registry, each tried three times.
const REGISTRY: Duration = Duration::from_secs(45);

/// Bytes of an answer, which is a few thousand.
const LONGEST: usize = 256 << 10;

/// Clients of all agents.
pub struct Agents {
    client: Client,
    identity: Identity,
    known: Mutex<HashMap<String, Agent>>,
}

#[derive(Clone)]
struct Agent {
    address: SocketAddr,
    http: reqwest::Client,
}

struct Call<'a, B> {
    method: reqwest::Method,
    path: String,
    body: Option<&'a B>,
    limit: Duration,
}

impl Agents {
    /// No agent is dialled before it is needed.
    pub fn new(client: Client, identity: Identity) -> Self {
        Self {
            client,
            identity,
            known: Mutex::default(),
        }
    }

    /// Versions and features of a node.
    pub async fn facts(&self, node: &str) -> Result<NodeFacts, ControllerError> {
        self.get(node, "/v1/node".to_owned()).await
    }

    /// What CRIU could not dump in a container, and what its dump takes.
    pub async fn preflight(&self, node: &str, body: &PreflightRequest) -> Result<Preflight, ControllerError> {
        self.post(node, "/v1/preflight".to_owned(), body, QUICK).await
    }

    /// Bytes that an archive may take on a node.
    pub async fn room(&self, node: &str) -> Result<u64, ControllerError> {
        self.get(node, "/v1/room".to_owned()).await
    }

    /// What the agent knows of a key; `None` when it does not know it.
    pub async fn report(&self, node: &str, key: &Key) -> Result<Option<KeyReport>, ControllerError> {
        match self.get_within(node, format!("/v1/keys/{key}"), LOOK).await {
            Ok(report) => Ok(Some(report)),
            Err(ControllerError::Agent { problem, .. }) if problem.reason == Reason::UnknownKey => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Announces who is going to claim a key.
    pub async fn announce(
        &self,
        node: &str,
        key: &Key,
        body: &Announcement,
    ) -> Result<KeyReport, ControllerError> {
        let path = format!("/v1/keys/{key}");
        self.call(
            node,
            Call {
                method: reqwest::Method::PUT,
                path,
                body: Some(body),
                limit: QUICK,
            },
        )
        .await
    }

    /// Dumps a container.
    pub async fn checkpoint(
        &self,
        node: &str,
        key: &Key,
        body: &CheckpointRequest,
    ) -> Result<Checkpointed, ControllerError> {
        let dumping = self.post(node, format!("/v1/keys/{key}/checkpoint"), body, LONG);
        self.unless_silent(&[node], key, dumping).await
    }

    /// Dumps a container once and throws the dump away.
    pub async fn rehearse(
        &self,
        node: &str,
        key: &Key,
        body: &RehearseRequest,
    ) -> Result<Rehearsed, ControllerError> {
        let dumping = self.post(node, format!("/v1/keys/{key}/rehearse"), body, REHEARSAL);
        self.unless_silent(&[node], key, dumping).await
    }

    /// Brings an archive from `source` to `node`.
    pub async fn fetch(
        &self,
        node: &str,
        source: &str,
        key: &Key,
        checkpoint: &Checkpointed,
    ) -> Result<Transferred, ControllerError> {
        let body = FetchRequest {
            node: source.to_owned(),
            address: self.agent(source).await?.address.to_string(),
            digest: checkpoint.digest.clone(),
            bytes: checkpoint.bytes,
        };
        let fetching = self.post(node, format!("/v1/keys/{key}/fetch"), &body, LONG);
        self.unless_silent(&[node, source], key, fetching).await
    }

    /// Pushes the archive of a key from `node` to a registry.
    pub async fn push(&self, node: &str, key: &Key, body: &PushRequest) -> Result<Pushed, ControllerError> {
        let pushing = self.post(node, format!("/v1/keys/{key}/push"), body, LONG);
        self.unless_silent(&[node], key, pushing).await
    }

    /// Pulls an archive out of a registry to `node`.
    pub async fn pull(
        &self,
        node: &str,
        key: &Key,
        body: &PullRequest,
    ) -> Result<Transferred, ControllerError> {
        let pulling = self.post(node, format!("/v1/keys/{key}/pull"), body, LONG);
        self.unless_silent(&[node], key, pulling).await
    }

    /// Has the image of a key deleted from its registry by the agent on `node`.
    pub async fn discard(
        &self,
        node: &str,
        key: &Key,
        body: &DiscardRequest,
    ) -> Result<Discarded, ControllerError> {
        self.post(node, format!("/v1/keys/{key}/discard"), body, REGISTRY)
            .await
    }

    /// Ends a waiting claim.
    pub async fn abort(&self, node: &str, key: &Key, body: &Abort) -> Result<KeyReport, ControllerError> {
        self.post(node, format!("/v1/keys/{key}/abort"), body, QUICK)
            .await
    }

    /// Keeps a container frozen that stays so after its dump, or lets it go on; says how it is then.
    pub async fn freeze(&self, node: &str, key: &Key, order: FreezeOrder) -> Result<Frozen, ControllerError> {
        let body = FreezeRequest { order };
        self.post(node, format!("/v1/keys/{key}/freeze"), &body, QUICK)
            .await
    }

    /// Hurries the end of a pod that is being deleted, when nobody talks to it any more.
    pub async fn kill(&self, node: &str, key: &Key, body: &KillRequest) -> Result<Ending, ControllerError> {
        self.post(node, format!("/v1/keys/{key}/kill"), body, QUICK).await
    }

    /// Established connections of the container that was restored under a key to this port.
    pub async fn connections(&self, node: &str, key: &Key, port: u16) -> Result<u32, ControllerError> {
        self.get(node, format!("/v1/keys/{key}/connections/{port}")).await
    }

    /// Removes archive and state of a key; unknown keys are fine.
    pub async fn forget(&self, node: &str, key: &Key) -> Result<(), ControllerError> {
        let call: Call<'_, ()> = Call {
            method: reqwest::Method::DELETE,
            path: format!("/v1/keys/{key}"),
            body: None,
            limit: QUICK,
        };
        match self.send(node, call).await {
            Err(ControllerError::Agent { problem, .. }) if problem.reason == Reason::UnknownKey => Ok(()),
            other => other.map(drop),
        }
    }

    /// The outcome of a long call, or that one of the agents that it needs answers nothing any more.
    async fn unless_silent<T>(
        &self,
        nodes: &[&str],
        key: &Key,
        call: impl Future<Output = Result<T, ControllerError>>,
    ) -> Result<T, ControllerError> {
        let silences = nodes.iter().map(|node| Box::pin(self.silence(node, key)));
        tokio::select! {
            answered = call => answered,
            (silent, ..) = futures::future::select_all(silences) => Err(silent),
        }
    }

    /// Ends when the agent has answered nothing for too long. A refusal is an answer.
    async fn silence(&self, node: &str, key: &Key) -> ControllerError {
        let mut answered = Instant::now();
        let mut clock = tokio::time::interval_at(answered + PROBE_EVERY, PROBE_EVERY);
        loop {
            clock.tick().await;
            match self.report(node, key).await {
                Err(error @ ControllerError::AgentUnreachable { .. }) if answered.elapsed() > SILENCE => {
                    return error;
                }
                Err(ControllerError::AgentUnreachable { .. }) => {}
                Ok(_) | Err(_) => answered = Instant::now(),
            }
        }
    }

    async fn get<T: DeserializeOwned>(&self, node: &str, path: String) -> Result<T, ControllerError> {
        self.get_within(node, path, QUICK).await
    }

    async fn get_within<T: DeserializeOwned>(
        &self,
        node: &str,
        path: String,
        limit: Duration,
    ) -> Result<T, ControllerError> {
        let call: Call<'_, ()> = Call {
            method: reqwest::Method::GET,
            path,
            body: None,
            limit,
        };
        self.call(node, call).await
    }

    async fn post<B: Serialize, T: DeserializeOwned>(
        &self,
        node: &str,
        path: String,
        body: &B,
        limit: Duration,
    ) -> Result<T, ControllerError> {
        self.call(
            node,
            Call {
                method: reqwest::Method::POST,
                path,
                body: Some(body),
                limit,
            },
        )
        .await
    }

    async fn call<B: Serialize, T: DeserializeOwned>(
        &self,
        node: &str,
        call: Call<'_, B>,
    ) -> Result<T, ControllerError> {
        let response = self.send(node, call).await?;
        let body = capped(response, LONGEST)
            .await
            .map_err(|error| unreachable_agent(node, &error))?;
        serde_json::from_slice(&body).map_err(|error| unreachable_agent(node, &error))
    }

    async fn send<B: Serialize>(
        &self,
        node: &str,
        call: Call<'_, B>,
    ) -> Result<reqwest::Response, ControllerError> {
        let agent = self.agent(node).await?;
        let url = peer_url(&names::agent_identity(node), agent.address, &call.path);
        let mut request = agent.http.request(call.method, url).timeout(call.limit);
        if let Some(body) = call.body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(|error| {
            // The agent may have come back under another address.
            self.known
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .remove(node);
            unreachable_agent(node, &error)
        })?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let text = capped(response, LONGEST)
            .await
            .map_err(|error| unreachable_agent(node, &error))?;
        let text = String::from_utf8_lossy(&text);
        let problem = serde_json::from_str(&text).unwrap_or_else(|_| Problem {
            // Each of our own refusals has a body; a path that is not known has none.
            reason: if status == reqwest::StatusCode::NOT_FOUND {
                Reason::NoSuchRequest
            } else {
                Reason::AgentAnswer
            },
            message: format!("{status}: {text}"),
        });
        Err(ControllerError::Agent {
            node: node.to_owned(),
            problem,
            transient: status.is_server_error(),
        })
    }

    async fn agent(&self, node: &str) -> Result<Agent, ControllerError> {
        if let Some(agent) = self
            .known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(node)
            .cloned()
        {
            return Ok(agent);
        }
        let address = SocketAddr::new(self.address_of(node).await?, names::AGENT_PORT);
        let http = self
            .identity
            .http_client(&names::agent_identity(node), address)
            .map_err(|error| unreachable_agent(node, &error))?;
        let agent = Agent { address, http };
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(node.to_owned(), agent.clone());
        Ok(agent)
    }

    async fn address_of(&self, node: &str) -> Result<IpAddr, ControllerError> {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), names::SYSTEM_NAMESPACE);
        let params = ListParams::default()
            .labels("app.kubernetes.io/name=shadow-agent")
            .fields(&format!("spec.nodeName={node},status.phase=Running"));
        let found = pods.list(&params).await?;
        let ip = found
            .items
            .iter()
            .filter(|pod| pod.metadata.deletion_timestamp.is_none())
            .find_map(|pod| pod.status.as_ref()?.pod_ip.as_ref()?.parse().ok());
        ip.ok_or_else(|| ControllerError::AgentUnreachable {
            node: node.to_owned(),
            cause: "no agent pod runs there".to_owned(),
        })
    }
}

fn unreachable_agent(node: &str, error: &dyn std::error::Error) -> ControllerError {
    let mut cause = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        cause = format!("{cause}: {inner}");
        source = inner.source();
    }
    ControllerError::AgentUnreachable {
        node: node.to_owned(),
        cause,
    }
}
