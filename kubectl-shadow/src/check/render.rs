//! Findings as lines and as JSON.

use serde_json::{Value, json};

use super::{Finding, Grade};

/// Findings under a title.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// `cluster`, `nodes`, `pod shop/orders-0`, `before an installation`.
    pub title: String,
    /// In the order in which they are told.
    pub findings: Vec<Finding>,
    /// What was not looked at, and how to look at it.
    pub note: Option<String>,
}

/// All lines: what was looked at, and what to type.
pub fn text(groups: &[Group]) -> Vec<String> {
    let mut lines = Vec::new();
    for group in groups {
        lines.push(group.title.clone());
        lines.extend(group.findings.iter().flat_map(in_full));
        lines.extend(group.note.iter().map(|note| format!("  {note}")));
    }
    lines.push(sum(groups));
    lines
}

/// Only what does not pass, a line each, and the sum.
pub fn short(groups: &[Group]) -> Vec<String> {
    let mut lines: Vec<String> = all(groups)
        .filter(|finding| finding.grade != Grade::Pass)
        .map(|finding| match &finding.command {
            Some(command) => format!("{}; type: {command}", line(finding)),
            None => line(finding),
        })
        .collect();
    lines.push(sum(groups));
    lines
}

/// For a program: docs/check.md.
pub fn json(groups: &[Group]) -> Value {
    let count = |grade| all(groups).filter(|finding| finding.grade == grade).count();
    let checks: Vec<Value> = groups
        .iter()
        .flat_map(|group| {
            group
                .findings
                .iter()
                .map(|finding| of_json(&group.title, finding))
        })
        .collect();
    let notes: Vec<&String> = groups.iter().filter_map(|group| group.note.as_ref()).collect();
    json!({
        "shadowCheck": 1,
        "passed": count(Grade::Pass),
        "warned": count(Grade::Warn),
        "failed": count(Grade::Fail),
        "checks": checks,
        "notes": notes,
    })
}

/// Whether nothing is in the way.
pub fn is_well(groups: &[Group]) -> bool {
    all(groups).all(|finding| finding.grade != Grade::Fail)
}

fn of_json(group: &str, finding: &Finding) -> Value {
    json!({
        "group": group,
        "code": finding.code.code,
        "title": finding.code.title,
        "about": finding.about,
        "grade": finding.grade.word().to_lowercase(),
        "found": finding.found,
        "command": finding.command,
    })
}

fn all(groups: &[Group]) -> impl Iterator<Item = &Finding> {
    groups.iter().flat_map(|group| &group.findings)
}

fn in_full(finding: &Finding) -> Vec<String> {
    let command = finding
        .command
        .iter()
        .map(|command| format!("               type: {command}"));
    [format!("  {}", line(finding))]
        .into_iter()
        .chain(command)
        .collect()
}

fn line(finding: &Finding) -> String {
    let about = if finding.about.is_empty() {
        String::new()
    } else {
        format!("{}: ", finding.about)
    };
    format!(
        "{}  {}  {about}{}",
        finding.grade.word(),
        finding.code.code,
        finding.found
    )
}

fn sum(groups: &[Group]) -> String {
    let count = |grade| all(groups).filter(|finding| finding.grade == grade).count();
    let (passed, warned, failed) = (count(Grade::Pass), count(Grade::Warn), count(Grade::Fail));
    let worst = all(groups)
        .filter(|finding| finding.grade != Grade::Pass)
        .max_by_key(|one| {
            // Of two that are as bad the first one is named.
            (one.grade == Grade::Fail, std::cmp::Reverse(one.code))
        });
    let more = worst.map_or_else(String::new, |one| {
        format!(
            ". To read what {0} means, type: kubectl shadow explain {0}",
            one.code.code
        )
    });
    format!("{passed} pass, {warned} warn, {failed} fail{more}")
}
