//! Dump through the checkpoint API of the agent's own kubelet: no access to the runtime, longer freeze.
//!
//! The request is sent once: kubelet would dump again on a repeated one. Its archive lies in a folder that the pod
//! mounts, and is removed as soon as it is converted.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Deserialize;
use shadow_core::wire::CheckpointRequest;
use shadow_identity::{CappedError, capped};

use super::convert::{self, ConvertError};
use crate::keys::Slot;
use crate::layout;
use crate::node::dump::Dumped;
use crate::transfer::causes;

/// Bytes of an answer: names of files, or a sentence.
const LONGEST_ANSWER: usize = 64 << 10;
const WITHIN: Duration = Duration::from_secs(130);
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// What helps where a right is missing; other refusals say what it is.
fn right(status: u16) -> &'static str {
    match status {
        401 | 403 => {
            ". The agent needs the right to create nodes/checkpoint. To give it, install this version again: kubectl shadow install"
        }
        _ => "",
    }
}

/// Why kubelet did not dump.
#[derive(Debug, thiserror::Error)]
pub enum KubeletError {
    /// No connection, or one that broke.
    #[error(
        "kubelet at {address} does not answer: {why}. If its certificate is self-signed, set KUBELET_CA of the agent to \
         its authority"
    )]
    Unreachable {
        /// Where.
        address: String,
        /// The causes, outermost first.
        why: String,
    },
    /// It said no.
    #[error("kubelet refused the checkpoint ({status}: {body}){}", right(*.status))]
    Refused {
        /// HTTP status.
        status: u16,
        /// Its words.
        body: String,
    },
    /// The token or the authority cannot be read.
    #[error("could not read {path}: {source}", path = path.display())]
    Account {
        /// Which file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// Its archive is not what we know.
    #[error("kubelet's archive is unusable: {0}")]
    Archive(#[from] ConvertError),
    /// The agent is being stopped.
    #[error("the agent stops")]
    Stopping,
}

#[derive(Deserialize)]
struct Made {
    items: Vec<PathBuf>,
}

/// The agent's own kubelet.
#[derive(Clone, Debug)]
pub struct Kubelet {
    /// Authority of kubelet's certificate; the cluster's when not set.
    pub authority: Option<PathBuf>,
}

impl Kubelet {
    /// Has the container dumped and converts the archive into the key's folder.
    pub async fn dump(
        &self,
        slot: &Slot,
        request: &CheckpointRequest,
        host_ip: &str,
    ) -> Result<Dumped, KubeletError> {
        let begun = Instant::now();
        let host = if host_ip.contains(':') {
            format!("[{host_ip}]")
        } else {
            host_ip.to_owned()
        };
        let (pod, container) = (&request.pod, &request.container);
        let url = format!(
            "https://{host}:10250/checkpoint/{}/{}/{container}",
            pod.namespace, pod.name
        );
        let unreachable = |error: reqwest::Error| KubeletError::Unreachable {
            address: host.clone(),
            why: causes(&error),
        };
        let unread = |error: CappedError| KubeletError::Unreachable {
            address: host.clone(),
            why: causes(&error),
        };
        let token = read(&Path::new(ACCOUNT).join("token"))?;
        let answer = self
            .client()?
            .post(url)
            .bearer_auth(token.trim())
            .send()
            .await
            .map_err(unreachable)?;
        let status = answer.status();
        if !status.is_success() {
            let body = capped(answer, LONGEST_ANSWER).await.map_err(unread)?;
            return Err(KubeletError::Refused {
                status: status.as_u16(),
                body: String::from_utf8_lossy(&body).into_owned(),
            });
        }
        let made = capped(answer, LONGEST_ANSWER).await.map_err(unread)?;
        let made: Made = serde_json::from_slice(&made).map_err(|error| KubeletError::Unreachable {
            address: host.clone(),
            why: error.to_string(),
        })?;
        // Kubelet does not tell how long the container stood still: no longer than it took to answer.
        let frozen_micros = micros(begun);
        let folder = slot.folder.clone();
        let convert = move || convert_all(&made, &folder.partial());
        tokio::task::spawn_blocking(convert)
            .await
            .map_err(|_| KubeletError::Stopping)??;
        Ok(Dumped {
            frozen_micros,
            total_micros: micros(begun),
        })
    }

    fn client(&self) -> Result<reqwest::Client, KubeletError> {
        let path = self
            .authority
            .clone()
            .unwrap_or_else(|| Path::new(ACCOUNT).join("ca.crt"));
        let pem = read(&path)?;
        let failed = |error| KubeletError::Unreachable {
            address: "any".to_owned(),
            why: causes(&error),
        };
        let authorities = reqwest::Certificate::from_pem_bundle(pem.as_bytes()).map_err(failed)?;
        reqwest::Client::builder()
            .tls_certs_only(authorities)
            .no_proxy()
            .timeout(WITHIN)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(failed)
    }
}

fn convert_all(made: &Made, partial: &Path) -> Result<(), ConvertError> {
    let Some(path) = made.items.first() else {
        return Err(ConvertError::Unknown(
            "kubelet did not name an archive".to_owned(),
        ));
    };
    // Only the name is believed; the folder is ours to know.
    let name = path.file_name().unwrap_or_default();
    let local = Path::new(layout::KUBELET_CHECKPOINTS).join(name);
    let converted = convert::convert(&local, partial);
    fs::remove_file(&local).map_err(|source| ConvertError::Io { path: local, source })?;
    converted
}

fn read(path: &Path) -> Result<String, KubeletError> {
    fs::read_to_string(path).map_err(|source| KubeletError::Account {
        path: path.to_owned(),
        source,
    })
}

fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}
