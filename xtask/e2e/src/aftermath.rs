//! A test that failed half-way must not make those after it fail.

use anyhow::{Context, Result};

use super::parts;
use xtask_lab::cluster::{Cluster, Tenant};
use xtask_lab::stage::{self, capture};

/// Brings back whatever of the product the test had taken away, ends its migrations, which are undone or finish, and takes away what they
/// left all the same.
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
    capture(cluster.kubectl(migrations)).context("end the migrations")?;
    stage::clear(cluster).context("take away what is left")
}
