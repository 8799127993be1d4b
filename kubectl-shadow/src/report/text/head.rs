//! What was planned and how it ended.

use shadow_core::api::{RestoreBackend, TransferMode};

use crate::report::story::{OriginKind, Planned, Story};

fn field(name: &str, value: &str) -> String {
    format!("{name:<10}  {value}")
}

pub(super) fn head(story: &Story) -> Vec<String> {
    let unknown = "not known";
    let outcome = &story.outcome;
    let mut lines = vec![
        field("Migration", &story.migration),
        field("Pod", &story.pod),
        field("From", story.from.as_deref().unwrap_or(unknown)),
        field("To", story.to.as_deref().unwrap_or(unknown)),
    ];
    lines.extend(story.plan.iter().flat_map(plan));
    lines.push(field("State", &format!("{}: {}", outcome.state, outcome.meaning)));
    lines.extend(outcome.reason.iter().map(|reason| field("Reason", reason)));
    lines.extend(outcome.sentences.iter().map(|line| field("", line)));
    let time = |at: jiff::Timestamp| at.strftime("%Y-%m-%d %H:%M:%S%.3f UTC").to_string();
    lines.extend(story.begun.map(|at| field("Begun", &time(at))));
    let took = |seconds: f64| format!(", after {seconds:.3} s");
    let took = story.total_seconds.map(took).unwrap_or_default();
    lines.extend(story.ended.map(|at| field("Ended", &(time(at) + &took))));
    lines.extend(story.forecast.as_ref().map(|forecast| {
        let (total, pause) = (forecast.total_seconds, forecast.pause_seconds);
        field(
            "Expected",
            &format!(
                "{total:.1} s, longest pause {pause:.1} s, from {}",
                forecast.basis
            ),
        )
    }));
    let origin = match story.seen.kind {
        OriginKind::Cluster => format!("in the cluster of context {}", story.seen.name),
        OriginKind::Recording => format!("in recording {}", story.seen.name),
    };
    let invented = if story.seen.invented {
        ", which was made up for a test"
    } else {
        ""
    };
    lines.push(field("Seen", &format!("{origin}{invented}")));
    lines
}

fn plan(plan: &Planned) -> Vec<String> {
    let owner = plan.owner.as_deref().unwrap_or("no owner");
    vec![
        field("Container", &format!("{}, of {owner}", plan.container)),
        field(
            "Queue",
            &format!("{} ({}), held by {:?}", plan.queue, plan.queue_kind, plan.hold),
        ),
        field(
            "Plan",
            &format!("{}, route {}: {}", plan.strategy, plan.route, plan.because),
        ),
        field("Memory", &memory(plan)),
    ]
}

/// How the memory got to the copy, as a sentence.
pub(in crate::report) fn memory(plan: &Planned) -> String {
    let sent = match plan.transfer {
        TransferMode::Direct => "from agent to agent",
        TransferMode::Registry => "by way of a registry",
    };
    let restored = match plan.restore {
        RestoreBackend::RuntimeClass => "by the runtime handler",
        RestoreBackend::Image => "from a checkpoint image",
    };
    format!("sent {sent}, restored {restored}")
}
