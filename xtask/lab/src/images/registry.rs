//! Pushing an image to a registry by the OCI distribution API, over plain HTTP.
//!
//! Guarantee: when [`push`] returns, the registry has the image under its tag. Blobs the registry has
//! already are not sent again, and the manifest comes last, so a tag never names missing blobs.

use super::blob::Blob;
use super::image::Image;
use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::time::Duration;

const DIGEST: &str = "docker-content-digest";
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// What a push came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Pushed {
    /// The registry had it all.
    Present,
    /// This many bytes were sent.
    Sent(u64),
}

/// Pushes `image` to the registry at `address` (`host:port`).
pub(super) fn push(image: &Image, address: &str) -> Result<Pushed> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let registry = Registry {
        address,
        client: Client::builder(TokioExecutor::new()).build_http(),
    };
    let what = || {
        format!(
            "push {}:{} to the registry at {address}",
            image.repository, image.tag
        )
    };
    runtime.block_on(registry.push(image)).with_context(what)
}

struct Registry<'a> {
    address: &'a str,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Registry<'_> {
    async fn push(&self, image: &Image) -> Result<Pushed> {
        let repository = image.repository;
        let manifest = format!("/v2/{repository}/manifests/{}", image.tag);
        let head = self
            .request(Method::HEAD, &manifest)
            .header(ACCEPT, image.manifest.media_type.to_string());
        let there = self.send(head, Bytes::new()).await?;
        if there.status().is_success()
            && there
                .headers()
                .get(DIGEST)
                .is_some_and(|digest| digest == image.manifest.digest.as_str())
        {
            return Ok(Pushed::Present);
        }
        let mut sent = 0;
        for part in &image.parts {
            sent += self.push_blob(repository, part).await?;
        }
        let put = self
            .request(Method::PUT, &manifest)
            .header(CONTENT_TYPE, image.manifest.media_type.to_string());
        self.expect(put, image.manifest.bytes()?.into(), StatusCode::CREATED)
            .await?;
        Ok(Pushed::Sent(sent + image.manifest.size))
    }

    /// The number of bytes sent; none if the registry has the blob.
    async fn push_blob(&self, repository: &str, blob: &Blob) -> Result<u64> {
        let head = self.request(Method::HEAD, &format!("/v2/{repository}/blobs/{}", blob.digest));
        if self.send(head, Bytes::new()).await?.status().is_success() {
            return Ok(0);
        }
        let post = self.request(Method::POST, &format!("/v2/{repository}/blobs/uploads/"));
        let opened = self
            .expect(post.header(CONTENT_LENGTH, 0), Bytes::new(), StatusCode::ACCEPTED)
            .await?;
        let location = opened
            .headers()
            .get(LOCATION)
            .context("the registry opened an upload without a place")?;
        let put = self.request(Method::PUT, &upload_path(location.to_str()?, &blob.digest)?);
        let put = put.header(CONTENT_TYPE, "application/octet-stream");
        self.expect(put, blob.bytes()?.into(), StatusCode::CREATED)
            .await?;
        Ok(blob.size)
    }

    fn request(&self, method: Method, path: &str) -> hyper::http::request::Builder {
        Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.address))
    }

    async fn expect(
        &self,
        request: hyper::http::request::Builder,
        body: Bytes,
        expected: StatusCode,
    ) -> Result<Response<hyper::body::Incoming>> {
        let (method, uri) = (request.method_ref().cloned(), request.uri_ref().cloned());
        let answer = self.send(request, body).await?;
        let status = answer.status();
        if status == expected {
            return Ok(answer);
        }
        let text = answer
            .into_body()
            .collect()
            .await
            .map(|body| body.to_bytes())
            .unwrap_or_default();
        let (method, uri) = (method.unwrap_or_default(), uri.unwrap_or_default());
        bail!(
            "{method} {uri} was answered {status}, not {expected}: {}",
            String::from_utf8_lossy(&text).trim()
        )
    }

    async fn send(
        &self,
        request: hyper::http::request::Builder,
        body: Bytes,
    ) -> Result<Response<hyper::body::Incoming>> {
        let request = request.body(Full::new(body))?;
        let uri = request.uri().clone();
        tokio::time::timeout(ANSWER_WITHIN, self.client.request(request))
            .await
            .with_context(|| format!("no answer within {ANSWER_WITHIN:?} to {uri}"))?
            .with_context(|| format!("ask {uri}: is the local cluster up?"))
    }
}

/// The place of an upload, completed by the digest; its host is dropped, since the registry may call
/// itself otherwise than we reach it.
fn upload_path(location: &str, digest: &str) -> Result<String> {
    let uri: Uri = location
        .parse()
        .with_context(|| format!("upload place {location:?}"))?;
    let separator = if uri.query().is_some() { '&' } else { '?' };
    let path = uri
        .path_and_query()
        .with_context(|| format!("upload place {location:?} has no path"))?;
    Ok(format!("{path}{separator}digest={digest}"))
}

#[cfg(test)]
mod tests {
    use super::upload_path;

    #[test]
    fn upload_place_may_be_absolute_or_relative_with_or_without_a_query() {
        for (location, path) in [
            (
                "http://10.100.0.1:5000/v2/a/blobs/uploads/1?_state=x",
                "/v2/a/blobs/uploads/1?_state=x&digest=sha256:0",
            ),
            ("/v2/a/blobs/uploads/1", "/v2/a/blobs/uploads/1?digest=sha256:0"),
        ] {
            assert_eq!(upload_path(location, "sha256:0").unwrap(), path);
        }
    }
}
