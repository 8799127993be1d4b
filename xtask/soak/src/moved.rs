//! One move: ordered, disturbed, followed to its end, and looked at.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::Value;

use super::Soak;
use super::ending::{Followed, in_a_hold, pause, told};
use super::fault::{Fault, Moment};
use super::harm::Scene;
use super::judge::{BrokerFault, Place, misplaced};
use super::plan::{Application, Planned};
use super::row::{Outcome, Row, Told};
use xtask_e2e::harm::nodes_ready;
use xtask_lab::cluster::wait_for;
use xtask_lab::stage::{self, Sample, capture};

/// From the order to the end; a fault keeps a move for at most half of it.
const LIMIT: Duration = Duration::from_secs(240);
const AGENTS: &str = "--selector=app.kubernetes.io/name=shadow-agent";
/// The pod of an ended move may be on its way out.
const SETTLED: Duration = Duration::from_secs(30);

/// A move that was ordered.
pub(crate) struct Done {
    pub(crate) row: Row,
    pub(crate) broker: BrokerFault,
}

impl Soak<'_> {
    /// Orders a move and follows it.
    ///
    /// # Errors
    /// When it could not be ordered.
    pub(crate) fn moved(&self, planned: &Planned, row: Row) -> Result<Done> {
        let cluster = self.cluster;
        let application = planned.setting.application;
        self.nodes_are_well()?;
        application.consumes(cluster)?;
        let pod = application.pod(cluster)?;
        let before = Sample::incarnation(cluster, &pod)?;
        let source = Sample::node(cluster, &pod)?;
        let target = Sample::other_node(cluster, &pod)?;
        let mut plugin = stage::migrate_command(cluster, self.product, &pod, target)?;
        plugin.args(planned.way.arguments()).arg("--no-wait");
        let ordered = Instant::now();
        capture(plugin).context("order the move")?;
        let migration = stage::migration(cluster, &pod)?["metadata"]["name"]
            .as_str()
            .context("the migration has no name")?
            .to_owned();
        let mut done = Done {
            row,
            broker: BrokerFault::None,
        };
        let mut followed = Followed::new(cluster, &migration, ordered);
        let scene = Scene {
            cluster,
            product: self.product,
            pod: &pod,
            migration: &migration,
            source: &source,
            target,
        };
        let made = planned
            .trouble
            .and_then(|trouble| done.disturbed(trouble, &scene, &mut followed));
        done.row.outcome = followed.ends(LIMIT);
        done.tells(&followed.last, made);
        let deleted = planned.trouble.is_some_and(|(fault, _)| fault == Fault::Deleted);
        if done.row.outcome == Outcome::Deleted && !deleted {
            done.row.is_wrong("its object is gone, and no fault deleted it");
        }
        let place = self.place(application, &before, target);
        done.placed(place);
        Ok(done)
    }

    /// Kubelet waits ever longer before it starts a container again that was killed often. That is not what is tried here: a
    /// re-created pod starts at once.
    fn nodes_are_well(&self) -> Result<()> {
        if nodes_ready(self.cluster).is_ok() {
            return Ok(());
        }
        let agents = [
            "delete",
            "pods",
            "--namespace=shadow-system",
            AGENTS,
            "--timeout=2m",
        ];
        capture(self.cluster.kubectl(agents)).context("restart the agents")?;
        let rollout = [
            "rollout",
            "status",
            "daemonset/shadow-agent",
            "--namespace=shadow-system",
            "--timeout=2m",
        ];
        capture(self.cluster.kubectl(rollout)).context("wait for the agents")?;
        nodes_ready(self.cluster)
    }

    fn place(&self, application: Application, before: &(String, i64), target: &str) -> Result<Place> {
        let cluster = self.cluster;
        wait_for("the pod of the application", SETTLED, || {
            let look = || -> Result<Place> {
                let pod = application.pod(cluster)?;
                Ok(Place {
                    stayed: Sample::incarnation(cluster, &pod)? == *before,
                    on_target: Sample::node(cluster, &pod)? == target,
                })
            };
            Ok(look().ok())
        })
    }
}

/// When a fault that ends connections to the broker was made.
type Cut = (jiff::Timestamp, jiff::Timestamp);

impl Done {
    fn disturbed(
        &mut self,
        (fault, moment): (Fault, Moment),
        scene: &Scene<'_>,
        followed: &mut Followed<'_>,
    ) -> Option<Cut> {
        if !followed.comes_to(moment, LIMIT / 2) {
            self.row
                .note("it ended, or did not come so far, before the fault");
            return None;
        }
        let begun = jiff::Timestamp::now();
        let outcome = scene.suffers(fault);
        self.row.made = true;
        if let Err(error) = outcome {
            self.row.note(&format!("the fault: {error:#}"));
        }
        fault.is_of_the_broker().then(|| (begun, jiff::Timestamp::now()))
    }

    fn tells(&mut self, object: &Value, cut: Option<Cut>) {
        let status = &object["status"];
        let row = &mut self.row;
        row.verdict = told(object);
        let hold = &status["plan"]["queue"]["hold"];
        row.hold = hold.as_str().unwrap_or_default().to_owned();
        row.total_ms = stage::span(&status["startTime"], &status["completionTime"]);
        row.pause_ms = pause(object);
        let rollback = &status["rollback"];
        if !rollback.is_null() {
            row.note(&format!("{}: {}", rollback["reason"], rollback["message"]));
        }
        if status["verdict"]["exact"] == false {
            row.note(status["verdict"]["because"].as_str().unwrap_or_default());
        }
        self.broker = match cut {
            None => BrokerFault::None,
            Some((from, until)) if in_a_hold(object, from, until) => BrokerFault::InTheHold,
            Some(_) => BrokerFault::Outside,
        };
    }

    fn placed(&mut self, place: Result<Place>) {
        match place {
            Ok(place) => {
                if let Some(why) = misplaced(self.row.outcome, place) {
                    self.row.is_wrong(why);
                }
            }
            Err(error) => self
                .row
                .is_wrong(&format!("after its end there is no such pod: {error:#}")),
        }
    }

    /// Whether more moves can follow under the same oracle: what one told must not excuse another.
    pub(crate) fn goes_on(&self) -> bool {
        let ended = match self.row.outcome {
            Outcome::Completed | Outcome::Failed | Outcome::Cancelled | Outcome::Deleted => true,
            Outcome::NotRun | Outcome::Stuck | Outcome::Unended => false,
        };
        ended && self.row.wrong.is_empty() && self.row.verdict != Told::NotExact
    }
}
