//! Out of the registry for good, where it lets us.

use reqwest::{Response, StatusCode};
use shadow_core::wire::Discarded;

use super::client::{QUICK, Registry};
use super::error::RegistryError;
use crate::image::digest::Digest;
use crate::image::manifest::ImageManifest;

const DELETE: &str = "delete the image";

impl Registry {
    /// Deletes the image under a tag, and its layers, since they hold the memory of a process: a manifest alone would
    /// leave them to whoever knows their digests. A registry that does not let us is an answer.
    pub(crate) async fn delete(&self, tag: &str) -> Result<Discarded, RegistryError> {
        match self.try_delete(tag).await {
            Err(error @ RegistryError::Refused { .. }) => Ok(Discarded::Kept {
                why: format!(
                    "{error}. Delete {}/{}:{tag} yourself",
                    self.endpoint.name, self.path
                ),
            }),
            other => other,
        }
    }

    async fn try_delete(&self, tag: &str) -> Result<Discarded, RegistryError> {
        let found = self.ask_manifest(tag).await?;
        if found.status() == StatusCode::NOT_FOUND {
            return Ok(Discarded::Absent);
        }
        let json = self.read_manifest(found).await?;
        let manifest = ImageManifest::parse(&json).map_err(RegistryError::Wrong)?;
        let answer = self
            .ask_to_delete(&format!("manifests/{}", Digest::of(&json)))
            .await?;
        match answer.status() {
            StatusCode::ACCEPTED | StatusCode::OK | StatusCode::NO_CONTENT | StatusCode::NOT_FOUND => {}
            _ => return Err(self.refusal(DELETE, answer).await),
        }
        for digest in manifest.digests_of_layers() {
            let answer = self.ask_to_delete(&format!("blobs/{digest}")).await?;
            if !answer.status().is_success() {
                // Many registries collect layers by themselves and refuse this.
                tracing::debug!(%digest, status = answer.status().as_u16(), "layer left to the registry");
            }
        }
        Ok(Discarded::Deleted)
    }

    async fn ask_to_delete(&self, what: &str) -> Result<Response, RegistryError> {
        let url = self.url(what)?;
        self.send(DELETE, |http| http.delete(url.clone()).timeout(QUICK))
            .await
    }
}
