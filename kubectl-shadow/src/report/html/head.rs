//! How the move ended, and what was planned.

use super::parts::{escaped, table};
use crate::report::story::{Expected, Planned, Story};
use crate::report::text::memory;

pub(super) fn head(story: &Story) -> String {
    let outcome = &story.outcome;
    let bad = story.verdict.as_ref().is_some_and(|verdict| !verdict.exact) || outcome.state == "STUCK";
    let class = if bad { "bad" } else { "state" };
    let mut out = format!(
        "<h1>{}: {} → {}</h1>\n<p class=\"lead\"><span class=\"{class}\">{}</span> {}</p>\n",
        escaped(&story.pod),
        escaped(story.from.as_deref().unwrap_or("?")),
        escaped(story.to.as_deref().unwrap_or("?")),
        escaped(&outcome.state),
        escaped(&outcome.meaning),
    );
    for sentence in &outcome.sentences {
        out.push_str(&format!("<p>{}</p>\n", escaped(sentence)));
    }
    out + &table("", &[], facts(story))
}

/// Name and value of what is known.
fn facts(story: &Story) -> Vec<Vec<String>> {
    let moment = |at: jiff::Timestamp| at.strftime("%Y-%m-%d %H:%M:%S%.3f UTC").to_string();
    let mut rows = vec![
        ("Migration", Some(story.migration.clone())),
        ("Reason", story.outcome.reason.clone()),
        ("Begun", story.begun.map(moment)),
        ("Ended", story.ended.map(moment)),
        ("Took", story.total_seconds.map(|total| format!("{total:.3} s"))),
        ("Expected", story.forecast.as_ref().map(expected)),
    ];
    rows.extend(story.plan.iter().flat_map(planned));
    let known = |(name, value): (&str, Option<String>)| Some(vec![name.to_owned(), value?]);
    rows.into_iter().filter_map(known).collect()
}

fn planned(plan: &Planned) -> [(&'static str, Option<String>); 4] {
    let owner = plan.owner.as_deref().unwrap_or("no owner");
    let queue = format!("{} ({}), held by {:?}", plan.queue, plan.queue_kind, plan.hold);
    let way = format!("{}, route {}: {}", plan.strategy, plan.route, plan.because);
    [
        ("Container", Some(format!("{}, of {owner}", plan.container))),
        ("Queue", Some(queue)),
        ("Plan", Some(way)),
        ("Memory", Some(memory(plan))),
    ]
}

fn expected(forecast: &Expected) -> String {
    format!(
        "{:.1} s, longest pause {:.1} s, from {}",
        forecast.total_seconds, forecast.pause_seconds, forecast.basis
    )
}
