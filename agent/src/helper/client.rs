//! The agent's side of the helper's socket.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use shadow_core::names::Key;
use shadow_core::wire::{Ending, FreezeOrder, Frozen, NodeFacts, Preflight};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::{Answer, Ask, Failure};
use crate::layout;
use crate::node::ContainerId;
use crate::node::dump::Dumped;

/// Longer than the helper's own limit: its answer says more than our time-out.
const PATIENCE: Duration = Duration::from_secs(150);
/// How long facts of a node are believed; only an upgrade of the node changes them.
const FACTS_FRESH: Duration = Duration::from_secs(30);
const MAX_ANSWER: u64 = 256 * 1024;

/// Why the helper did not do it.
#[derive(Debug, thiserror::Error)]
pub enum HelperError {
    /// No answer.
    #[error(
        "the node helper does not answer on {socket}: {source}. Read the log of container helper of this agent's pod"
    )]
    Silent {
        /// Where it should.
        socket: String,
        /// The cause.
        source: io::Error,
    },
    /// It tried and failed.
    #[error("{0}")]
    Failed(#[from] Failure),
}

/// Calls the helper of the same pod.
#[derive(Clone, Debug)]
pub struct HelperClient {
    socket: PathBuf,
    facts: Arc<Mutex<Option<(Instant, NodeFacts)>>>,
}

impl Default for HelperClient {
    fn default() -> Self {
        Self::at(PathBuf::from(layout::HELPER_SOCKET))
    }
}

impl HelperClient {
    /// Calls the helper behind this socket.
    pub fn at(socket: PathBuf) -> Self {
        Self {
            socket,
            facts: Arc::default(),
        }
    }

    /// Dumps a container; it stays frozen for as long as `stay` says.
    pub async fn dump(
        &self,
        key: &Key,
        id: &ContainerId,
        stay: Option<Duration>,
    ) -> Result<Dumped, HelperError> {
        self.dump_as(Ask::Dump {
            key: key.clone(),
            container_id: id.clone(),
            stay_frozen_millis: stay.map(whole_millis),
            within_millis: None,
        })
        .await
    }

    /// Dumps a container, which goes on; given up after `within`.
    pub async fn dump_within(
        &self,
        key: &Key,
        id: &ContainerId,
        within: Duration,
    ) -> Result<Dumped, HelperError> {
        self.dump_as(Ask::Dump {
            key: key.clone(),
            container_id: id.clone(),
            stay_frozen_millis: None,
            within_millis: Some(whole_millis(within)),
        })
        .await
    }

    async fn dump_as(&self, ask: Ask) -> Result<Dumped, HelperError> {
        match self.ask(&ask).await? {
            Answer::Dumped(dumped) => Ok(dumped),
            answer @ (Answer::Done
            | Answer::Frozen(_)
            | Answer::InUse
            | Answer::Connected(_)
            | Answer::Looked(_)
            | Answer::Node(_)
            | Answer::Failed(_)) => Err(unexpected(answer)),
        }
    }

    /// Keeps a container frozen that stays so after its dump, or lets it go on; says how it is then.
    pub async fn freeze(
        &self,
        key: &Key,
        id: &ContainerId,
        order: FreezeOrder,
    ) -> Result<Frozen, HelperError> {
        let ask = Ask::Freeze {
            key: key.clone(),
            container_id: id.clone(),
            order,
        };
        match self.ask(&ask).await? {
            Answer::Frozen(frozen) => Ok(frozen),
            answer @ (Answer::Dumped(_)
            | Answer::Done
            | Answer::InUse
            | Answer::Connected(_)
            | Answer::Looked(_)
            | Answer::Node(_)
            | Answer::Failed(_)) => Err(unexpected(answer)),
        }
    }

    /// Established TCP connections of a container's network to this port.
    pub async fn connections(&self, id: &ContainerId, port: u16) -> Result<u32, HelperError> {
        let ask = Ask::Connections {
            container_id: id.clone(),
            port,
        };
        match self.ask(&ask).await? {
            Answer::Connected(count) => Ok(count),
            answer @ (Answer::Dumped(_)
            | Answer::Done
            | Answer::Frozen(_)
            | Answer::InUse
            | Answer::Looked(_)
            | Answer::Node(_)
            | Answer::Failed(_)) => Err(unexpected(answer)),
        }
    }

    /// What CRIU cannot dump in a container, and what its memory takes; its writable layer, too, if asked for.
    pub async fn preflight(&self, id: &ContainerId, layer: bool) -> Result<Preflight, HelperError> {
        let ask = Ask::Preflight {
            container_id: id.clone(),
            layer,
        };
        match self.ask(&ask).await? {
            Answer::Looked(found) => Ok(found),
            answer @ (Answer::Dumped(_)
            | Answer::Done
            | Answer::Frozen(_)
            | Answer::InUse
            | Answer::Connected(_)
            | Answer::Node(_)
            | Answer::Failed(_)) => Err(unexpected(answer)),
        }
    }

    /// Kills a container's first process once nothing came in to it for `quiet`; otherwise says that it is in use.
    pub async fn kill(&self, id: &ContainerId, quiet: Duration) -> Result<Ending, HelperError> {
        let ask = Ask::Kill {
            container_id: id.clone(),
            quiet_millis: u64::try_from(quiet.as_millis()).unwrap_or(u64::MAX),
        };
        match self.ask(&ask).await? {
            Answer::Done => Ok(Ending::Ended),
            Answer::InUse => Ok(Ending::InUse),
            answer @ (Answer::Dumped(_)
            | Answer::Frozen(_)
            | Answer::Connected(_)
            | Answer::Looked(_)
            | Answer::Node(_)
            | Answer::Failed(_)) => Err(unexpected(answer)),
        }
    }

    /// The node's facts, read again after half a minute: each reading starts the runtime and CRIU.
    pub async fn inspect(&self) -> Result<NodeFacts, HelperError> {
        let mut known = self.facts.lock().await;
        if let Some((read, facts)) = known.as_ref().filter(|(read, _)| read.elapsed() < FACTS_FRESH) {
            tracing::trace!(age = ?read.elapsed(), "facts are known");
            return Ok(facts.clone());
        }
        let facts = self.read_facts().await?;
        *known = Some((Instant::now(), facts.clone()));
        Ok(facts)
    }

    async fn read_facts(&self) -> Result<NodeFacts, HelperError> {
        match self.ask(&Ask::Inspect).await? {
            Answer::Node(facts) => Ok(facts),
            answer @ (Answer::Dumped(_)
            | Answer::Done
            | Answer::Frozen(_)
            | Answer::InUse
            | Answer::Connected(_)
            | Answer::Looked(_)
            | Answer::Failed(_)) => Err(unexpected(answer)),
        }
    }

    async fn ask(&self, ask: &Ask) -> Result<Answer, HelperError> {
        let silent = |source| HelperError::Silent {
            socket: self.socket.display().to_string(),
            source,
        };
        match timeout(PATIENCE, self.exchange(ask)).await {
            Ok(answer) => answer.map_err(silent),
            Err(_) => Err(silent(io::ErrorKind::TimedOut.into())),
        }
    }

    async fn exchange(&self, ask: &Ask) -> io::Result<Answer> {
        let mut stream = UnixStream::connect(&self.socket).await?;
        let mut line = serde_json::to_vec(ask)?;
        line.push(b'\n');
        stream.write_all(&line).await?;
        let mut answer = String::new();
        BufReader::new(stream.take(MAX_ANSWER))
            .read_line(&mut answer)
            .await?;
        Ok(serde_json::from_str(&answer)?)
    }
}

fn whole_millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn unexpected(answer: Answer) -> HelperError {
    match answer {
        Answer::Failed(why) => HelperError::Failed(why),
        Answer::Dumped(_)
        | Answer::Done
        | Answer::Frozen(_)
        | Answer::InUse
        | Answer::Connected(_)
        | Answer::Looked(_)
        | Answer::Node(_) => HelperError::Failed(Failure::Other(format!(
            "the node helper gave another answer than expected: {answer:?}. Its version may differ from the agent's"
        ))),
    }
}
