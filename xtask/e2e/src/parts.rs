//! The product's Deployments: taken away for a while, and brought back as they were installed.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use xtask_lab::cluster::Cluster;
use xtask_lab::stage::{capture, get};

/// A Deployment of the product.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part {
    Controller,
    Webhook,
}

impl Part {
    const ALL: [Self; 2] = [Self::Webhook, Self::Controller];

    /// As deploy/manifests installs it.
    fn replicas(self) -> u64 {
        match self {
            Self::Controller => 1,
            Self::Webhook => 2,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Controller => "shadow-controller",
            Self::Webhook => "shadow-webhook",
        }
    }
}

/// A part that does not run. It is back once this is gone, whatever comes of the scenario.
pub(crate) struct Away<'a> {
    cluster: &'a Cluster,
    part: Part,
    back: bool,
}

impl<'a> Away<'a> {
    /// Ends all its pods.
    pub(crate) fn taken(cluster: &'a Cluster, part: Part) -> Result<Self> {
        let back = false;
        let away = Self { cluster, part, back };
        scale(cluster, part, 0)?;
        Ok(away)
    }

    /// Waits until it is ready.
    pub(crate) fn brought_back(mut self) -> Result<()> {
        self.back = true;
        scale(self.cluster, self.part, self.part.replicas())
    }
}

impl Drop for Away<'_> {
    fn drop(&mut self) {
        if !self.back
            && let Err(error) = scale(self.cluster, self.part, self.part.replicas())
        {
            println!("     the {:?} could not be brought back: {error:#}", self.part);
        }
    }
}

/// Brings back all of them.
pub(crate) fn bring_back(cluster: &Cluster) -> Result<()> {
    for part in Part::ALL {
        scale(cluster, part, part.replicas()).with_context(|| format!("bring the {part:?} back"))?;
    }
    Ok(())
}

/// A scenario that leaves less of the product than it found makes a later one fail; this makes the right one fail.
/// Nothing at all is right, too: the last scenario uninstalls it.
pub(crate) fn all_there(cluster: &Cluster) -> Result<()> {
    let found = get(cluster, &["deployments", "--namespace=shadow-system"])?;
    let found = found["items"].as_array().context("a list without items")?;
    for part in Part::ALL {
        let ours = |one: &&Value| one["metadata"]["name"] == part.name();
        let replicas = found.iter().find(ours).map(|one| &one["spec"]["replicas"]);
        ensure!(
            found.is_empty() || replicas.is_some_and(|replicas| *replicas == part.replicas()),
            "the scenario left {} with {replicas:?} replicas, {} were installed",
            part.name(),
            part.replicas()
        );
    }
    Ok(())
}

fn scale(cluster: &Cluster, part: Part, replicas: u64) -> Result<()> {
    let system = "--namespace=shadow-system";
    let deployment = format!("deployment/{}", part.name());
    let replicas = format!("--replicas={replicas}");
    capture(cluster.kubectl(["scale", &deployment, system, &replicas]))?;
    let rollout = ["rollout", "status", &deployment, system, "--timeout=60s"];
    capture(cluster.kubectl(rollout)).map(drop)
}
