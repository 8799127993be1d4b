//! The report of a drain as one HTML file, with the guarantees of that of a move ([`crate::report::html`]).

use super::text::facts;
use super::{Drained, Pod};
use crate::report::html::parts::{escaped, list, number, table};
use crate::report::html::{document, figure, origin};
use crate::report::pictures::Picture;

/// The file.
pub fn page(drained: &Drained, pictures: &[Picture]) -> String {
    let mut body = format!("<h1>Drain of {}</h1>\n", escaped(&drained.node));
    let known = facts(drained)
        .into_iter()
        .map(|(name, value)| vec![name.to_owned(), value]);
    body.push_str(&table("", &[], known.collect()));
    body.push_str(&list("To decide", &drained.to_decide));
    pictures
        .iter()
        .for_each(|picture| body.push_str(&figure(picture)));
    let columns = [
        "what",
        "pod",
        "to",
        "state",
        "#began, s",
        "#settled, s",
        "#took, s",
        "#expected, s",
        "#pause",
        "why",
    ];
    let title = "Pods, in seconds since the beginning";
    body.push_str(&table(title, &columns, drained.pods.iter().map(row).collect()));
    body.push_str(&list("Summary", &drained.summary));
    body.push_str(&list("Not seen", &drained.unseen));
    body.push_str(&origin(&drained.plugin, &drained.seen));
    document(&format!("Drain of {}", drained.node), &body)
}

fn row(pod: &Pod) -> Vec<String> {
    vec![
        pod.what.to_owned(),
        format!("{}/{}", pod.namespace, pod.pod),
        pod.to.clone().unwrap_or_default(),
        pod.state.to_owned(),
        number(pod.began),
        number(pod.settled),
        number(pod.took_seconds),
        number(pod.expected_seconds),
        pod.pause.clone().unwrap_or_default(),
        pod.why.clone(),
    ]
}
