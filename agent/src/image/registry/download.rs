//! Out of the registry: manifests whole and small, layers as a stream.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use oci_spec::image::{Descriptor, MediaType};
use reqwest::header::{ACCEPT, LOCATION};
use reqwest::{Response, StatusCode};

use super::client::{QUICK, Registry, WHOLE_LAYER, read_capped};
use super::error::RegistryError;

const MAX_MANIFEST: usize = 1024 * 1024;
/// Registries hand layers out from stores of their own, which may hand them on once more.
const MAX_HOPS: usize = 3;
/// A layer of which nothing comes for so long has broken off.
const IDLE: Duration = Duration::from_secs(10);

const LOOK: &str = "show the image's manifest";
const HAND_OUT: &str = "hand out a layer";

impl Registry {
    /// The manifest under a tag or digest. Nothing of it is checked yet.
    pub(crate) async fn manifest(&self, reference: &str) -> Result<Vec<u8>, RegistryError> {
        let answer = self.ask_manifest(reference).await?;
        self.read_manifest(answer).await
    }

    pub(super) async fn read_manifest(&self, answer: Response) -> Result<Vec<u8>, RegistryError> {
        let answer = self.expect(LOOK, answer, StatusCode::OK).await?;
        read_capped(answer, MAX_MANIFEST, &self.endpoint.name, LOOK).await
    }

    pub(super) async fn ask_manifest(&self, reference: &str) -> Result<Response, RegistryError> {
        let url = self.url(&format!("manifests/{reference}"))?;
        self.send(LOOK, |http| {
            http.get(url.clone())
                .header(ACCEPT, MediaType::ImageManifest.as_ref())
                .timeout(QUICK)
        })
        .await
    }

    /// A layer's bytes as they come. Nothing of them is checked yet but that they are not announced to be too many.
    pub(crate) async fn blob(
        &self,
        descriptor: &Descriptor,
    ) -> Result<impl Stream<Item = io::Result<Bytes>> + Send + use<>, RegistryError> {
        let url = self.url(&format!("blobs/{}", descriptor.digest()))?;
        let mut answer = self
            .send(HAND_OUT, |http| http.get(url.clone()).timeout(WHOLE_LAYER))
            .await?;
        let mut hops = 0;
        while answer.status().is_redirection() && hops < MAX_HOPS {
            answer = self.follow(answer).await?;
            hops += 1;
        }
        let answer = self.expect(HAND_OUT, answer, StatusCode::OK).await?;
        if let Some(length) = answer
            .content_length()
            .filter(|length| *length != descriptor.size())
        {
            let size = descriptor.size();
            return Err(RegistryError::Wrong(format!(
                "a layer of {size} bytes has {length} bytes"
            )));
        }
        Ok(with_patience(answer.bytes_stream()))
    }

    /// Goes where the layer is kept, without credentials: they are for the registry alone.
    async fn follow(&self, answer: Response) -> Result<Response, RegistryError> {
        let wrong = |why: &str| RegistryError::Wrong(format!("it keeps a layer {why}"));
        let location = answer
            .headers()
            .get(LOCATION)
            .and_then(|value| value.to_str().ok());
        let location = location.ok_or_else(|| wrong("at another address that it does not name"))?;
        let url = answer
            .url()
            .join(location)
            .map_err(|_| wrong("at an address that is not valid"))?;
        self.policy.check(&url, &self.endpoint)?;
        let host = url.host_str().unwrap_or_default().to_owned();
        let sent = self.http.get(url).timeout(WHOLE_LAYER).send().await;
        let answer =
            sent.map_err(|error| RegistryError::unreachable(&host, HAND_OUT, &error.without_url()))?;
        if answer.status().is_server_error() {
            return Err(self.refusal(HAND_OUT, answer).await);
        }
        Ok(answer)
    }
}

fn with_patience(
    body: impl Stream<Item = reqwest::Result<Bytes>> + Send + 'static,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    futures::stream::unfold(Box::pin(body), |mut body| async move {
        let chunk = match tokio::time::timeout(IDLE, body.next()).await {
            Ok(chunk) => {
                chunk?.map_err(|error| io::Error::other(crate::transfer::causes(&error.without_url())))
            }
            Err(_) => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("nothing arrived for {} s", IDLE.as_secs()),
            )),
        };
        Some((chunk, body))
    })
}
