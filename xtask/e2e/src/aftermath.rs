//! A test that failed half-way must not make those after it fail.

use anyhow::{Context, Result};

use super::failures::scale_part;
use xtask_lab::cluster::{Cluster, Tenant};
use xtask_lab::stage::capture;

/// Brings back whatever of the product the test had taken away, and ends its migrations, which are undone or finish.
pub fn cleared(cluster: &Cluster) -> Result<()> {
    let mut migrations = vec!["delete", "statefulmigrations", "--all", "--timeout=2m"];
    match cluster.tenant() {
        Tenant::Sole => {
            for (part, replicas) in [("webhook", "--replicas=2"), ("controller", "--replicas=1")] {
                scale_part(cluster, part, replicas).with_context(|| format!("bring the {part} back"))?;
            }
            migrations.push("--all-namespaces");
        }
        // It took nothing away that others need.
        Tenant::Named(_) => {}
    }
    capture(cluster.kubectl(migrations))
        .context("end the migrations")
        .map(drop)
}
