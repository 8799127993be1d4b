//! One line per step that is over. Guarantee: each step is told once, in the order in which they ended up in
//! the record, whatever updates were missed in between.

use shadow_core::api::{MigrationStatus, StepRecord};

use super::time::between;

/// Which steps were told already.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    told: usize,
}

impl Progress {
    /// The steps that ended up to now are not told.
    pub fn pass_over(&mut self, status: &MigrationStatus) {
        self.told = status
            .steps
            .iter()
            .take_while(|record| record.finished.is_some())
            .count();
    }

    /// Lines for the steps that ended since the last call.
    pub fn lines(&mut self, status: &MigrationStatus) -> Vec<String> {
        let over = status
            .steps
            .iter()
            .skip(self.told)
            .take_while(|record| record.finished.is_some());
        let lines: Vec<String> = over.map(|record| line(status, record)).collect();
        self.told += lines.len();
        lines
    }
}

fn line(status: &MigrationStatus, record: &StepRecord) -> String {
    let start = status.start_time.as_ref().unwrap_or(&record.started);
    let finished = record.finished.as_ref().unwrap_or(&record.started);
    let text = format!(
        "{:>9}  {:<10}  {:<9}  {:>8}  {}",
        between(start, finished),
        record.step.to_string(),
        handoff(record.leg).trim_start_matches(", "),
        between(&record.started, finished),
        record.note.as_deref().unwrap_or_default()
    );
    text.trim_end().to_owned()
}

fn handoff(leg: u8) -> String {
    if leg == 0 {
        String::new()
    } else {
        format!(", handoff {leg}")
    }
}
