//! What people see of a move while it goes on: the bytes of a large archive, since when its source stands still, the rates of its
//! queue, and that the controller lives.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use xtask_lab::stage::{self, Load, Oracle, Sample, Watch};

use super::{Bench, exact_messages, nothing_left, workloads};

const POD: &str = "orders-0";
/// A transfer takes two seconds and more. The default heartbeat of the sample would not let its source stand still for as long.
const LARGE: [&str; 4] = ["--ballast-mb", "500", "--heartbeat", "60"];
/// The broker's statistics are a mean of some seconds.
const WARM_UP: Duration = Duration::from_secs(8);

/// A move whose source goes on after its dump, and one whose source stands still from its dump to its end.
pub(super) fn while_it_goes_on(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    Sample::deploy(cluster, &LARGE)?;
    let oracle = Oracle::start(cluster, &bench.product, POD, Load::of(40))?;
    oracle.run_for(WARM_UP);
    let shown = move_watched(bench, &["--strategy", "sequential"])?;
    shown.bytes_grow(1)?;
    shown.stands_still()?;
    shown.has_rates()?;
    let shown = move_watched(bench, &[])?;
    shown.bytes_grow(1)?;
    let report = oracle.finish()?;
    println!("     {}", stage::summary(&report));
    exact_messages(&report)?;
    Sample::remove(cluster)?;
    nothing_left(cluster)
}

/// Every version of its progress that was seen, and the move at its end.
struct Shown {
    versions: Vec<Value>,
    status: Value,
}

fn move_watched(bench: &Bench, arguments: &[&str]) -> Result<Shown> {
    // A tab would be made spaces: kubectl aligns what it prints while it watches.
    let watch = Watch::start(
        &bench.cluster,
        &["migrationprogresses"],
        r#"{.metadata.name}{" "}{.spec}"#,
    )?;
    let moved = workloads::moved(bench, POD, arguments)?;
    let lines = watch.finish()?;
    let name = moved.object["metadata"]["name"]
        .as_str()
        .context("the migration has no name")?;
    let of_move = lines.iter().filter_map(|line| line.split_once(' '));
    let versions = of_move
        .filter(|(whose, _)| *whose == name)
        .map(|(_, spec)| {
            serde_json::from_str(spec).with_context(|| format!("kubectl printed no JSON: {spec}"))
        })
        .collect::<Result<Vec<Value>>>()?;
    println!("     {name}: {} versions of its progress", versions.len());
    Ok(Shown {
        versions,
        status: moved.object["status"].clone(),
    })
}

impl Shown {
    /// In the transfer of this handoff a part of the bytes is told, never less than before, of as many as were dumped; outside none are.
    fn bytes_grow(&self, handoff: u64) -> Result<()> {
        let in_step = |step: &'static str| {
            let here = move |one: &&Value| one["step"] == step && one["handoff"] == handoff;
            self.versions.iter().filter(here)
        };
        let received: Vec<u64> = in_step("Transfer")
            .filter(|one| one["archive"]["doing"] == "Receive")
            .filter_map(|one| one["archive"]["bytes"].as_u64())
            .collect();
        println!("     bytes received: {received:?}");
        let grows = received.windows(2).all(|pair| pair[0] <= pair[1]);
        ensure!(grows, "the bytes do not grow: {received:?}");
        let legs = self.status["legs"].as_array().cloned().unwrap_or_default();
        let leg = legs.into_iter().find(|leg| leg["number"] == handoff);
        let dumped = leg.context("the handoff is not in the status")?["checkpoint"]["bytes"].clone();
        // How often it is asked in one transfer depends on the machine.
        let whole = dumped.as_u64().unwrap_or_default();
        ensure!(
            received.iter().any(|bytes| (1..whole).contains(bytes)),
            "no part of the {whole} bytes was told while they came: {received:?}"
        );
        ensure!(
            in_step("Transfer")
                .filter_map(|one| one["archive"].get("of"))
                .all(|of| *of == dumped),
            "not of the {dumped} bytes that were dumped"
        );
        let elsewhere = self
            .versions
            .iter()
            .filter(|one| one["step"] != "Checkpoint" && one["step"] != "Transfer")
            .find(|one| one["archive"].is_object());
        ensure!(
            elsewhere.is_none(),
            "bytes are told where none move: {elsewhere:?}"
        );
        let mut clocks: Vec<&str> = in_step("Transfer")
            .filter_map(|one| one["now"].as_str())
            .collect();
        clocks.dedup();
        ensure!(
            clocks.len() > 1,
            "the controller gave no sign of life: {clocks:?}"
        );
        Ok(())
    }

    /// From its dump on, and no longer than it is there.
    fn stands_still(&self) -> Result<()> {
        let stands = |one: &&Value| one["frozenSince"].is_string();
        let seen: Vec<&Value> = self.versions.iter().filter(stands).collect();
        let steps: Vec<&str> = seen.iter().filter_map(|one| one["step"].as_str()).collect();
        println!("     stands still in {steps:?}");
        ensure!(
            steps.contains(&"Transfer"),
            "it is not told that the source stands still during the transfer"
        );
        for one in &seen {
            let (since, now) = (one["frozenSince"].as_str(), one["now"].as_str());
            ensure!(since <= now, "it stands still since {since:?}, and it is {now:?}");
        }
        let gone = self.versions.iter().filter(|one| {
            ["Restore", "Release", "Switch", "Clean"]
                .iter()
                .any(|step| one["step"] == *step)
        });
        ensure!(
            gone.clone().all(|one| one["frozenSince"].is_null()),
            "a source that is gone is told to stand still"
        );
        Ok(())
    }

    fn has_rates(&self) -> Result<()> {
        let publish = |one: &Value| one["rates"]["primary"]["publish"].as_f64();
        let rates: Vec<f64> = self.versions.iter().filter_map(publish).collect();
        println!("     publish rates of the broker: {rates:?}");
        ensure!(
            rates.iter().any(|rate| *rate > 1.0),
            "the broker's rates are not told: {rates:?}"
        );
        Ok(())
    }
}
