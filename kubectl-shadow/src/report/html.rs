//! The report as one HTML file. Guarantee: it asks for nothing from outside (its own policy forbids it), runs no script, and what the
//! cluster wrote is text in it.

use super::pictures::Picture;
use super::story::{Expected, Handoff, OriginKind, Step, Story};
use super::text::{memory, queues, says_something};
use crate::say::printable;
use crate::view::draw::text::bytes;

const STYLE: &str = "\
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:82rem;padding:0 1rem;color:#1b1f24;background:#fff}
h1{font-size:1.6rem;margin:0}h2{font-size:1.15rem;margin:2rem 0 .5rem}
p{margin:.3rem 0}.lead{font-size:1.1rem}.state{font-weight:bold}.bad{color:#a40e26;font-weight:bold}.dim{color:#57606a}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.2rem .6rem;border-bottom:1px solid #d0d7de;vertical-align:top}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.track{position:relative;height:.9rem;min-width:10rem;background:#eef1f4}
.bar{position:absolute;top:0;bottom:0;background:#0969da;min-width:2px}
figure{margin:1rem 0}figcaption{color:#57606a}svg{max-width:100%;height:auto}
@media(prefers-color-scheme:dark){body{color:#d7dae0;background:#16181d}th,td{border-color:#3d444d}.track{background:#2a2f37}
.bar{background:#6cb6ff}.bad{color:#ff7b72}.dim,figcaption{color:#9198a1}}
";
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// The file.
pub fn page(story: &Story, pictures: &[Picture]) -> String {
    let title = escaped(&format!("Move of {}: {}", story.pod, story.outcome.state));
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n"
    );
    out.push_str(&head(story));
    for picture in pictures {
        out.push_str(&format!(
            "<figure>\n{}<figcaption>{}</figcaption>\n</figure>\n",
            picture.svg,
            escaped(&picture.title)
        ));
    }
    out.push_str(&steps(story));
    story.handoffs.iter().for_each(|one| out.push_str(&handoff(one)));
    out.push_str(&messages(story));
    out.push_str(&proof(story));
    out.push_str(&told(story));
    out.push_str(&list("What is left", &story.left));
    out.push_str(&list("Not seen", &story.unseen));
    out.push_str(&origin(story));
    out.push_str("</body>\n</html>\n");
    out
}

/// As text, wherever it stands.
fn escaped(text: &str) -> String {
    printable(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

fn head(story: &Story) -> String {
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
    let moment = |at: jiff::Timestamp| at.strftime("%Y-%m-%d %H:%M:%S%.3f UTC").to_string();
    let took = story.total_seconds.map(|total| format!("{total:.3} s"));
    let mut rows = vec![
        ("Migration", Some(story.migration.clone())),
        ("Reason", outcome.reason.clone()),
        ("Begun", story.begun.map(moment)),
        ("Ended", story.ended.map(moment)),
        ("Took", took),
        ("Expected", story.forecast.as_ref().map(expected)),
    ];
    if let Some(plan) = &story.plan {
        let owner = plan.owner.as_deref().unwrap_or("no owner");
        rows.extend([
            ("Container", Some(format!("{}, of {owner}", plan.container))),
            (
                "Queue",
                Some(format!(
                    "{} ({}), held by {:?}",
                    plan.queue, plan.queue_kind, plan.hold
                )),
            ),
            (
                "Plan",
                Some(format!(
                    "{}, route {}: {}",
                    plan.strategy, plan.route, plan.because
                )),
            ),
            ("Memory", Some(memory(plan))),
        ]);
    }
    let rows = rows
        .into_iter()
        .filter_map(|(name, value)| Some([name.to_owned(), value?]));
    out + &table("", &[], rows.map(Vec::from).collect())
}

fn expected(forecast: &Expected) -> String {
    format!(
        "{:.1} s, longest pause {:.1} s, from {}",
        forecast.total_seconds, forecast.pause_seconds, forecast.basis
    )
}

/// A table; nothing if it has no rows. Columns whose name begins with `#` hold numbers.
fn table(title: &str, columns: &[&str], rows: Vec<Vec<String>>) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let class = |index: usize| match columns.get(index) {
        Some(name) if name.starts_with('#') => " class=\"n\"",
        Some(_) | None => "",
    };
    let mut out = heading(title) + "<table>\n";
    if !columns.is_empty() {
        out.push_str("<tr>");
        for (index, name) in columns.iter().enumerate() {
            let name = escaped(name.trim_start_matches('#'));
            out.push_str(&format!("<th{}>{name}</th>", class(index)));
        }
        out.push_str("</tr>\n");
    }
    for row in rows {
        out.push_str("<tr>");
        for (index, cell) in row.iter().enumerate() {
            out.push_str(&format!("<td{}>{}</td>", class(index), escaped(cell)));
        }
        out.push_str("</tr>\n");
    }
    out + "</table>\n"
}

fn heading(title: &str) -> String {
    if title.is_empty() {
        String::new()
    } else {
        format!("<h2>{}</h2>\n", escaped(title))
    }
}

fn list(title: &str, items: &[String]) -> String {
    if items.is_empty() {
        return String::new();
    }
    let items: Vec<String> = items
        .iter()
        .map(|item| format!("<li>{}</li>\n", escaped(item)))
        .collect();
    format!("{}<ul>\n{}</ul>\n", heading(title), items.concat())
}

fn number(seconds: Option<f64>) -> String {
    seconds.map(|seconds| format!("{seconds:.3}")).unwrap_or_default()
}

/// The only table with something other than text in it: a bar for each step, on the scale of the whole move.
fn steps(story: &Story) -> String {
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

fn handoff(handoff: &Handoff) -> String {
    let attempt = match handoff.attempt {
        0 => String::new(),
        again => format!(", attempt {}", again + 1),
    };
    let title = format!(
        "Handoff {}{attempt}: {} on {} → {} on {}",
        handoff.number, handoff.from.pod, handoff.from.node, handoff.to.pod, handoff.to.node
    );
    let size = |size: Option<u64>| size.map(bytes).unwrap_or_default();
    let costs = vec![
        size(handoff.archive_bytes),
        size(handoff.wire_bytes),
        number(handoff.frozen_seconds),
        number(handoff.restore_seconds),
        number(handoff.pause_seconds),
        handoff.restores_failed.to_string(),
    ];
    let columns = [
        "#archive",
        "#on the wire",
        "#frozen, s",
        "#restore, s",
        "#pause, s",
        "#restores failed",
    ];
    let marks = handoff
        .marks
        .iter()
        .map(|mark| vec![format!("{:.3}", mark.at), mark.what.to_owned()]);
    table(&title, &columns, vec![costs])
        + &table("", &["#at, s", "what happened to the stream"], marks.collect())
}

fn messages(story: &Story) -> String {
    let messages = &story.messages;
    let mut out = String::new();
    let most = messages
        .most_waiting
        .map(|most| format!("At most {most} messages were seen to wait in the queue."));
    let fenced = messages
        .fenced
        .then(|| "New messages were kept in a backlog queue for a while.".to_owned());
    let pause = messages.pause.as_ref().map(|pause| match &messages.reconnect {
        Some(own) => {
            format!(
                "Longest pause {pause}, of which the application took {own} to connect to the broker again."
            )
        }
        None => format!("Longest pause {pause}."),
    });
    let sentences: Vec<String> = [pause, most, fenced].into_iter().flatten().collect();
    if !sentences.is_empty() {
        out.push_str(&heading("Messages"));
        out.push_str(&format!("<p>{}</p>\n", escaped(&sentences.join(" "))));
    }
    let row = |at: f64| {
        move |(queue, depth): (&str, shadow_core::api::progress::Depth)| {
            vec![
                format!("{at:.3}"),
                queue.to_owned(),
                depth.ready.to_string(),
                depth
                    .unacked
                    .map(|unacked| unacked.to_string())
                    .unwrap_or_default(),
                depth.consumers.to_string(),
            ]
        }
    };
    let rows = messages
        .looks
        .iter()
        .flat_map(|look| queues(look).map(row(look.at)).collect::<Vec<_>>());
    let columns = ["#at, s", "queue", "#ready", "#unacked", "#consumers"];
    out + &table("", &columns, rows.collect())
}

fn proof(story: &Story) -> String {
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

fn told(story: &Story) -> String {
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

fn origin(story: &Story) -> String {
    let place = match story.seen.kind {
        OriginKind::Cluster => format!("the cluster of context {}", story.seen.name),
        OriginKind::Recording => format!("recording {}", story.seen.name),
    };
    let invented = if story.seen.invented {
        ", which was made up for a test"
    } else {
        ""
    };
    format!(
        "<p class=\"dim\">Made by kubectl shadow {} from {}{invented}. User names, passwords and environments were taken out.</p>\n",
        escaped(&story.plugin),
        escaped(&place)
    )
}
