//! `TYPE/NAME`, as kubectl takes it. Pure.

use crate::problem::Problem;

/// What can be named here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `pod/`
    Pod,
    /// `sts/`
    StatefulSet,
    /// `deploy/`
    Deployment,
    /// `smig/`
    Migration,
}

/// A name, and what it names, if that was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// What was written before the slash.
    pub kind: Option<String>,
    /// The name.
    pub name: String,
}

const KINDS: [(Kind, &[&str]); 4] = [
    (Kind::Pod, &["pod", "pods", "po"]),
    (
        Kind::StatefulSet,
        &[
            "sts",
            "statefulset",
            "statefulsets",
            "statefulset.apps",
            "statefulsets.apps",
        ],
    ),
    (
        Kind::Deployment,
        &[
            "deploy",
            "deployment",
            "deployments",
            "deployment.apps",
            "deployments.apps",
        ],
    ),
    (
        Kind::Migration,
        &[
            "smig",
            "statefulmigration",
            "statefulmigrations",
            "statefulmigration.migration.ms2m.io",
            "statefulmigrations.migration.ms2m.io",
        ],
    ),
];

impl Named {
    /// As it was typed.
    pub fn parse(text: &str) -> Self {
        match text.split_once('/') {
            Some((kind, name)) => Self {
                kind: Some(kind.to_ascii_lowercase()),
                name: name.to_owned(),
            },
            None => Self {
                kind: None,
                name: text.to_owned(),
            },
        }
    }

    /// What it names, among what makes sense here; none if that was not said.
    pub fn among(&self, wanted: &[Kind]) -> Result<Option<Kind>, Problem> {
        let Some(typed) = &self.kind else {
            return Ok(None);
        };
        let found = KINDS.iter().find(|(_, words)| words.contains(&typed.as_str()));
        match found {
            Some((kind, _)) if wanted.contains(kind) && !self.name.is_empty() => Ok(Some(*kind)),
            Some(_) | None => {
                let known = KINDS.iter().filter(|(kind, _)| wanted.contains(kind));
                let known: Vec<String> = known
                    .filter_map(|(_, words)| words.first())
                    .map(|word| format!("{word}/NAME"))
                    .collect();
                Err(Problem::Refused(format!(
                    "{typed}/{} cannot be used here. Give a name, or {}",
                    self.name,
                    known.join(", ")
                )))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_may_be_written_in_each_of_kubectls_ways() {
        let all = [Kind::Pod, Kind::StatefulSet, Kind::Deployment, Kind::Migration];
        let cases = [
            ("orders-0", None, "orders-0"),
            ("pod/orders-0", Some(Kind::Pod), "orders-0"),
            ("po/a", Some(Kind::Pod), "a"),
            ("STS/orders", Some(Kind::StatefulSet), "orders"),
            ("statefulset.apps/orders", Some(Kind::StatefulSet), "orders"),
            ("deployments/web", Some(Kind::Deployment), "web"),
            ("smig/x", Some(Kind::Migration), "x"),
            (
                "statefulmigration.migration.ms2m.io/x",
                Some(Kind::Migration),
                "x",
            ),
        ];
        for (text, kind, name) in cases {
            let named = Named::parse(text);
            assert_eq!(named.among(&all).unwrap(), kind, "{text}");
            assert_eq!(named.name, name);
        }
    }

    #[test]
    fn what_cannot_be_used_is_told_with_what_can() {
        for text in ["node/a", "sts/orders", "pod/", "a/b/c"] {
            let error = Named::parse(text)
                .among(&[Kind::Pod, Kind::Migration])
                .unwrap_err();
            assert!(
                error.to_string().contains("pod/NAME, smig/NAME"),
                "{text}: {error}"
            );
        }
    }
}
