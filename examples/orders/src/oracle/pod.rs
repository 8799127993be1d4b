//! What the surviving pod says of itself, over HTTP.

use std::io;
use std::time::Duration;

use serde::de::DeserializeOwned;
use thiserror::Error;
use url::Url;

use super::{HttpGet, ProbeFailure};
use crate::consumer::{Brief, Report};

/// A state may be large and the machine busy; this is no probe.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The pod does not tell its state.
#[derive(Debug, Error)]
pub enum PodError {
    /// The URL cannot be used.
    #[error("the pod's URL {url} cannot be used: {source}")]
    Url {
        /// The URL.
        url: String,
        /// Why.
        source: io::Error,
    },
    /// No good answer.
    #[error("the pod at {url} did not answer: {failure}")]
    Failed {
        /// The URL.
        url: String,
        /// What happened.
        failure: ProbeFailure,
    },
    /// Not the answer of this sample.
    #[error("the pod at {url} answered what is no state: {source}")]
    Answer {
        /// The URL.
        url: String,
        /// Why.
        source: serde_json::Error,
    },
}

/// Asks one pod, through whatever address leads to it.
#[derive(Debug, Clone)]
pub struct PodClient {
    url: Url,
}

impl PodClient {
    /// A client for the pod at `url` (without a path).
    #[must_use]
    pub fn new(url: Url) -> Self {
        Self { url }
    }

    /// The whole state.
    ///
    /// # Errors
    /// When the pod does not answer.
    pub async fn report(&self) -> Result<Report, PodError> {
        self.ask("GET", "/state", "")
            .await
            .and_then(|body| self.decode(&body))
    }

    /// Where the pod stands and how many messages it applied.
    ///
    /// # Errors
    /// When the pod does not answer.
    pub async fn brief(&self) -> Result<Brief, PodError> {
        self.ask("GET", "/state", "brief")
            .await
            .and_then(|body| self.decode(&body))
    }

    /// Makes the pod forget the pauses it has seen.
    ///
    /// # Errors
    /// When the pod does not answer.
    pub async fn reset_pauses(&self) -> Result<(), PodError> {
        self.ask("POST", "/reset-pauses", "").await.map(drop)
    }

    async fn ask(&self, method: &str, path: &str, query: &str) -> Result<Vec<u8>, PodError> {
        let mut url = self.url.clone();
        url.set_path(path);
        url.set_query((!query.is_empty()).then_some(query));
        let get = HttpGet::prepare(method, &url)
            .await
            .map_err(|source| PodError::Url {
                url: url.to_string(),
                source,
            })?;
        let answer = tokio::time::timeout(TIMEOUT, get.send())
            .await
            .unwrap_or(Err(ProbeFailure::Timeout));
        answer.map_err(|failure| PodError::Failed {
            url: url.to_string(),
            failure,
        })
    }

    fn decode<T: DeserializeOwned>(&self, body: &[u8]) -> Result<T, PodError> {
        serde_json::from_slice(body).map_err(|source| PodError::Answer {
            url: self.url.to_string(),
            source,
        })
    }
}
