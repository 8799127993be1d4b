//! Scenarios side by side, each in a process of its own with a namespace, a virtual host and a user of its own.
//!
//! A process of its own keeps apart what they print and what they start: a scenario that hangs is ended with all that it has
//! started, and with nothing of its neighbour.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::Bench;
use crate::run::scenario_on;
use crate::scenarios::{ALL, Scenario};
use crate::tally::Tally;
use xtask_lab::cluster::{Cluster, OWN_PROGRAM, Tenant};
use xtask_lab::stage::{self, Product};

/// How many at once: a node takes part in two moves at a time.
const LANES: usize = 2;

/// Arguments of the command by which one scenario runs in a process of its own.
#[derive(clap::Args)]
pub struct One {
    /// Its name.
    #[arg(long)]
    name: String,
    /// Who it is in the cluster.
    #[arg(long)]
    tenant: String,
    /// A file with the paths of the product's programs, by name (JSON).
    #[arg(long)]
    programs: PathBuf,
}

/// Runs one scenario beside others.
///
/// # Errors
///
/// It failed, or is not known.
pub fn one(args: &One) -> Result<()> {
    let scenario = ALL.iter().find(|scenario| scenario.name == args.name);
    let scenario = scenario.with_context(|| format!("no scenario is called {:?}", args.name))?;
    let programs = fs::read_to_string(&args.programs).context("read the paths of the programs")?;
    let programs: BTreeMap<String, PathBuf> =
        serde_json::from_str(&programs).context("the paths of the programs are no JSON")?;
    let bench = Bench {
        cluster: Cluster::open()?.of(Tenant::Named(args.tenant.clone())),
        product: Product::built(programs),
    };
    scenario_on(&bench, scenario)
}

/// Runs these scenarios, as many at once as there are lanes.
pub(crate) fn run(bench: &Bench, scenarios: Vec<&'static Scenario>, tally: &mut Tally) {
    if scenarios.is_empty() {
        return;
    }
    let tenants: Vec<String> = (1..=LANES).map(|n| format!("t{n}")).collect();
    match prepared(bench, &tenants) {
        Ok(programs) => side_by_side(&tenants, programs.path(), scenarios, tally),
        Err(error) => tally.note("the cluster is divided for several tenants", Err(error)),
    }
    tally.note("nothing of the tenants is left", ended(&bench.cluster, &tenants));
}

fn side_by_side(tenants: &[String], programs: &Path, scenarios: Vec<&'static Scenario>, tally: &mut Tally) {
    let waiting = Mutex::new(VecDeque::from(longest_first(scenarios)));
    let tally = Mutex::new(tally);
    thread::scope(|scope| {
        for lane in tenants {
            let (waiting, tally) = (&waiting, &tally);
            scope.spawn(move || {
                while let Some(scenario) = next(waiting, tally) {
                    let begun = Instant::now();
                    let (said, outcome) = process(scenario, lane, programs);
                    let mut tally = locked(tally);
                    println!("test {} ... (beside others, as {lane})", scenario.name);
                    println!("{}", said.trim_end());
                    tally.took(scenario.name, begun.elapsed());
                    tally.note(scenario.name, outcome);
                }
            });
        }
    });
}

fn next(
    waiting: &Mutex<VecDeque<&'static Scenario>>,
    tally: &Mutex<&mut Tally>,
) -> Option<&'static Scenario> {
    if locked(tally).is_over() {
        return None;
    }
    locked(waiting).pop_front()
}

/// A lane must not wait at the end for the one long scenario of the other.
fn longest_first(mut scenarios: Vec<&'static Scenario>) -> Vec<&'static Scenario> {
    scenarios.sort_by_key(|scenario| std::cmp::Reverse(scenario.seconds));
    scenarios
}

/// A lane that panicked fails the run by itself.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes the tenants; a file with the paths of the product's programs.
pub(super) fn prepared(bench: &Bench, tenants: &[String]) -> Result<NamedTempFile> {
    for name in tenants {
        let cluster = bench.cluster.of(Tenant::Named(name.clone()));
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        stage::apply(&bench.cluster, &namespace.to_string())?;
        at_the_broker(&bench.cluster, name).context("make a virtual host and a user")?;
        bench.product.allow(&cluster)?;
    }
    let programs = NamedTempFile::new().context("make a file for the paths of the programs")?;
    let paths = serde_json::to_string(bench.product.programs()).context("write the paths")?;
    fs::write(programs.path(), paths).context("write the paths of the programs")?;
    Ok(programs)
}

/// Takes every tenant away, and waits until it has gone. What one removal says does not keep the others from being tried.
pub(super) fn ended(cluster: &Cluster, tenants: &[String]) -> Result<()> {
    let mut errors = Vec::new();
    for name in tenants {
        let tenant = cluster.of(Tenant::Named(name.clone()));
        errors.extend(without_pods(&tenant).err());
    }
    let mut namespaces = cluster.kubectl(["delete", "namespace", "--ignore-not-found", "--timeout=2m"]);
    namespaces.args(tenants);
    errors.extend(stage::capture(namespaces).err());
    for name in tenants {
        for path in [format!("vhosts/{name}"), format!("users/{name}")] {
            errors.extend(stage::broker_api(cluster, "DELETE", &path).err());
        }
    }
    if errors.is_empty() {
        return Ok(());
    }
    let all: Vec<String> = errors.iter().map(|error| format!("{error:#}")).collect();
    bail!("{}", all.join("; "))
}

/// The pods go at once, and no owner makes another.
fn without_pods(tenant: &Cluster) -> Result<()> {
    let owners = [
        "delete",
        "deployments,replicasets,statefulsets",
        "--all",
        "--cascade=orphan",
    ];
    stage::capture(tenant.kubectl(owners))?;
    stage::capture(tenant.kubectl(["delete", "pods", "--all", "--grace-period=1", "--wait=false"])).map(drop)
}

/// A virtual host with its user; the administrator may look into it, too. Done again, nothing changes.
fn at_the_broker(cluster: &Cluster, name: &str) -> Result<()> {
    let put = |path: String, body: Value| stage::broker_call(cluster, "PUT", &path, &body).map(drop);
    let everything = json!({"configure": ".*", "write": ".*", "read": ".*"});
    put(format!("vhosts/{name}"), json!({}))?;
    put(
        format!("users/{name}"),
        json!({"password": name, "tags": "administrator"}),
    )?;
    put(format!("permissions/{name}/{name}"), everything.clone())?;
    put(format!("permissions/{name}/shadow"), everything)
}

/// What the scenario printed, and how it ended.
fn process(scenario: &Scenario, tenant: &str, programs: &Path) -> (String, Result<()>) {
    let said = NamedTempFile::new().context("open a file for what is said");
    let ran = said.and_then(|said| {
        // One position for both: opened twice, one would write over the other.
        let share = || said.as_file().try_clone().context("share a file");
        let status = Command::new(OWN_PROGRAM)
            .args([
                "scenario",
                "--name",
                scenario.name,
                "--tenant",
                tenant,
                "--programs",
            ])
            .arg(programs)
            .stdout(share()?)
            .stderr(share()?)
            .status()
            .context("run a scenario in a process of its own")?;
        let text = fs::read(said.path()).context("read what was said")?;
        Ok((String::from_utf8_lossy(&text).into_owned(), status))
    });
    match ran {
        Err(error) => (String::new(), Err(error)),
        Ok((text, status)) if status.success() => (text, Ok(())),
        Ok((text, status)) => {
            let why = text.lines().rev().find_map(|line| line.strip_prefix("error: "));
            let why = why.map_or_else(|| format!("it ended with {status}"), str::to_owned);
            (text, Err(anyhow::anyhow!(why)))
        }
    }
}
