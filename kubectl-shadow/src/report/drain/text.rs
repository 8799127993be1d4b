//! The report of a drain as lines of text.

use super::{Drained, Pod};
use crate::report::story::OriginKind;

/// The lines. They may hold what the cluster wrote: [`crate::say`] writes them out.
pub fn lines(drained: &Drained) -> Vec<String> {
    let mut lines = head(drained);
    section(
        &mut lines,
        "Pods, in seconds since the beginning",
        pods(&drained.pods),
    );
    section(&mut lines, "Summary", drained.summary.clone());
    section(&mut lines, "To decide", drained.to_decide.clone());
    section(&mut lines, "Not seen", drained.unseen.clone());
    lines.iter().map(|line| line.trim_end().to_owned()).collect()
}

fn section(lines: &mut Vec<String>, title: &str, body: Vec<String>) {
    if !body.is_empty() {
        lines.extend([String::new(), title.to_owned()]);
        lines.extend(body.into_iter().map(|line| format!("  {line}")));
    }
}

fn head(drained: &Drained) -> Vec<String> {
    facts(drained)
        .into_iter()
        .map(|(name, value)| format!("{name:<10}  {value}"))
        .collect()
}

/// Name and value of what is known.
pub(super) fn facts(drained: &Drained) -> Vec<(&'static str, String)> {
    let time = |at: jiff::Timestamp| at.strftime("%Y-%m-%d %H:%M:%S%.3f UTC").to_string();
    let took = |seconds: f64| format!(", after {seconds:.3} s");
    let took = drained.total_seconds.map(took).unwrap_or_default();
    let how = match (drained.stage.words(), drained.stopped) {
        (Some("over"), true) => "over, since a person stopped it",
        (Some(words), _) => words,
        (None, _) => "under way when the recording ends",
    };
    let origin = match drained.seen.kind {
        OriginKind::Cluster => format!("in the cluster of context {}", drained.seen.name),
        OriginKind::Recording => format!("in recording {}", drained.seen.name),
    };
    let invented = if drained.seen.invented {
        ", which was made up for a test"
    } else {
        ""
    };
    let all = [
        ("Drain of", Some(drained.node.clone())),
        ("State", Some(how.to_owned())),
        ("Problem", drained.problem.clone()),
        ("Exit code", drained.exit_code.map(|code| code.to_string())),
        ("Begun", drained.begun.map(time)),
        ("Ended", drained.ended.map(|at| time(at) + &took)),
        ("Seen", Some(format!("{origin}{invented}"))),
    ];
    let known = |(name, value): (&'static str, Option<String>)| Some((name, value?));
    all.into_iter().filter_map(known).collect()
}

/// A line for each pod: what was done with it, what became of it, and why.
fn pods(pods: &[Pod]) -> Vec<String> {
    if pods.is_empty() {
        return vec!["no pod was on the node".to_owned()];
    }
    let id = |pod: &Pod| format!("{}/{}", pod.namespace, pod.pod);
    let longest = |texts: &mut dyn Iterator<Item = usize>, least: usize| texts.max().unwrap_or(0).max(least);
    let width = longest(&mut pods.iter().map(|pod| id(pod).chars().count()), 13);
    let node = |pod: &Pod| pod.to.clone().unwrap_or_default();
    let to = longest(&mut pods.iter().map(|pod| node(pod).chars().count()), 2);
    let row = |columns: [&str; 10]| {
        let [what, pod, node, state, began, settled, took, expected, pause, why] = columns;
        format!(
            "{what:<5}  {pod:<width$}  {node:<to$}  {state:<9}  {began:>7}  {settled:>7}  {took:>6}  {expected:>8}  {pause:>6}  {why}"
        )
    };
    let of_pod = |pod: &Pod| {
        let seconds = |seconds: Option<f64>| seconds.map(|one| format!("{one:.3}")).unwrap_or_default();
        row([
            pod.what,
            &id(pod),
            &node(pod),
            pod.state,
            &seconds(pod.began),
            &seconds(pod.settled),
            &seconds(pod.took_seconds),
            &seconds(pod.expected_seconds),
            pod.pause.as_deref().unwrap_or_default(),
            &pod.why,
        ])
    };
    let head = row([
        "WHAT",
        "NAMESPACE/POD",
        "TO",
        "STATE",
        "BEGAN",
        "SETTLED",
        "TOOK",
        "EXPECTED",
        "PAUSE",
        "WHY",
    ]);
    [head].into_iter().chain(pods.iter().map(of_pod)).collect()
}
