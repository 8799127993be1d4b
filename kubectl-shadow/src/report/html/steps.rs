//! The steps, with bars.

use super::parts::{escaped, heading, number};
use crate::report::story::{Step, Story};

/// The only table with something other than text in it: a bar for each step, on the scale of the whole move.
pub(super) fn steps(story: &Story) -> String {
    if story.steps.is_empty() {
        return String::new();
    }
    let end = |step: &Step| step.began.unwrap_or(0.0) + step.took_seconds.unwrap_or(0.0);
    let whole = story.steps.iter().map(end).fold(0.001, f64::max);
    let mut out = heading("Steps, in seconds since the beginning") + "<table>\n<tr>";
    for (class, name) in [
        ("n", "began"),
        ("", "step"),
        ("n", "handoff"),
        ("n", "took"),
        ("n", "expected"),
        ("n", "frozen"),
        ("", ""),
        ("", "note"),
    ] {
        out.push_str(&format!("<th class=\"{class}\">{name}</th>"));
    }
    out.push_str("</tr>\n");
    story
        .steps
        .iter()
        .for_each(|step| out.push_str(&step_row(step, whole)));
    out + "</table>\n"
}

fn step_row(step: &Step, whole: f64) -> String {
    let part = |seconds: f64| (seconds / whole * 100.0).clamp(0.0, 100.0);
    let bar = step.began.zip(step.took_seconds).map(|(began, took)| {
        format!(
            "<div class=\"bar\" style=\"left:{:.2}%;width:{:.2}%\"></div>",
            part(began),
            part(took)
        )
    });
    let handoff = if step.handoff == 0 {
        String::new()
    } else {
        step.handoff.to_string()
    };
    let note = match (step.stage, &step.note) {
        (_, Some(note)) => escaped(note),
        ("now", None) => "goes on".to_owned(),
        ("coming", None) => "<span class=\"dim\">comes</span>".to_owned(),
        (_, None) => String::new(),
    };
    format!(
        "<tr><td class=\"n\">{}</td><td>{}</td><td class=\"n\">{handoff}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
         <td class=\"n\">{}</td><td><div class=\"track\">{}</div></td><td>{note}</td></tr>\n",
        number(step.began),
        escaped(&step.step),
        number(step.took_seconds),
        number(step.expected_seconds),
        number(step.frozen_seconds),
        bar.unwrap_or_default(),
    )
}
