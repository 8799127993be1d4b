//! A test that failed half-way must not make those after it fail.

use anyhow::{Context, Result};

use super::parts;
use xtask_lab::cluster::{Cluster, Tenant};
use xtask_lab::stage::capture;

/// Brings back whatever of the product the test had taken away, and ends its migrations, which are undone or finish.
pub fn cleared(cluster: &Cluster) -> Result<()> {
    let mut migrations = vec!["delete", "statefulmigrations", "--all", "--timeout=2m"];
    match cluster.tenant() {
        Tenant::Sole => {
            parts::bring_back(cluster)?;
            migrations.push("--all-namespaces");
        }
        // It took nothing away that others need.
        Tenant::Named(_) => {}
    }
    capture(cluster.kubectl(migrations))
        .context("end the migrations")
        .map(drop)
}
