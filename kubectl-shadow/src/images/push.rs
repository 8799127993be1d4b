//! Sends an image to a registry. Guarantee: what is there already is not sent again; the image has the digest of its archive.

use std::io::SeekFrom;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::TryStreamExt;
use http::HeaderValue;
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::errors::OciDistributionError;
use oci_client::{Client, Reference, RegistryOperation};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use super::archive::{Archive, Part};
use super::login::Known;
use crate::problem::Problem;

const CONNECTS: Duration = Duration::from_secs(20);
/// A registry may think about a large layer when it has all of it.
const ANSWERS: Duration = Duration::from_secs(120);
const CHUNK: usize = 256 << 10;

/// What a push did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pushed {
    /// Bytes that went over the network.
    pub(crate) sent: u64,
    /// Bytes that were there.
    pub(crate) there: u64,
}

/// A client for all images.
pub(crate) fn client(plain_http: bool) -> Result<Client, Problem> {
    let unusable = |why: String| Problem::Unknown(format!("no connection can be made: {why}"));
    // kube brings one of its own; this client takes that of the process.
    if rustls::crypto::CryptoProvider::get_default().is_none()
        && rustls::crypto::ring::default_provider()
            .install_default()
            .is_err()
    {
        return Err(unusable(
            "another program part has set up TLS at this moment".to_owned(),
        ));
    }
    Client::try_from(ClientConfig {
        protocol: if plain_http {
            ClientProtocol::Http
        } else {
            ClientProtocol::Https
        },
        use_monolithic_push: true,
        connect_timeout: Some(CONNECTS),
        read_timeout: Some(ANSWERS),
        user_agent: concat!("kubectl-shadow/", env!("CARGO_PKG_VERSION")),
        ..ClientConfig::default()
    })
    .map_err(|error| unusable(error.to_string()))
}

/// Sends what the registry lacks; `told` hears how many bytes have gone.
pub(crate) async fn push(
    client: &Client,
    archive: &Archive,
    image: &Reference,
    known: &Known,
    told: impl Fn(u64) + Clone + Send + Sync + 'static,
) -> Result<Pushed, OciDistributionError> {
    client.auth(image, &known.auth, RegistryOperation::Push).await?;
    // A tag that may not be written twice is left alone. What else may be wrong is met again at once, by the first part.
    let there = client.fetch_manifest_digest(image, &known.auth).await;
    if there.is_ok_and(|digest| digest == archive.digest) {
        return Ok(Pushed {
            sent: 0,
            there: archive.size(),
        });
    }
    let mut pushed = Pushed::default();
    for part in &archive.parts {
        if client.blob_exists(image, &part.digest).await? {
            pushed.there += part.size;
            continue;
        }
        let before = pushed.sent;
        let told = told.clone();
        let stream = stream(archive, part, move |sent| told(before + sent)).await?;
        client
            .push_blob_stream(image, stream, &part.digest, Some(part.size))
            .await?;
        pushed.sent += part.size;
    }
    let kind = HeaderValue::from_str(&archive.media_type)
        .map_err(|error| OciDistributionError::GenericError(Some(error.to_string())))?;
    client
        .push_manifest_raw(image, archive.manifest.clone(), kind)
        .await?;
    pushed.sent += archive.manifest.len() as u64;
    Ok(pushed)
}

/// The bytes of a part, as they are read.
async fn stream<F: Fn(u64) + Send + 'static>(
    archive: &Archive,
    part: &Part,
    told: F,
) -> Result<
    impl futures::Stream<Item = Result<bytes::Bytes, OciDistributionError>> + use<F>,
    OciDistributionError,
> {
    let mut file = tokio::fs::File::open(&archive.path).await?;
    file.seek(SeekFrom::Start(part.offset)).await?;
    let sent = Arc::<AtomicU64>::default();
    let stream = ReaderStream::with_capacity(file.take(part.size), CHUNK).inspect_ok(move |bytes| {
        let length = bytes.len() as u64;
        told(sent.fetch_add(length, Ordering::Relaxed) + length);
    });
    Ok(stream.map_err(OciDistributionError::from))
}
