//! The copy runs from the image that the source runs from, whatever the tag in the template means by now.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Bench, exact_messages, nothing_left};
use xtask_lab::cluster::Cluster;
use xtask_lab::stage::{self, Load, Oracle, Sample, capture, get};

const LOAD: Load = Load::of(100);
const WARM_UP: Duration = Duration::from_secs(3);
const POD: &str = "orders-0";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// The image is pushed again, as another one, under the tag that the running pods were made from.
pub(super) fn pushed_again(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    Sample::deploy(cluster, &[])?;
    let tag = Tag::beside(&image(cluster, POD)?, cluster.namespace())?;
    let first = tag.original(cluster)?;
    tag.push(cluster, &first)?;
    use_image(cluster, &tag.named())?;
    Sample::wait(cluster)?;
    let source = runs(cluster, POD)?;

    tag.push(cluster, &tag.another(cluster, first)?)?;
    let oracle = Oracle::start(cluster, &bench.product, POD, LOAD)?;
    oracle.run_for(WARM_UP);
    let target = Sample::other_node(cluster, POD)?;
    let moved = stage::migrate_with(cluster, &bench.product, POD, target, &[])?;
    ensure!(moved.phase() == "Completed", "it ended {}", moved.why());
    let report = oracle.finish()?;
    println!("     {}", stage::summary(&report));
    exact_messages(&report)?;

    ensure!(
        runs(cluster, POD)? == source,
        "the source ran from {source}, the moved pod runs from {}",
        runs(cluster, POD)?
    );
    let (_, digest) = source
        .split_once('@')
        .context("the source's image has no digest")?;
    let named = image(cluster, POD)?;
    ensure!(named.ends_with(digest), "the moved pod names image {named}");
    let premises = moved.object["status"]["verdict"]["premises"].to_string();
    ensure!(
        premises.contains(&format!("pinned to {named}")),
        "the verdict does not say so: {premises}"
    );
    nothing_left(cluster)?;

    // A pod from the template shows that the tag means another image.
    stage::delete(cluster, "pod", POD)?;
    Sample::wait(cluster)?;
    let fresh = runs(cluster, POD)?;
    ensure!(fresh != source, "the tag still means {fresh}");
    Sample::remove(cluster)
}

/// A tag of this scenario's own, so that others do not see it pushed again.
struct Tag {
    host: String,
    repository: String,
    given: String,
    own: String,
}

impl Tag {
    fn beside(image: &str, own: &str) -> Result<Self> {
        let (host, rest) = image.split_once('/').context("the image names no registry")?;
        let (repository, given) = rest.rsplit_once(':').context("the image has no tag")?;
        Ok(Self {
            host: host.to_owned(),
            repository: repository.to_owned(),
            given: given.to_owned(),
            own: format!("again-{own}"),
        })
    }

    fn named(&self) -> String {
        format!("{}/{}:{}", self.host, self.repository, self.own)
    }

    fn address(&self, tag: &str) -> String {
        format!("http://{}/v2/{}/manifests/{tag}", self.host, self.repository)
    }

    fn original(&self, cluster: &Cluster) -> Result<Value> {
        let accept = format!("Accept: {MANIFEST}");
        let manifest = curl(cluster, &["--header", &accept, &self.address(&self.given)])?;
        serde_json::from_str(&manifest).context("the registry answers no manifest")
    }

    /// The same layers with another configuration. Of two manifests of one configuration, containerd may name either.
    fn another(&self, cluster: &Cluster, mut manifest: Value) -> Result<Value> {
        let blobs = format!("http://{}/v2/{}/blobs", self.host, self.repository);
        let digest = manifest["config"]["digest"]
            .as_str()
            .context("no configuration")?;
        let config = curl(cluster, &[&format!("{blobs}/{digest}")])?;
        let mut config: Value = serde_json::from_str(&config).context("read the configuration")?;
        config["author"] = "again".into();
        let config = config.to_string();
        let digest = format!("sha256:{:x}", Sha256::digest(config.as_bytes()));
        let opened = curl(
            cluster,
            &["--request", "POST", "--include", &format!("{blobs}/uploads/")],
        )?;
        let place = opened
            .lines()
            .find_map(|line| {
                line.to_lowercase()
                    .starts_with("location:")
                    .then(|| line[9..].trim().to_owned())
            })
            .context("the registry opens no upload")?;
        let joint = if place.contains('?') { '&' } else { '?' };
        let place = format!("{place}{joint}digest={digest}");
        let octets = "Content-Type: application/octet-stream";
        curl(
            cluster,
            &[
                "--request",
                "PUT",
                "--header",
                octets,
                "--data-binary",
                &config,
                &place,
            ],
        )?;
        manifest["config"]["digest"] = digest.into();
        manifest["config"]["size"] = config.len().into();
        Ok(manifest)
    }

    fn push(&self, cluster: &Cluster, manifest: &Value) -> Result<()> {
        let (kind, text) = (format!("Content-Type: {MANIFEST}"), manifest.to_string());
        let put = [
            "--request",
            "PUT",
            "--header",
            &kind,
            "--data-binary",
            &text,
            &self.address(&self.own),
        ];
        curl(cluster, &put).map(drop)
    }
}

/// Asks the registry from a node.
fn curl(cluster: &Cluster, arguments: &[&str]) -> Result<String> {
    let mut curl = cluster.run_on_node(Cluster::node_names()[0], "curl")?;
    curl.args(["--silent", "--fail"]).args(arguments);
    capture(curl)
}

fn use_image(cluster: &Cluster, image: &str) -> Result<()> {
    let set = format!("orders={image}");
    capture(cluster.kubectl(["set", "image", "statefulset/orders", &set])).map(drop)
}

/// As its spec names it.
fn image(cluster: &Cluster, pod: &str) -> Result<String> {
    let pod = get(cluster, &["pod", pod])?;
    let image = pod["spec"]["containers"][0]["image"].as_str();
    image.map(str::to_owned).context("its container has no image")
}

/// As its node knows it.
fn runs(cluster: &Cluster, pod: &str) -> Result<String> {
    let pod = get(cluster, &["pod", pod])?;
    let image = pod["status"]["containerStatuses"][0]["imageID"].as_str();
    image
        .map(str::to_owned)
        .context("its node does not tell its image")
}
