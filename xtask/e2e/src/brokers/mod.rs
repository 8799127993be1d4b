//! A broker of three nodes that breaks in one way in one step of a move, for each way in which the stream is held. Each move is
//! exact, or undone, or waits with words until the broker is mended.

mod breaking;
mod cell;
mod page;

use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::faults::nodes_ready;
use super::faults::stopped::Stopped;
use super::{Bench, ended, lanes, nothing_left};
use breaking::{Broken, Place};
use cell::{Cell, End, Fault, Held, Moment, Outcome};
use page::Record;
pub use page::broker_faults;
use xtask_lab::cluster::{Cluster, Tenant, wait_for};
use xtask_lab::stage::three::Three;
use xtask_lab::stage::{self, Load, Oracle, Product, Sample, Single, capture, get};

/// Who works at the three brokers.
const TENANT: &str = "trio";
/// Easily served by an application that is given one message at a time.
const LOAD: Load = Load {
    publishers: 1,
    ..Load::of(20)
};
const SOON: Duration = Duration::from_secs(30);
/// A hold that is lost is tried again, and a second handoff, too.
const END: Duration = Duration::from_secs(180);
/// Where the outcomes are added, if anywhere.
const KEPT: &str = "BROKER_FAULTS";

/// One node breaks, and two are left.
const NODES: &[Fault] = &[Fault::LeaderChange, Fault::NodeRestart, Fault::MinorityCut];
/// What all of them do, or whoever connects to them.
const WHOLE: &[Fault] = &[Fault::MemoryAlarm, Fault::ChangedPassword, Fault::SecretAnew];
const ROLLING: &[Fault] = &[Fault::RollingRestart];

pub(super) fn nodes_of_a_park(bench: &Bench) -> Result<()> {
    family(bench, Held::Park, NODES)
}

pub(super) fn whole_of_a_park(bench: &Bench) -> Result<()> {
    family(bench, Held::Park, WHOLE)
}

pub(super) fn rolling_of_a_park(bench: &Bench) -> Result<()> {
    family(bench, Held::Park, ROLLING)
}

pub(super) fn nodes_of_a_single_active_queue(bench: &Bench) -> Result<()> {
    family(bench, Held::SingleActive, NODES)
}

pub(super) fn whole_of_a_single_active_queue(bench: &Bench) -> Result<()> {
    family(bench, Held::SingleActive, WHOLE)
}

pub(super) fn rolling_of_a_single_active_queue(bench: &Bench) -> Result<()> {
    family(bench, Held::SingleActive, ROLLING)
}

fn family(bench: &Bench, held: Held, faults: &[Fault]) -> Result<()> {
    let three = Three::begin(&bench.cluster)?;
    let tenants = [TENANT.to_owned()];
    let programs = lanes::prepared(bench, &tenants)?;
    let bench = &Bench {
        cluster: bench.cluster.of(Tenant::Named(TENANT.to_owned())),
        product: Product::built(bench.product.programs().clone()),
    };
    let outcome = ran(bench, &three, held, faults);
    drop(programs);
    let gone = lanes::ended(&bench.cluster.of(Tenant::Sole), &tenants);
    let single = three.end();
    outcome.and(gone).and(single)
}

fn ran(bench: &Bench, three: &Three, held: Held, faults: &[Fault]) -> Result<()> {
    let mover = Mover::deploy(&bench.cluster, held)?;
    let place = Place {
        three,
        cluster: &bench.cluster,
        queue: format!("orders.{}", mover.pod),
        secret: mover.secret,
    };
    let mut record = Record::new();
    let outcome = faults
        .iter()
        .try_for_each(|fault| under(bench, &place, &mover, *fault, &mut record));
    if let Some(at) = std::env::var_os(KEPT) {
        page::kept(&PathBuf::from(at), record)?;
    }
    outcome
}

/// One fault in every step, under one oracle.
fn under(bench: &Bench, place: &Place<'_>, mover: &Mover, fault: Fault, record: &mut Record) -> Result<()> {
    let oracle = Oracle::start(&bench.cluster, &bench.product, mover.pod, LOAD)?;
    oracle.run_for(Duration::from_secs(2));
    let mut ends = Record::new();
    for moment in Moment::ALL {
        let cell = Cell {
            held: mover.held,
            fault,
            moment,
        };
        let outcome = moved(bench, place, mover, cell).with_context(|| cell.key())?;
        println!("     {}: {outcome:?}", cell.key());
        ends.insert(cell.key(), outcome);
    }
    let report = oracle.finish()?;
    println!("     {fault:?}: {}", stage::summary(&report));
    cell::harmless(&report).with_context(|| format!("{fault:?}"))?;
    nothing_left(&bench.cluster)?;
    // What no oracle has vouched for is not kept.
    record.extend(ends);
    Ok(())
}

/// One move, and the fault in one step of it.
fn moved(bench: &Bench, place: &Place<'_>, mover: &Mover, cell: Cell) -> Result<Outcome> {
    let cluster = &bench.cluster;
    place.three.whole()?;
    nodes_ready(cluster)?;
    let before = Sample::incarnation(cluster, mover.pod)?;
    let target = Sample::other_node(cluster, mover.pod)?;
    let standing = Standing::at(bench, mover, cell.moment)?;
    let broken = Broken::begin(place, cell.fault)?;
    let begun = Instant::now();
    drop(standing);
    broken.lasts()?;
    let waited_for = waits(cluster, mover.pod)?;
    broken.mend()?;
    let object = ended(cluster, mover.pod, END)?;
    let at_end = cell::Place {
        stayed: Sample::incarnation(cluster, mover.pod)? == before,
        on_target: Sample::node(cluster, mover.pod)? == target,
    };
    let outcome = Outcome {
        end: cell::end(&object, at_end)?,
        waited_for,
        seconds: begun.elapsed().as_secs(),
    };
    if let End::Told(why) = &outcome.end {
        println!("     told: {why}");
    }
    mover.consumes(cluster)?;
    Ok(outcome)
}

/// What a move that has not ended says that it waits for.
fn waits(cluster: &Cluster, pod: &str) -> Result<Option<String>> {
    let object = stage::migration(cluster, pod)?;
    let status = &object["status"];
    if status["completionTime"].is_string() {
        return Ok(None);
    }
    let conditions = status["conditions"].as_array();
    let completed = conditions
        .into_iter()
        .flatten()
        .find(|one| one["type"] == "Completed");
    let said = completed
        .and_then(|one| one["message"].as_str())
        .unwrap_or_default();
    ensure!(!said.is_empty(), "it waits without words: {status}");
    Ok(Some(said.to_owned()))
}

/// What is moved.
struct Mover {
    held: Held,
    pod: &'static str,
    container: &'static str,
    secret: &'static str,
}

impl Mover {
    fn deploy(cluster: &Cluster, held: Held) -> Result<Self> {
        Ok(match held {
            Held::Park => {
                Sample::deploy(cluster, &["--queue-type", "quorum", "--prefetch", "1"])?;
                Self {
                    held,
                    pod: "orders-0",
                    container: "orders",
                    secret: "orders-broker",
                }
            }
            Held::SingleActive => {
                Single::Plain.deploy(cluster)?;
                Self {
                    held,
                    pod: "plain-0",
                    container: "plain",
                    secret: "plain-broker",
                }
            }
        })
    }

    /// Waits until it reads its own queue: the next move begins with that.
    fn consumes(&self, cluster: &Cluster) -> Result<()> {
        let primary = format!("orders.{}", self.pod);
        wait_for("the application to consume its queue", SOON, || {
            let consumed = stage::consumed_queue(cluster, self.pod)?;
            Ok((consumed.as_deref() == Some(primary.as_str())).then_some(()))
        })
    }
}

/// A move that stands still in a step, since something that it needs there does. Dropped, it goes on.
struct Standing {
    _stopped: Vec<Stopped>,
}

impl Standing {
    fn at(bench: &Bench, mover: &Mover, moment: Moment) -> Result<Self> {
        let cluster = &bench.cluster;
        let (source, target) = (
            Sample::node(cluster, mover.pod)?,
            Sample::other_node(cluster, mover.pod)?,
        );
        // Nothing starts on the target meanwhile, so that there is time to stop what is needed later.
        let kubelet = Stopped::kubelet(cluster, target)?;
        let name = ordered(bench, mover, target)?;
        in_step(cluster, &name, &["Stage"])?;
        let stopped = match moment {
            Moment::Hold => {
                let application = Stopped::container(cluster, mover.pod, mover.container)?;
                kubelet.go_on();
                in_step(cluster, &name, &["Hold"])?;
                vec![application]
            }
            Moment::Checkpoint => {
                let agent = Stopped::agent(cluster, &source)?;
                kubelet.go_on();
                in_step(cluster, &name, &["Checkpoint"])?;
                vec![agent]
            }
            Moment::Commit => {
                let agent = Stopped::agent(cluster, &source)?;
                kubelet.go_on();
                in_step(cluster, &name, &["Checkpoint"])?;
                // The archive is not fetched yet: what is broken now is broken when the move comes to its commit.
                let receiver = Stopped::agent(cluster, target)?;
                agent.go_on();
                in_step(cluster, &name, &["Transfer", "Restore", "Commit"])?;
                vec![receiver]
            }
            Moment::Release => {
                let mut committed = Committed::awaited(cluster, &name)?;
                kubelet.go_on();
                committed.arrives()?;
                vec![Stopped::controller(cluster)?]
            }
        };
        Ok(Self { _stopped: stopped })
    }
}

/// Orders a move and does not wait for it; its name.
fn ordered(bench: &Bench, mover: &Mover, target: &str) -> Result<String> {
    let cluster = &bench.cluster;
    let before: Vec<String> = names(cluster)?;
    let mut plugin = stage::migrate_command(cluster, &bench.product, mover.pod, target)?;
    plugin.arg("--no-wait");
    capture(plugin)?;
    let new = names(cluster)?.into_iter().find(|name| !before.contains(name));
    new.context("the migration that was ordered is not there")
}

fn names(cluster: &Cluster) -> Result<Vec<String>> {
    let all = get(cluster, &["statefulmigrations"])?;
    let items = all["items"].as_array().into_iter().flatten();
    Ok(items
        .filter_map(|one| one["metadata"]["name"].as_str().map(str::to_owned))
        .collect())
}

/// Waits until a move is in one of these steps of its first handoff. Not every step is written into its status.
fn in_step(cluster: &Cluster, name: &str, steps: &[&str]) -> Result<()> {
    let what = format!("the step {}", steps.join(" or "));
    wait_for(&what, SOON, || {
        let progress =
            get(cluster, &["migrationprogress", name, "--ignore-not-found"]).unwrap_or(Value::Null);
        let step = progress["spec"]["step"].as_str().unwrap_or_default();
        Ok(steps.contains(&step).then_some(()))
    })
    .with_context(|| match stage::get(cluster, &["statefulmigration", name]) {
        Ok(object) => format!("status: {}", object["status"]),
        Err(error) => format!("{error:#}"),
    })
}

/// A watch that tells of a commit as soon as it is written.
struct Committed(Child);

impl Committed {
    fn awaited(cluster: &Cluster, name: &str) -> Result<Self> {
        let mut wait = cluster.kubectl(["wait", "statefulmigration", name]);
        wait.args(["--for=jsonpath={.status.legs[0].committed}", "--timeout=60s"]);
        let watch = wait.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        watch.context("start kubectl wait").map(Self)
    }

    fn arrives(&mut self) -> Result<()> {
        let status = self.0.wait().context("wait for kubectl")?;
        ensure!(status.success(), "the move was not committed within 60 s");
        Ok(())
    }
}

/// One that nobody waits for any more ends.
impl Drop for Committed {
    fn drop(&mut self) {
        let ended = self.0.try_wait().is_ok_and(|status| status.is_some());
        if !ended && let Err(error) = self.0.kill().and_then(|()| self.0.wait().map(drop)) {
            eprintln!("a kubectl goes on waiting: {error}");
        }
    }
}
