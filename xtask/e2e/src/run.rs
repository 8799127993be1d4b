//! The cluster with the product, and a selection of scenarios on it.

use std::time::Duration;

use anyhow::Result;

use crate::lanes;
use crate::scenarios::{Company, Scenario};
use crate::selection::Selection;
use crate::tally::Tally;
use crate::watchdog::watched;
use crate::{Bench, aftermath, parts, situation};
use xtask_lab::cluster::Tenant;
use xtask_lab::images::binaries::Profile;
use xtask_lab::stage;

/// More than twice what the longest scenario needs.
const LONGEST: Duration = Duration::from_secs(600);

/// A cluster on which scenarios can run.
pub struct Prepared(Bench);

/// Starts the cluster and installs the product; nothing where that failed, which is counted.
pub fn prepare(tally: &mut Tally) -> Option<Prepared> {
    let prepared = installed();
    let failed = prepared.as_ref().err().map(|error| anyhow::anyhow!("{error:#}"));
    tally.note(
        "the cluster is up and the product installed",
        failed.map_or(Ok(()), Err),
    );
    prepared.ok().map(Prepared)
}

fn installed() -> Result<Bench> {
    let (cluster, product) = stage::with_sample(Profile::Verify)?;
    product.install(&cluster)?;
    Ok(Bench { cluster, product })
}

impl Prepared {
    /// Runs the scenarios of the selection: first those that can share the cluster, side by side, then the others.
    pub fn run(&self, selection: &Selection, tally: &mut Tally) {
        let (shared, alone): (Vec<_>, Vec<_>) = selection
            .scenarios()
            .into_iter()
            .partition(|scenario| scenario.company == Company::Shared);
        lanes::run(&self.0, shared, tally);
        for scenario in alone {
            if tally.is_over() {
                return;
            }
            tally.test(scenario.name, || scenario_on(&self.0, scenario));
        }
    }
}

/// Runs one scenario; what it leaves when it fails is cleared.
pub(crate) fn scenario_on(bench: &Bench, scenario: &Scenario) -> Result<()> {
    let told = || situation::told(&bench.cluster);
    let outcome = watched(LONGEST, told, || {
        (scenario.run)(bench)?;
        intact(bench)
    });
    if outcome.is_err()
        && let Err(error) = aftermath::cleared(&bench.cluster)
    {
        println!("     what the test left could not be cleared, others may fail because of it: {error:#}");
    }
    outcome
}

/// Beside others a scenario may take nothing of the product away, and the last one takes all of it.
fn intact(bench: &Bench) -> Result<()> {
    match bench.cluster.tenant() {
        Tenant::Sole => parts::all_there(&bench.cluster),
        Tenant::Named(_) => Ok(()),
    }
}
