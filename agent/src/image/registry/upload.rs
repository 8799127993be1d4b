//! Into the registry: blobs first, the manifest last, so that a tag never names what is not there.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use bytes::Bytes;
use oci_spec::image::MediaType;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use reqwest::{Response, StatusCode, Url};

use super::client::{QUICK, Registry, WHOLE_LAYER};
use super::error::RegistryError;
use crate::archive::ArchiveError;
use crate::image::ImageError;
use crate::image::digest::Digest;
use crate::image::layer::{self, Written};
use crate::transfer::bridge::written_stream;

const OCTETS: &str = "application/octet-stream";
const DIGEST: &str = "docker-content-digest";

const OPEN: &str = "accept an upload";
const TAKE: &str = "take a layer";
const CLOSE: &str = "finish an upload";
const TAG: &str = "take the image's manifest";

impl Registry {
    /// Sends the archive in `dir` as it is read, and counts it. Its digest is known at the end, so it goes as one streamed upload.
    pub(crate) async fn push_layer(&self, dir: PathBuf, done: Arc<AtomicU64>) -> Result<Written, ImageError> {
        let place = self.open_upload().await?;
        let (stream, writing) = written_stream(move |output| layer::write(&dir, output, &done));
        let request = self
            .http
            .patch(place)
            .header(CONTENT_TYPE, OCTETS)
            .timeout(WHOLE_LAYER);
        let sent = self
            .send_once(TAKE, request.body(reqwest::Body::wrap_stream(stream)))
            .await;
        // The registry has answered or is out of reach: whatever is not sent by then is not wanted any more.
        let written = tokio::time::timeout(QUICK, writing).await;
        let place = match sent {
            Ok(answer) => self.next_place(self.expect(TAKE, answer, StatusCode::ACCEPTED).await?)?,
            Err(error) => {
                // If it was this side that broke the stream off, that is the reason.
                let fault = written.ok().and_then(Result::ok).and_then(Result::err);
                return Err(fault.filter(is_local).map_or(error.into(), ImageError::from));
            }
        };
        let written = match written.map(|ended| ended.map_err(|_| ImageError::Stopping)) {
            Ok(ended) => ended?.map_err(|error| if is_local(&error) { error.into() } else { unread() })?,
            Err(_) => return Err(unread()),
        };
        self.close_upload(place, written.descriptor.digest().as_ref(), Bytes::new())
            .await?;
        Ok(written)
    }

    /// Sends a small blob.
    pub(crate) async fn push_blob(&self, content: &[u8]) -> Result<(), RegistryError> {
        let place = self.open_upload().await?;
        self.close_upload(
            place,
            &Digest::of(content).to_string(),
            Bytes::copy_from_slice(content),
        )
        .await
    }

    /// Makes the image visible under its tag.
    pub(crate) async fn push_manifest(&self, tag: &str, json: &[u8]) -> Result<Digest, RegistryError> {
        let (url, body) = (
            self.url(&format!("manifests/{tag}"))?,
            Bytes::copy_from_slice(json),
        );
        let build = |http: &reqwest::Client| {
            let request = http
                .put(url.clone())
                .header(CONTENT_TYPE, MediaType::ImageManifest.as_ref())
                .timeout(QUICK);
            request.body(body.clone())
        };
        let answer = self.send(TAG, build).await?;
        let answer = self.expect(TAG, answer, StatusCode::CREATED).await?;
        let digest = Digest::of(json);
        match answer.headers().get(DIGEST).and_then(|value| value.to_str().ok()) {
            Some(said) if said != digest.to_string() => Err(RegistryError::Wrong(format!(
                "it stores the manifest with another digest than {digest}"
            ))),
            Some(_) | None => Ok(digest),
        }
    }

    async fn open_upload(&self) -> Result<Url, RegistryError> {
        let url = self.url("blobs/uploads/")?;
        let build = |http: &reqwest::Client| http.post(url.clone()).header(CONTENT_LENGTH, 0).timeout(QUICK);
        let answer = self.send(OPEN, build).await?;
        self.next_place(self.expect(OPEN, answer, StatusCode::ACCEPTED).await?)
    }

    async fn close_upload(&self, mut place: Url, digest: &str, rest: Bytes) -> Result<(), RegistryError> {
        place.query_pairs_mut().append_pair("digest", digest);
        let build = |http: &reqwest::Client| {
            let request = http
                .put(place.clone())
                .header(CONTENT_TYPE, OCTETS)
                .timeout(QUICK);
            request.header(CONTENT_LENGTH, rest.len()).body(rest.clone())
        };
        let answer = self.send(CLOSE, build).await?;
        self.expect(CLOSE, answer, StatusCode::CREATED).await.map(drop)
    }

    /// Where an upload goes on. A registry behind a proxy may call itself by another scheme or port than we do; another
    /// host would get the memory of a process, and is refused.
    fn next_place(&self, answer: Response) -> Result<Url, RegistryError> {
        let wrong = |why: &str| RegistryError::Wrong(format!("it opened an upload {why}"));
        let location = answer
            .headers()
            .get(LOCATION)
            .and_then(|value| value.to_str().ok());
        let location = location.ok_or_else(|| wrong("without a place"))?;
        let base = &self.endpoint.base;
        let place = answer
            .url()
            .join(location)
            .map_err(|_| wrong("at an address that is not valid"))?;
        if place.host_str() != base.host_str() {
            return Err(wrong("on another host than its own"));
        }
        let mut own = base.clone();
        own.set_path(place.path());
        own.set_query(place.query());
        Ok(own)
    }
}

fn unread() -> ImageError {
    RegistryError::Wrong("it accepted a layer without reading it".to_owned()).into()
}

/// A writer whose reader has gone is not at fault.
fn is_local(error: &ArchiveError) -> bool {
    match error {
        ArchiveError::Io { source, .. } => source.kind() != std::io::ErrorKind::BrokenPipe,
        ArchiveError::Refused(_) | ArchiveError::Mismatch(_) => true,
    }
}
