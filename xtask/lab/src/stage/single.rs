//! The sample in other shapes: as a Deployment, as a pod that nobody owns, as an application that knows nothing of
//! migrations, as one that reads control messages only when it is idle, and as people write it with ordinary libraries.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

use super::sample::{broker_api, broker_queues, consumes, queue_path, replaced, with_arguments};
use super::{apply, get};
use crate::cluster::{Cluster, REGISTRY, SECURE_REGISTRY, step, wait_for};
use crate::images;

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");
const READY: Duration = Duration::from_secs(90);

/// Which of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Single {
    /// `single.yaml`.
    Deployment,
    /// `lone.yaml`.
    Pod,
    /// `plain.yaml`: a StatefulSet on a single-active queue.
    Plain,
    /// `polling.yaml`: a StatefulSet that looks for control messages once a second, when it is idle.
    Polling,
    /// An ordinary client in Python, a StatefulSet on a single-active queue: pika.
    Pika,
    /// The same: aio-pika.
    AioPika,
}

impl Single {
    /// Name of the workload and its label `app`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Deployment => "single",
            Self::Pod => "lone",
            Self::Plain => "plain",
            Self::Polling => "polling",
            Self::Pika => "pika",
            Self::AioPika => "aiopika",
        }
    }

    /// Name of its Service and its stream.
    pub fn stream(self) -> &'static str {
        match self {
            Self::Deployment | Self::Pod => self.name(),
            Self::Plain => "plain-0",
            Self::Polling => "polling-0",
            Self::Pika => "pika-0",
            Self::AioPika => "aiopika-0",
        }
    }

    /// Applies the manifests, after whatever an earlier run left, and waits until it consumes.
    pub fn deploy(self, cluster: &Cluster) -> Result<()> {
        self.deploy_with(cluster, &[])
    }

    /// The same, with these arguments for the consumer.
    pub fn deploy_with(self, cluster: &Cluster, arguments: &[&str]) -> Result<()> {
        let manifest = with_arguments(&self.manifest()?, arguments)?;
        self.apply(cluster, &manifest)
    }

    /// The same, its image fetched over HTTPS.
    pub fn deploy_over_https(self, cluster: &Cluster, arguments: &[&str]) -> Result<()> {
        let manifest = replaced(
            &with_arguments(&self.manifest()?, arguments)?,
            &format!("image: {REGISTRY}/"),
            &format!("image: {SECURE_REGISTRY}/"),
        )?;
        self.apply(cluster, &manifest)
    }

    /// The same; each pod becomes ready no sooner than 5 s after its start.
    pub fn deploy_late(self, cluster: &Cluster) -> Result<()> {
        let manifest = replaced(
            &self.manifest()?,
            "periodSeconds: 1\n",
            "periodSeconds: 1\n            initialDelaySeconds: 5\n",
        )?;
        self.apply(cluster, &manifest)
    }

    /// The same as a StatefulSet with so many replicas, each with a Service of its own.
    pub fn deploy_replicas(self, cluster: &Cluster, replicas: u32) -> Result<()> {
        let manifest = with_replicas(&self.manifest()?, self.name(), replicas)?;
        let streams: Vec<String> = (0..replicas).map(|n| format!("{}-{n}", self.name())).collect();
        self.push_image(cluster)?;
        self.remove(cluster)?;
        let starting = step(self.name());
        apply(cluster, &manifest)?;
        wait_for("the consumers to consume their queues", READY, || {
            for stream in &streams {
                if !consumes(cluster, stream)? {
                    return Ok(None);
                }
            }
            Ok(Some(()))
        })?;
        starting.done(streams.join(", "));
        Ok(())
    }

    fn manifest(self) -> Result<String> {
        let file = match self {
            Self::Deployment | Self::Pod | Self::Plain | Self::Polling => {
                format!("orders/deploy/{}.yaml", self.name())
            }
            Self::Pika => "clients/deploy/pika.yaml".to_owned(),
            Self::AioPika => "clients/deploy/aio-pika.yaml".to_owned(),
        };
        let path = format!("{EXAMPLES}/{file}");
        fs::read_to_string(&path).with_context(|| format!("read {path}"))
    }

    /// That of our own sample is pushed with the product's; the other is made only where it is asked for.
    fn push_image(self, cluster: &Cluster) -> Result<()> {
        match self {
            Self::Deployment | Self::Pod | Self::Plain | Self::Polling => Ok(()),
            Self::Pika | Self::AioPika => images::push_clients(cluster),
        }
    }

    fn apply(self, cluster: &Cluster, manifest: &str) -> Result<()> {
        self.push_image(cluster)?;
        self.remove(cluster)?;
        let starting = step(self.name());
        apply(cluster, manifest)?;
        wait_for("the consumer to consume its queue", READY, || {
            Ok(consumes(cluster, self.stream())?.then_some(()))
        })?;
        let pod = self.pod(cluster)?;
        starting.done(format!("{pod} on {}", super::Sample::node(cluster, &pod)?));
        Ok(())
    }

    /// Takes it away.
    pub fn remove(self, cluster: &Cluster) -> Result<()> {
        // As for the sample: a new cluster's broker may not answer yet.
        if !super::delete_app(cluster, self.name())? {
            return Ok(());
        }
        self.drop_control_queues(cluster)
    }

    /// They are the application's own, which does not take them along.
    pub fn drop_control_queues(self, cluster: &Cluster) -> Result<()> {
        for queue in broker_queues(cluster)? {
            if queue.starts_with(&format!("ms2m.control.{}", self.name())) {
                broker_api(cluster, "DELETE", &queue_path(cluster, &queue))?;
            }
        }
        Ok(())
    }

    /// Name of the one pod that is not on its way out.
    pub fn pod(self, cluster: &Cluster) -> Result<String> {
        let selector = format!("--selector=app={}", self.name());
        let pods = get(cluster, &["pods", &selector])?;
        let mut living = pods["items"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|pod| pod["metadata"]["deletionTimestamp"].is_null());
        let pod = living.next().context("there is no pod")?;
        anyhow::ensure!(living.next().is_none(), "there is more than one pod");
        pod["metadata"]["name"]
            .as_str()
            .map(str::to_owned)
            .context("the pod has no name")
    }
}

/// The manifest's Service for one replica, made again for each of the others.
fn with_replicas(text: &str, name: &str, replicas: u32) -> Result<String> {
    let first = format!("name: {name}-0\n");
    let service = text
        .split("---\n")
        .find(|document| document.contains("kind: Service\n") && document.contains(&first))
        .with_context(|| format!("the manifest of {name} has no Service for its first replica"))?;
    let mut all = replaced(text, "replicas: 1\n", &format!("replicas: {replicas}\n"))?;
    for n in 1..replicas {
        all.push_str("\n---\n");
        all.push_str(&service.replace(&format!("{name}-0"), &format!("{name}-{n}")));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_replica_has_a_service() {
        let text = with_replicas(&Single::Polling.manifest().unwrap(), "polling", 3).unwrap();
        assert!(text.contains("  replicas: 3\n"), "{text}");
        for replica in ["polling-0", "polling-1", "polling-2"] {
            assert!(text.contains(&format!("\n  name: {replica}\n")), "{replica}");
            assert!(text.contains(&format!("pod-name: {replica}}}")), "{replica}");
        }
        assert!(with_replicas(&Single::Pod.manifest().unwrap(), "lone", 2).is_err());
    }

    #[test]
    fn ordinary_clients_can_be_told_what_the_sample_can() {
        for single in [Single::Pika, Single::AioPika] {
            let told = with_arguments(&single.manifest().unwrap(), &["--ballast-mb", "100"]).unwrap();
            assert!(told.contains(r#"args: ["--ballast-mb","100"]"#), "{told}");
            assert!(told.contains("limits: {memory: 356Mi}"), "{told}");
            assert!(
                told.contains(&format!("\n  name: {}\n", single.stream())),
                "{told}"
            );
            assert!(told.contains("/samples/clients:dev"), "{told}");
        }
    }
}
