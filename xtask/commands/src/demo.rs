//! `cargo xtask demo`: everything set up, the sample under load, one move, the steps with their times, the verdict.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::ahead::{Ahead, Errand};
use xtask_lab::cluster::{Cluster, step};
use xtask_lab::images::binaries::{self, Profile};
use xtask_lab::stage::{self, Load, Oracle, Sample};

/// Load before the move.
const LOAD_BEFORE: Duration = Duration::from_secs(2);
/// Load after the move, seconds.
const LOAD_AFTER: u32 = 5;

/// Arguments of the demo.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Messages a second.
    #[arg(long, default_value_t = 100)]
    rate: u32,
    /// How long the Service is asked after the end of the move, seconds.
    #[arg(long, default_value_t = 10)]
    tail: u32,
    /// Leave the cluster running at the end.
    #[arg(long)]
    keep: bool,
}

/// Runs the demo; an error if anything is not as promised.
pub(crate) fn run(args: Args) -> Result<()> {
    let outcome = show(&args);
    if !args.keep {
        Cluster::down()?;
    }
    outcome
}

fn show(args: &Args) -> Result<()> {
    println!("local cluster");
    let ahead = Ahead::for_a_cluster()?;
    let compiling = step("programs");
    compiling.doing(format!("profile {}", Profile::Release.name()));
    let programs = binaries::build(Profile::Release)?.len();
    compiling.done(format!("{programs} programs"));
    ahead.errands().into_iter().try_for_each(Errand::finish)?;
    let (cluster, product) = stage::with_sample(Profile::Release)?;
    println!("kubectl-shadow");
    product.install(&cluster)?;
    let pod = "orders-0";
    let bystander = Sample::incarnation(&cluster, "orders-1")?;
    println!("\nmove of {pod} under {} messages a second", args.rate);
    let load = step("load");
    let oracle = Oracle::start(
        &cluster,
        &product,
        pod,
        Load {
            tail: args.tail.saturating_sub(LOAD_AFTER),
            ..Load::of(args.rate)
        },
    )?;
    oracle.run_for(LOAD_BEFORE);
    load.done("3 publishers with confirms, a control consumer, a probe every 5 ms");
    let target = Sample::other_node(&cluster, pod)?;
    println!("  $ kubectl shadow migrate {pod} --to {target}");
    let moved = stage::migrate(&cluster, &product, pod, target)?;
    print!("{}", moved.said);
    oracle.run_for(LOAD_BEFORE + moved.wall + Duration::from_secs(LOAD_AFTER.into()));
    let judging = step("oracle");
    judging.doing(format!(
        "asks the Service until {} s after the move",
        args.tail.max(LOAD_AFTER)
    ));
    let report = oracle.finish()?;
    judging.done(stage::summary(&report));
    ensure!(
        moved.code == 0,
        "kubectl shadow migrate ended with code {}",
        moved.code
    );
    check(&cluster, pod, target, &bystander)?;
    if let Some(broken) = stage::broken_promise(&report) {
        anyhow::bail!("not as promised: {broken}");
    }
    println!(
        "\nexact: {pod} runs on {target} with its own spec and its memory; total {:.1} s",
        moved.wall.as_secs_f64()
    );
    Ok(())
}

fn check(cluster: &Cluster, pod: &str, target: &str, bystander: &(String, i64)) -> Result<()> {
    let node = Sample::node(cluster, pod)?;
    ensure!(node == target, "{pod} is on {node} instead of {target}");
    Sample::check_own_spec(cluster, pod)?;
    ensure!(
        Sample::incarnation(cluster, "orders-1")? == *bystander,
        "orders-1 was restarted or replaced"
    );
    let left = stage::leftovers(cluster)?;
    ensure!(left.is_empty(), "left behind: {}", left.join(", "));
    Ok(())
}
