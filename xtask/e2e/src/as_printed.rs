//! What `kubectl shadow status` prints of an exact move, of a refused one, and of one that a policy allowed: on what the verdict
//! rests can be read there. `STATUS_PAGE=docs/status.md` makes the page of it.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::inexact::{self, POLICY};
use super::{Bench, nothing_left};
use xtask_lab::stage::{self, Load, Oracle, Sample, capture};

const LOAD: Load = Load::of(50);
const WARM_UP: Duration = Duration::from_secs(3);
const POD: &str = "orders-0";
/// Where the page is written, if anywhere.
const PAGE: &str = "STATUS_PAGE";

const HEADER: &str = "# What `kubectl shadow status` says

As printed on the local cluster, while 50 messages a second were published. To print it again, type:

    STATUS_PAGE=docs/status.md cargo xtask test --only \"status says on what\"

[premises.md](premises.md) says what each premise is, and what follows when it is not so.
";

/// Three moves of the same pod.
pub(super) fn of_three_moves(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    inexact::without_queues(cluster)?;
    let mut page = HEADER.to_owned();

    Sample::deploy(cluster, &[])?;
    let exact = moved(bench, "Completed")?;
    ensure!(exact.contains("Exact: "), "no verdict: {exact}");
    section(&mut page, "An exact move", "", &exact)?;

    inexact::without_queues(cluster)?;
    Sample::deploy(cluster, &["--queue-type", "quorum", "--prefetch", "50"])?;
    let refused = moved(bench, "Failed")?;
    ensure!(refused.contains("prefetch 50"), "no premise: {refused}");
    let quorum = "The same application with a quorum queue, from which it prefetches 50 messages.";
    section(&mut page, "A move that is refused", quorum, &refused)?;

    inexact::policy(cluster, "orders", "Allow")?;
    let allowed = moved(bench, "Completed")?;
    ensure!(allowed.contains(POLICY), "no policy: {allowed}");
    let policy = json!({"podSelector": {"matchLabels": {"app": "orders"}}, "inexactHandoff": "Allow"});
    let policy = format!("The same, with a MigrationPolicy `{POLICY}` of this spec: `{policy}`.");
    section(&mut page, "A move that a policy allows", &policy, &allowed)?;

    stage::delete(cluster, "migrationpolicy", POLICY)?;
    nothing_left(cluster)?;
    inexact::without_queues(cluster)?;
    println!("{page}");
    match std::env::var_os(PAGE) {
        None => Ok(()),
        Some(at) => std::fs::write(&at, page).with_context(|| format!("write {}", at.display())),
    }
}

/// Moves the pod under load, and asks for its status.
fn moved(bench: &Bench, phase: &str) -> Result<String> {
    let cluster = &bench.cluster;
    let oracle = Oracle::start(cluster, &bench.product, POD, LOAD)?;
    oracle.run_for(WARM_UP);
    let target = Sample::other_node(cluster, POD)?;
    let moved = stage::migrate_with(cluster, &bench.product, POD, target, &[])?;
    ensure!(moved.phase() == phase, "it ended {}", moved.why());
    let mut status = bench.product.plugin(cluster)?;
    let name = moved.object["metadata"]["name"].as_str();
    status.args(["status", name.context("the migration has no name")?]);
    let printed = capture(status)?;
    oracle.finish()?;
    Ok(printed)
}

fn section(page: &mut String, title: &str, says: &str, printed: &str) -> Result<()> {
    let says = if says.is_empty() {
        String::new()
    } else {
        format!("{says}\n\n")
    };
    writeln!(page, "\n## {title}\n\n{says}```text\n{}\n```", printed.trim_end())?;
    Ok(())
}
