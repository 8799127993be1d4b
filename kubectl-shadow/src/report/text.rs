//! The report as lines of text.

use shadow_core::api::progress::Depth;
use shadow_core::api::{RestoreBackend, TransferMode};

use super::story::{Condition, Handoff, Look, Messages, OriginKind, Planned, Step, Story};
use crate::view::draw::text::bytes;

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

fn field(name: &str, value: &str) -> String {
    format!("{name:<10}  {value}")
}

fn head(story: &Story) -> Vec<String> {
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
pub(super) fn memory(plan: &Planned) -> String {
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

fn seconds(seconds: Option<f64>) -> String {
    seconds.map(|seconds| format!("{seconds:.3}")).unwrap_or_default()
}

fn steps(story: &Story) -> Vec<String> {
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

fn title(handoff: &Handoff) -> String {
    let attempt = match handoff.attempt {
        0 => String::new(),
        again => format!(", attempt {}", again + 1),
    };
    format!(
        "Handoff {}{attempt}: {} on {} > {} on {}",
        handoff.number, handoff.from.pod, handoff.from.node, handoff.to.pod, handoff.to.node
    )
}

fn told(handoff: &Handoff) -> Vec<String> {
    let parts = [
        handoff
            .archive_bytes
            .map(|size| format!("archive {}", bytes(size))),
        handoff
            .wire_bytes
            .map(|size| format!("{} on the wire", bytes(size))),
        handoff.frozen_seconds.map(|time| format!("frozen {time:.3} s")),
        handoff
            .restore_seconds
            .map(|time| format!("restored in {time:.3} s")),
        handoff.pause_seconds.map(|time| format!("pause {time:.3} s")),
        (handoff.restores_failed > 0).then(|| format!("{} restores failed", handoff.restores_failed)),
    ];
    let costs: Vec<String> = parts.into_iter().flatten().collect();
    let costs = (!costs.is_empty()).then(|| costs.join(", "));
    let marks = handoff
        .marks
        .iter()
        .map(|mark| format!("{:>8.3}  {}", mark.at, mark.what));
    costs.into_iter().chain(marks).collect()
}

fn messages(messages: &Messages) -> Vec<String> {
    let mut lines: Vec<String> = messages
        .pause
        .iter()
        .map(|pause| {
            let own = messages.reconnect.as_ref();
            let own = own
                .map(|own| format!(", of which the application took {own} to connect to the broker again"));
            format!("longest pause {pause}{}", own.unwrap_or_default())
        })
        .collect();
    if let Some(most) = messages.most_waiting {
        lines.push(format!("at most {most} messages were seen to wait in the queue"));
    }
    if messages.fenced {
        lines.push("new messages were kept in a backlog queue for a while".to_owned());
    }
    if !messages.looks.is_empty() {
        let columns = ["AT", "QUEUE", "READY", "UNACKED", "CONSUMERS"];
        lines.push(look(columns));
        lines.extend(messages.looks.iter().flat_map(looked));
    }
    lines
}

fn look(columns: [&str; 5]) -> String {
    let [at, queue, ready, unacked, consumers] = columns;
    format!("{at:>8}  {queue:<8}  {ready:>7}  {unacked:>7}  {consumers:>9}")
}

fn looked(one: &Look) -> Vec<String> {
    queues(one)
        .map(|(name, depth)| {
            let unacked = depth
                .unacked
                .map(|unacked| unacked.to_string())
                .unwrap_or_default();
            look([
                &format!("{:.3}", one.at),
                name,
                &depth.ready.to_string(),
                &unacked,
                &depth.consumers.to_string(),
            ])
        })
        .collect()
}

/// The queues of a look, each with its name.
pub(super) fn queues(look: &Look) -> impl Iterator<Item = (&'static str, Depth)> {
    let all = [
        ("primary", look.primary),
        ("hold", look.hold),
        ("backlog", look.backlog),
        ("mirror", look.mirror),
    ];
    all.into_iter().filter_map(|(name, depth)| Some((name, depth?)))
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
    [format!("{word}: {}", verdict.because)]
        .into_iter()
        .chain(doubts)
        .collect()
}

fn events(story: &Story) -> Vec<String> {
    let told = story.events.iter().map(|one| {
        let warns = if one.warns { "warning: " } else { "" };
        format!("{:>8}  {:<12}  {warns}{}", seconds(one.at), one.reason, one.note)
    });
    told.collect()
}
