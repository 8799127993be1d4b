//! Commands that look and tell, on a real cluster: what is checked passes on a cluster that is well, each prerequisite that is taken
//! away fails by its code alone, and a move is told alike by all of them.

use std::fs;
use std::process::Output;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::parts::{Away, Part};
use super::{Bench, nothing_left};
use xtask_lab::cluster::{Cluster, wait_for};
use xtask_lab::fed::fed;
use xtask_lab::stage::{self, Sample, capture};

const POD: &str = "orders-0";
const SECRET: &str = "orders-broker";
const SOON: Duration = Duration::from_secs(60);

/// All of them.
pub(super) fn tell_the_truth(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    Sample::deploy(cluster, &[])?;
    well(bench)?;
    printed_is_accepted(bench)?;
    without_the_right(bench)?;
    without_the_webhook(bench)?;
    without_a_target(bench)?;
    told(bench)?;
    Sample::remove(cluster)?;
    nothing_left(cluster)
}

/// Of a cluster that is well nothing fails.
fn well(bench: &Bench) -> Result<()> {
    for what in [&[][..], &[POD], &["nodes"], &["--pre"]] {
        let output = run(bench, &[&["check"], what].concat())?;
        ensure!(code(&output) == Some(0), "check {what:?}: {}", text(&output));
    }
    Ok(())
}

/// What dry runs print, kubectl gives to the API server as it is. A move is printed with `generateName`, which `kubectl apply` does not take.
fn printed_is_accepted(bench: &Bench) -> Result<()> {
    let install = &[
        "install",
        "--registry",
        "registry.example.org",
        "--dry-run=client",
        "-o",
        "yaml",
    ][..];
    let migrate = &["migrate", POD, "--dry-run=client", "-o", "yaml"][..];
    for (arguments, verb, accepted) in [
        (
            install,
            "apply",
            "customresourcedefinition.apiextensions.k8s.io/statefulmigrations",
        ),
        (migrate, "create", "statefulmigration.migration.ms2m.io/orders-0-"),
    ] {
        let printed = run(bench, arguments)?;
        ensure!(code(&printed) == Some(0), "{arguments:?}: {}", text(&printed));
        let mut kubectl = bench
            .cluster
            .kubectl([verb, "--dry-run=server", "--filename", "-"]);
        let output = fed(&mut kubectl, &String::from_utf8_lossy(&printed.stdout))?;
        let said = text(&output);
        ensure!(
            code(&output) == Some(0) && said.contains(accepted),
            "kubectl {verb} of {arguments:?}: {said}"
        );
    }
    Ok(())
}

fn without_the_right(bench: &Bench) -> Result<()> {
    stage::delete(&bench.cluster, "rolebinding", &format!("shadow-broker-{SECRET}"))?;
    let failed = failed(bench, &[POD])?;
    bench.product.allow(&bench.cluster)?;
    ensure!(failed == ["SH207"], "without the right to the Secret: {failed:?}");
    Ok(())
}

fn without_the_webhook(bench: &Bench) -> Result<()> {
    let away = Away::taken(&bench.cluster, Part::Webhook)?;
    let failed = failed(bench, &["cluster"])?;
    away.brought_back()?;
    ensure!(failed == ["SH006"], "without the webhook: {failed:?}");
    wait_for("the check to pass again", SOON, || {
        Ok(code(&run(bench, &["check", "cluster"])?).filter(|code| *code == 0))
    })
    .map(drop)
}

/// The only other node takes no pods.
fn without_a_target(bench: &Bench) -> Result<()> {
    let other = Sample::other_node(&bench.cluster, POD)?;
    capture(bench.cluster.kubectl(["cordon", other]))?;
    let failed = failed(bench, &[POD]);
    capture(bench.cluster.kubectl(["uncordon", other]))?;
    let failed = failed?;
    ensure!(failed == ["SH208"], "without another node: {failed:?}");
    Ok(())
}

/// One move, as each command tells it.
fn told(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    let target = Sample::other_node(cluster, POD)?;
    let moved = stage::migrate(cluster, &bench.product, POD, target)?;
    ensure!(moved.phase() == "Completed", "it ended {}", moved.why());
    let name = moved.object["metadata"]["name"].as_str().context("no name")?;
    let pause = moved.object["status"]["pause"].as_str().context("no pause")?;
    contains(bench, &["list"], &[name, POD, target])?;
    contains(
        bench,
        &["list", "-A", "-o", "name"],
        &[&format!("statefulmigration.migration.ms2m.io/{name}")],
    )?;
    contains(bench, &["status", POD], &[name, pause, "Exact: "])?;
    contains(
        bench,
        &["status", POD, "-o", "jsonpath={.status.phase}"],
        &["Completed"],
    )?;
    contains(bench, &["status", POD, "-w"], &["Exact: "])?;
    contains(
        bench,
        &["report", POD],
        &[name, "Checkpoint", pause, "only this pod consumes the queue"],
    )?;
    contains(bench, &["logs", POD], &[name])?;
    contains(bench, &["explain", "Checkpoint"], &["Checkpoint"])?;
    contains(bench, &["version"], &[env!("CARGO_PKG_VERSION")])?;
    let report = run(bench, &["report", POD, "-o", "json"])?;
    let report: Value = serde_json::from_slice(&report.stdout).context("read the report")?;
    ensure!(report["outcome"]["exitCode"] == 0, "{}", report["outcome"]);
    files(bench, cluster)
}

/// What is written into files, with nothing of the broker's password in it.
fn files(bench: &Bench, cluster: &Cluster) -> Result<()> {
    let folder = std::env::temp_dir().join(format!("shadow-commands-{}", std::process::id()));
    fs::create_dir_all(&folder).context("create a folder")?;
    let (page, archive) = (folder.join("move.html"), folder.join("bundle.tar.gz"));
    let path = |path: &std::path::Path| path.display().to_string();
    let written = [
        run(bench, &["report", POD, "-o", "html", "--file", &path(&page)])?,
        run(bench, &["bundle", "-o", &path(&archive)])?,
    ];
    let sizes = [&page, &archive].map(|file| fs::metadata(file).map_or(0, |metadata| metadata.len()));
    let page = fs::read_to_string(&page).unwrap_or_default();
    fs::remove_dir_all(&folder).context("remove the folder")?;
    for output in &written {
        ensure!(code(output) == Some(0), "{}", text(output));
    }
    ensure!(
        sizes.iter().all(|size| *size > 1_000),
        "a file is too small: {sizes:?}"
    );
    ensure!(page.contains("<svg"), "the page has no picture");
    let uri = stage::get(cluster, &["secret", SECRET])?["data"]["uri"].to_string();
    ensure!(!page.contains(uri.trim_matches('"')), "the page holds the Secret");
    Ok(())
}

/// Codes that fail.
fn failed(bench: &Bench, what: &[&str]) -> Result<Vec<String>> {
    let output = run(bench, &[&["check", "-o", "json"], what].concat())?;
    ensure!(code(&output) == Some(1), "nothing fails: {}", text(&output));
    let found: Value = serde_json::from_slice(&output.stdout).context("read the check")?;
    let checks = found["checks"].as_array().cloned().unwrap_or_default();
    let failed = checks.iter().filter(|check| check["grade"] == "fail");
    Ok(failed
        .filter_map(|check| Some(check["code"].as_str()?.to_owned()))
        .collect())
}

fn contains(bench: &Bench, arguments: &[&str], parts: &[&str]) -> Result<()> {
    let output = run(bench, arguments)?;
    let said = text(&output);
    ensure!(code(&output) == Some(0), "{arguments:?}: {said}");
    for part in parts {
        ensure!(said.contains(part), "{arguments:?} does not say {part:?}: {said}");
    }
    Ok(())
}

fn run(bench: &Bench, arguments: &[&str]) -> Result<Output> {
    let mut command = bench.product.plugin(&bench.cluster)?;
    command.args(arguments).output().context("run kubectl-shadow")
}

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

fn text(output: &Output) -> String {
    let both = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    both.concat()
}
