//! How much memory our parts on the nodes take during a move.

use std::fs;

use anyhow::{Context, Result, ensure};

use super::row::Row;
use xtask_lab::cluster::Cluster;
use xtask_lab::stage::{self, get};

/// The kernel begins to watch for the highest resident memory anew.
const RESET_PEAK: &str = "5";

/// Processes of the agents and of the helpers beside them.
pub(crate) struct Agents {
    agents: Vec<i32>,
    helpers: Vec<i32>,
}

impl Agents {
    /// Finds them.
    pub(crate) fn find(cluster: &Cluster) -> Result<Self> {
        let selector = "--selector=app.kubernetes.io/name=shadow-agent";
        let pods = get(cluster, &["pods", "--namespace=shadow-system", selector])?;
        let (mut agents, mut helpers) = (Vec::new(), Vec::new());
        for pod in pods["items"].as_array().into_iter().flatten() {
            let name = pod["metadata"]["name"].as_str().context("an agent has no name")?;
            agents.push(stage::container_pid(cluster, "shadow-system", name, "agent")?);
            helpers.push(stage::container_pid(cluster, "shadow-system", name, "helper")?);
        }
        ensure!(!agents.is_empty(), "no agent runs");
        Ok(Self { agents, helpers })
    }

    /// Forgets what was before.
    pub(crate) fn watch(&self) -> Result<()> {
        for pid in self.agents.iter().chain(&self.helpers) {
            fs::write(format!("/proc/{pid}/clear_refs"), RESET_PEAK)
                .context("reset an agent's peak of memory")?;
        }
        Ok(())
    }

    /// Notes the highest since.
    pub(crate) fn note(&self, row: &mut Row) -> Result<()> {
        row.agent_mb = Some(highest(&self.agents)?);
        row.helper_mb = Some(highest(&self.helpers)?);
        Ok(())
    }
}

fn highest(pids: &[i32]) -> Result<i64> {
    let mut highest = 0;
    for pid in pids {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).context("read an agent's memory")?;
        highest = highest.max(peak(&status).context("an agent's memory is not told")?);
    }
    Ok(highest)
}

/// `VmHWM:     12345 kB`, in MB.
fn peak(status: &str) -> Option<i64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    i64::try_from(kilobytes.div_ceil(1024)).ok()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_peak_is_read_from_the_kernel() {
        assert_eq!(super::peak("Name:\tx\nVmHWM:\t   20480 kB\n"), Some(20));
        assert_eq!(super::peak("Name:\tx\n"), None);
    }
}
