//! The classical order, as a baseline: bind a copy of the queue, checkpoint while the source goes on, restore the
//! checkpoint as an image, replay beside the source, cut over. Nothing of the product takes part: kubelet checkpoints,
//! the container runtime restores.
//!
//! It is not exact by its order: what the source applied between the binding and the checkpoint is in the copy of the
//! queue, too. The oracle counts that.

mod checkpoint;
mod copy;
mod queue;

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::row::Row;
use checkpoint::BaseImages;
use queue::Replay;
use xtask_lab::cluster::{Cluster, wait_for};
use xtask_lab::images;
use xtask_lab::stage::{self, Sample, Single, capture, get};

/// Container of the sample.
const CONTAINER: &str = "orders";
const RESTORED: Duration = Duration::from_secs(60);
/// A copy that has not caught up by then never does: it serves no faster than messages come.
const CAUGHT_UP: Duration = Duration::from_secs(120);
const STOPPED: Duration = Duration::from_secs(30);
/// What the copy holds unacknowledged anyway counts as caught up.
const NEAR: i64 = 50;

/// Moves the pod once.
pub(super) fn replayed(cluster: &Cluster, sample: Single, mut row: Row) -> Result<Row> {
    let source = sample.pod(cluster)?;
    let copy = format!("{source}-replayed");
    let replay = Replay {
        cluster,
        primary: format!("orders.{}", sample.stream()),
        stream: sample.stream().to_owned(),
    };
    let mut laps = Laps::start();
    let size = match moved(cluster, &replay, &source, &copy, &mut laps) {
        Ok(size) => size,
        Err(error) => {
            return Err(match tidy(cluster, &replay, &copy) {
                Ok(()) => error,
                Err(left) => error.context(format!("and what it made cannot be removed: {left:#}")),
            });
        }
    };
    row.archive_bytes = Some(size);
    row.phase = "Replayed".to_owned();
    row.steps = laps.steps.join(";");
    row.total_ms = Some(laps.total()?);
    row.wall_ms = row.total_ms;
    println!(
        "     {source} replayed as {copy}: {} ms; {}",
        laps.total()?,
        row.steps
    );
    Ok(row)
}

fn tidy(cluster: &Cluster, replay: &Replay<'_>, copy: &str) -> Result<()> {
    stage::delete(cluster, "pod", copy)?;
    replay.forget(copy)
}

/// Returns the size of the checkpoint.
fn moved(cluster: &Cluster, replay: &Replay<'_>, source: &str, copy: &str, laps: &mut Laps) -> Result<i64> {
    let node = Sample::node(cluster, source)?;
    let target = Sample::other_node(cluster, source)?;
    let base_images = BaseImages::reachable_on(cluster, target)?;
    replay.bind()?;
    laps.lap("Bind")?;
    let archive = checkpoint::take(cluster, &node, source, CONTAINER)?;
    let size = i64::try_from(archive.len()).context("a checkpoint too large")?;
    laps.lap("Checkpoint")?;
    let image = images::push_checkpoint(cluster, base_images.named_in(&archive)?, CONTAINER)?;
    laps.lap("Image")?;
    replay.tell(
        copy,
        &serde_json::json!({"type": "START_REPLAY", "payload": {"queue": replay.name()}}),
    )?;
    copy::create(cluster, source, copy, target, &image)?;
    wait_for("the copy to be ready", RESTORED, || copy::is_ready(cluster, copy))?;
    wait_for("the copy to read its queue", RESTORED, || {
        Ok((replay.consumers(&replay.name())? > 0).then_some(()))
    })?;
    laps.lap("Restore")?;
    wait_for("the copy to catch up", CAUGHT_UP, || {
        Ok((replay.left()? <= NEAR).then_some(()))
    })?;
    laps.lap("Replay")?;
    cut_over(cluster, replay, source, copy)?;
    laps.lap("CutOver")?;
    replay.forget(source)?;
    stage::delete(cluster, "pod", source)?;
    laps.lap("Clean")?;
    Ok(size)
}

/// Requests go to the copy, the source stops, and the copy takes up the primary queue behind what it replayed.
fn cut_over(cluster: &Cluster, replay: &Replay<'_>, source: &str, copy: &str) -> Result<()> {
    let app = get(cluster, &["pod", source])?["metadata"]["labels"]["app"]
        .as_str()
        .context("the source has no label")?
        .to_owned();
    capture(cluster.kubectl(["label", "pod", copy, "--overwrite", &format!("app={app}")]))?;
    capture(cluster.kubectl(["delete", "pod", source, "--wait=false"]))?;
    wait_for("the source to stop consuming", STOPPED, || {
        Ok((replay.consumers(&replay.primary)? == 0).then_some(()))
    })?;
    replay.drop_what_was_copied()?;
    wait_for("the copy to work off what is left", STOPPED, || {
        Ok((replay.left()? == 0).then_some(()))
    })?;
    replay.tell(copy, &serde_json::json!({"type": "END_REPLAY"}))?;
    wait_for("the copy to consume the primary queue", STOPPED, || {
        Ok((replay.consumers(&replay.primary)? > 0).then_some(()))
    })
}

/// Times of the steps, as rows tell them.
struct Laps {
    begun: Instant,
    last: Instant,
    steps: Vec<String>,
}

impl Laps {
    fn start() -> Self {
        let now = Instant::now();
        Self {
            begun: now,
            last: now,
            steps: Vec::new(),
        }
    }

    fn lap(&mut self, step: &str) -> Result<()> {
        let took = millis(self.last.elapsed())?;
        self.steps.push(format!("{step}0={took}"));
        self.last = Instant::now();
        Ok(())
    }

    /// Until the last step.
    fn total(&self) -> Result<i64> {
        millis(self.last.duration_since(self.begun))
    }
}

fn millis(time: Duration) -> Result<i64> {
    i64::try_from(time.as_millis()).context("a time too long")
}
