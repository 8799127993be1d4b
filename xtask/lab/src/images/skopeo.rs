//! Pushing an image to the cluster's registry, by skopeo from the tree of Debian packages: the one registry client of the
//! lab. (The agent's own client is what is tested; the lab does not test it by itself.)
//!
//! Guarantee: when [`push`] returns, the registry has the image under its tag, byte by byte.

use super::archive;
use super::image::Image;
use crate::cluster::{Cluster, debian_program};
use crate::stage::capture;
use anyhow::{Context, Result, ensure};
use std::process::Command;

/// What a push came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Pushed {
    /// The registry had it all.
    Present,
    /// It has it now; what it had already was not sent again.
    Sent,
}

/// Pushes `image` to the registry of the cluster.
pub(super) fn push(image: &Image, cluster: &Cluster) -> Result<Pushed> {
    let place = format!(
        "docker://{}/{}:{}",
        cluster.registry()?,
        image.repository,
        image.tag
    );
    if digest_at(&place)?.as_deref() == Some(image.manifest.digest.as_str()) {
        return Ok(Pushed::Present);
    }
    let archive = archive::write(image, super::REGISTRY, image.tag, &super::folder())?;
    let mut copy = skopeo()?;
    copy.args([
        "copy",
        "--quiet",
        "--preserve-digests",
        "--dest-tls-verify=false",
        "--dest-no-creds",
    ]);
    copy.arg(format!("oci-archive:{}", archive.display())).arg(&place);
    capture(copy).with_context(|| format!("push {}:{} to {place}", image.repository, image.tag))?;
    Ok(Pushed::Sent)
}

/// The digest under a tag; none where the registry has no such tag.
fn digest_at(place: &str) -> Result<Option<String>> {
    let mut inspect = skopeo()?;
    inspect.args([
        "inspect",
        "--no-tags",
        "--tls-verify=false",
        "--no-creds",
        "--format={{.Digest}}",
        place,
    ]);
    let output = inspect.output().context("run skopeo")?;
    if output.status.success() {
        return Ok(Some(String::from_utf8_lossy(&output.stdout).trim().to_owned()));
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let absent = ["manifest unknown", "name unknown"]
        .iter()
        .any(|words| said.contains(words));
    ensure!(absent, "ask the registry for {place}: {}", said.trim());
    Ok(None)
}

fn skopeo() -> Result<Command> {
    let mut skopeo = debian_program("skopeo")?;
    // Signatures are asked of no image that was made here.
    skopeo.arg("--insecure-policy");
    Ok(skopeo)
}
