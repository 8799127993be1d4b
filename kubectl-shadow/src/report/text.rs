//! The report as lines of text.

mod head;
mod messages;
mod steps;

pub(super) use head::memory;
pub(super) use messages::queues;

use super::story::{Condition, Story};
use head::head;
use messages::{messages, title, told};
use steps::{seconds, steps};

/// The lines. They may hold what the cluster wrote: [`crate::say`] writes them out.
pub fn lines(story: &Story) -> Vec<String> {
    let mut lines = head(story);
    section(&mut lines, "Steps, in seconds since the beginning", steps(story));
    for handoff in &story.handoffs {
        section(&mut lines, &title(handoff), told(handoff));
    }
    section(&mut lines, "Messages", messages(&story.messages));
    section(&mut lines, "Undone", undone(story));
    section(&mut lines, "Verdict", verdict(story));
    let premises = story.premises.iter().map(|one| {
        format!(
            "{:<9}  {}: {} ({})",
            one.weighed, one.sentence, one.what, one.source
        )
    });
    section(&mut lines, "What the verdict rests on", premises.collect());
    let conditions = story
        .conditions
        .iter()
        .filter(|one| says_something(one))
        .map(|one| {
            format!(
                "{:<11}  {:<5}  {}: {}",
                one.name, one.status, one.reason, one.message
            )
        });
    section(&mut lines, "Conditions", conditions.collect());
    section(&mut lines, "Events", events(story));
    section(&mut lines, "What is left", story.left.clone());
    section(&mut lines, "Not seen", story.unseen.clone());
    lines.iter().map(|line| line.trim_end().to_owned()).collect()
}

/// `Failed` is `Completed` the other way round, and most moves are never stuck.
pub(super) fn says_something(condition: &Condition) -> bool {
    let is_stuck = condition.name != "Stuck" || condition.status == "True";
    condition.name != "Failed" && is_stuck
}

fn section(lines: &mut Vec<String>, title: &str, body: Vec<String>) {
    if !body.is_empty() {
        lines.extend([String::new(), title.to_owned()]);
        lines.extend(body.into_iter().map(|line| format!("  {line}")));
    }
}

fn undone(story: &Story) -> Vec<String> {
    let Some(undone) = &story.undone else {
        return Vec::new();
    };
    let again = if undone.again {
        " (the handoff was tried again)"
    } else {
        ""
    };
    vec![format!(
        "{:>8}  {}: {}{again}",
        seconds(undone.at),
        undone.reason,
        undone.message
    )]
}

fn verdict(story: &Story) -> Vec<String> {
    let Some(verdict) = &story.verdict else {
        return Vec::new();
    };
    let word = if verdict.exact {
        "Exact"
    } else {
        "NOT PROVEN EXACT"
    };
    let doubts = verdict
        .doubts
        .iter()
        .map(|doubt| format!("{}: {}", doubt.reason, doubt.message));
    let long = verdict.long_holds.iter();
    let long = long.map(|hold| format!("Held too long: {hold}"));
    [format!("{word}: {}", verdict.because)]
        .into_iter()
        .chain(doubts)
        .chain(long)
        .collect()
}

fn events(story: &Story) -> Vec<String> {
    let told = story.events.iter().map(|one| {
        let warns = if one.warns { "warning: " } else { "" };
        format!("{:>8}  {:<12}  {warns}{}", seconds(one.at), one.reason, one.note)
    });
    told.collect()
}
