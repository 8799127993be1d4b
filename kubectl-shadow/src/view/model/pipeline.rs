//! The steps of a move: those that were taken, with their times, and those that come.

use jiff::Timestamp;
use shadow_core::api::{MigrationStatus, Step, StepRecord};
use shadow_core::forecast::{Forecast, Way};

use super::progress::Progress;

/// One line of the picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The step.
    pub step: Step,
    /// Its handoff; 0 before and after them.
    pub leg: u8,
    /// Whether it is over, goes on or comes.
    pub stage: Stage,
    /// When it began.
    pub began: Option<Timestamp>,
    /// When it was over.
    pub ended: Option<Timestamp>,
    /// Seconds that it is expected to take.
    pub expected: Option<f64>,
    /// Milliseconds for which it froze the process.
    pub frozen: Option<f64>,
    /// What it found or did.
    pub note: Option<String>,
}

/// Where a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It is over.
    Over,
    /// It goes on.
    Now,
    /// It comes.
    Coming,
}

impl Row {
    /// How long it took, or takes already.
    pub fn took(&self, now: Timestamp) -> Option<f64> {
        let end = self.ended.unwrap_or(now);
        Some(end.duration_since(self.began?).as_secs_f64().max(0.0))
    }
}

/// All steps, in their order. The controller enters some of them without writing the status; what it sees tells of these.
pub fn rows(status: &MigrationStatus, progress: Option<&Progress>, forecast: Option<&Forecast>) -> Vec<Row> {
    let taken = status.steps.iter().map(|record| row(status, record));
    let coming = coming(status).into_iter().map(|(step, leg)| Row {
        step,
        leg,
        stage: Stage::Coming,
        began: None,
        ended: None,
        expected: None,
        frozen: None,
        note: None,
    });
    let mut rows: Vec<Row> = taken.chain(coming).collect();
    for row in &mut rows {
        let millis = forecast.and_then(|forecast| forecast.step(row.leg, row.step));
        row.expected = millis.map(|millis| millis as f64 / 1e3);
    }
    if let Some(next) = rows.iter_mut().find(|row| row.stage != Stage::Over)
        && next.stage == Stage::Coming
        && progress.is_some_and(|progress| is_of(progress, next))
    {
        next.stage = Stage::Now;
    }
    rows
}

fn is_of(progress: &Progress, row: &Row) -> bool {
    progress.step == Some(row.step) && progress.leg.is_none_or(|leg| leg == row.leg)
}

/// Steps that are over, and all of them.
pub fn done(status: &MigrationStatus) -> (usize, usize) {
    let ended = status.phase.is_terminal();
    let is_over = |record: &&StepRecord| ended || record.finished.is_some();
    let over = status.steps.iter().filter(is_over).count();
    (over, status.steps.len() + coming(status).len())
}

fn row(status: &MigrationStatus, record: &StepRecord) -> Row {
    let is_over = record.finished.is_some() || status.phase.is_terminal();
    Row {
        step: record.step,
        leg: record.leg,
        stage: if is_over { Stage::Over } else { Stage::Now },
        began: Some(record.started.0),
        ended: record.finished.as_ref().map(|time| time.0),
        expected: None,
        frozen: frozen(status, record),
        note: record.note.clone(),
    }
}

/// The dump tells for how long the process stood still.
fn frozen(status: &MigrationStatus, record: &StepRecord) -> Option<f64> {
    if record.step != Step::Checkpoint {
        return None;
    }
    let leg = status.legs.iter().rfind(|leg| leg.number == record.leg)?;
    let dump = leg.checkpoint.as_ref()?;
    Some(dump.frozen_micros as f64 / 1e3)
}

/// What the route of the plan names behind the last step; nothing of a move that is undone, has ended or has no plan.
fn coming(status: &MigrationStatus) -> Vec<(Step, u8)> {
    let Some(plan) = status.plan.as_ref() else {
        return Vec::new();
    };
    if status.phase.is_terminal() || status.rollback.is_some() {
        return Vec::new();
    }
    let steps = Way::of(plan).steps().skip(1);
    let whole: Vec<(Step, u8)> = steps.map(|(leg, step)| (step, leg)).collect();
    let is_here = |record: &StepRecord| whole.iter().rposition(|one| *one == (record.step, record.leg));
    let here = status.steps.iter().rev().find_map(is_here).map_or(0, |at| at + 1);
    whole.get(here..).unwrap_or_default().to_vec()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const TIME: &str = "2026-01-02T03:04:05.000000Z";

    fn status(steps: Value, more: Value) -> MigrationStatus {
        let mut status = json!({"phase": "Checkpointing", "steps": steps,
            "plan": {"strategy": "ShadowPod", "because": "b", "container": "c", "sourceNode": "a", "targetNode": "b",
                "checkpointBackend": "Runtime", "source": {"namespace": "n", "name": "p", "uid": "u"},
                "owner": {"kind": "StatefulSet", "name": "s", "uid": "o"}, "queue": {"queue": "q", "quorum": false}}});
        json_patch::merge(&mut status, &more);
        serde_json::from_value(status).unwrap()
    }

    fn over(step: &str, leg: u8) -> Value {
        json!({"step": step, "leg": leg, "started": TIME, "finished": TIME})
    }

    fn told(rows: &[Row]) -> Vec<String> {
        let letter = |stage| match stage {
            Stage::Over => '=',
            Stage::Now => '>',
            Stage::Coming => '.',
        };
        rows.iter()
            .map(|row| format!("{}{}{}", letter(row.stage), row.step, row.leg))
            .collect()
    }

    #[test]
    fn what_comes_is_what_the_route_names_behind_the_last_step() {
        let steps =
            json!([over("Prepare", 0), over("Stage", 1), {"step": "Hold", "leg": 1, "started": TIME}]);
        let status = status(steps, json!({}));
        let rows = rows(&status, None, None);
        assert_eq!(
            told(&rows)[..5],
            ["=Prepare0", "=Stage1", ">Hold1", ".Checkpoint1", ".Transfer1"]
        );
        assert_eq!(told(&rows).last().unwrap(), ".Clean2");
        assert_eq!(done(&status), (2, 21));
    }

    #[test]
    fn nothing_comes_of_a_move_that_is_undone_or_has_ended() {
        let steps = || json!([over("Prepare", 0), over("Stage", 1)]);
        let undone = json!({"rollback": {"reason": "Cancelled", "message": "m", "since": TIME}});
        for more in [undone, json!({"phase": "Completed"}), json!({"plan": null})] {
            assert_eq!(rows(&status(steps(), more), None, None).len(), 2);
        }
    }

    #[test]
    fn a_step_that_is_not_written_yet_is_told_by_what_the_controller_sees() {
        let status = status(json!([over("Prepare", 0), over("Stage", 1)]), json!({}));
        let seen = |step| Progress {
            step: Some(step),
            leg: Some(1),
            ..Progress::default()
        };
        assert_eq!(told(&rows(&status, Some(&seen(Step::Hold)), None))[2], ">Hold1");
        assert_eq!(
            told(&rows(&status, Some(&seen(Step::Restore)), None))[2],
            ".Hold1",
            "it is late"
        );
    }
}
