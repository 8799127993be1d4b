//! Verdict, premises, conditions and Events.

use super::parts::{escaped, heading, number, table};
use crate::report::story::Story;
use crate::report::text::says_something;

pub(super) fn proof(story: &Story) -> String {
    let mut out = String::new();
    if let Some(undone) = &story.undone {
        let row = vec![number(undone.at), undone.reason.clone(), undone.message.clone()];
        out.push_str(&table("Undone", &["#at, s", "reason", "why"], vec![row]));
    }
    if let Some(verdict) = &story.verdict {
        let (class, word) = if verdict.exact {
            ("state", "Exact")
        } else {
            ("bad", "NOT PROVEN EXACT")
        };
        out.push_str(&heading("Verdict"));
        out.push_str(&format!(
            "<p><span class=\"{class}\">{word}</span>: {}</p>\n",
            escaped(&verdict.because)
        ));
        let doubts = verdict
            .doubts
            .iter()
            .map(|doubt| vec![doubt.reason.clone(), doubt.message.clone()]);
        out.push_str(&table("", &["doubt", "what was seen"], doubts.collect()));
        let long = verdict.long_holds.iter().map(|hold| vec![hold.clone()]);
        out.push_str(&table("", &["held too long"], long.collect()));
    }
    let premises = story.premises.iter().map(|one| {
        vec![
            one.weighed.to_owned(),
            one.sentence.clone(),
            one.what.clone(),
            one.source.clone(),
        ]
    });
    let columns = ["", "premise", "what was seen", "by"];
    out + &table("What the verdict rests on", &columns, premises.collect())
}

pub(super) fn told(story: &Story) -> String {
    let shown = story.conditions.iter().filter(|one| says_something(one));
    let conditions = shown.map(|one| {
        vec![
            one.name.clone(),
            one.status.clone(),
            one.reason.clone(),
            one.message.clone(),
        ]
    });
    let events = story.events.iter().map(|one| {
        let warns = if one.warns { "warning" } else { "" };
        vec![
            number(one.at),
            one.reason.clone(),
            warns.to_owned(),
            one.note.clone(),
        ]
    });
    let conditions = table(
        "Conditions",
        &["condition", "status", "reason", "message"],
        conditions.collect(),
    );
    conditions
        + &table(
            "Events",
            &["#at, s", "reason", "", "what was told"],
            events.collect(),
        )
}
