//! The steps, a line each.

use crate::report::story::{Step, Story};

pub(super) fn seconds(seconds: Option<f64>) -> String {
    seconds.map(|seconds| format!("{seconds:.3}")).unwrap_or_default()
}

pub(super) fn steps(story: &Story) -> Vec<String> {
    if story.steps.is_empty() {
        return Vec::new();
    }
    let row = |columns: [&str; 7]| {
        let [began, step, handoff, took, expected, frozen, note] = columns;
        format!("{began:>8}  {step:<10}  {handoff:>7}  {took:>7}  {expected:>8}  {frozen:>6}  {note}")
    };
    let of_step = |step: &Step| {
        let handoff = if step.handoff == 0 {
            String::new()
        } else {
            step.handoff.to_string()
        };
        let note = match (step.stage, &step.note) {
            (_, Some(note)) => note.as_str(),
            ("now", None) => "goes on",
            ("coming", None) => "comes",
            (_, None) => "",
        };
        row([
            &seconds(step.began),
            &step.step,
            &handoff,
            &seconds(step.took_seconds),
            &seconds(step.expected_seconds),
            &seconds(step.frozen_seconds),
            note,
        ])
    };
    let head = row(["BEGAN", "STEP", "HANDOFF", "TOOK", "EXPECTED", "FROZEN", "NOTE"]);
    [head]
        .into_iter()
        .chain(story.steps.iter().map(of_step))
        .collect()
}
