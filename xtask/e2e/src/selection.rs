//! Which scenarios a run consists of. Pure: the same selection gives the same scenarios.

use crate::scenarios::{ALL, Role, Scenario};
use crate::share::Share;

/// What a run was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// The fixed core alone.
    Core,
    /// The fixed core and one fifth of the rest.
    CoreAnd(Share),
    /// A part of everything.
    All(Share),
    /// Scenarios whose name contains one of these.
    Named(Vec<String>),
}

/// What the tests without a cluster take, in seconds, those on a broker of three nodes and the node in a virtual machine included:
/// they belong to the first part of everything.
const CODE: u32 = 900 + 400;

impl Selection {
    /// Whether the tests that need no cluster belong to it.
    #[must_use]
    pub fn has_code(&self) -> bool {
        match self {
            Self::Core | Self::CoreAnd(_) => true,
            Self::All(share) => share.part == 1,
            Self::Named(_) => false,
        }
    }

    /// Whether it has no scenario.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.scenarios().is_empty()
    }

    /// The scenarios, in their order.
    pub(crate) fn scenarios(&self) -> Vec<&'static Scenario> {
        let is_chosen: Box<dyn Fn(&Scenario) -> bool> = match self {
            Self::Core => Box::new(|scenario| scenario.role == Role::Core),
            Self::CoreAnd(fifth) => {
                let part = part_of(*fifth, 0, |scenario| matches!(scenario.role, Role::Rest(_)));
                Box::new(move |scenario| scenario.role == Role::Core || part.contains(&scenario.name))
            }
            Self::All(share) => {
                let part = part_of(*share, CODE, |_| true);
                Box::new(move |scenario| part.contains(&scenario.name))
            }
            Self::Named(names) => {
                let names = names.clone();
                Box::new(move |scenario| names.iter().any(|name| scenario.name.contains(name)))
            }
        };
        ALL.iter().filter(|scenario| is_chosen(scenario)).collect()
    }
}

/// Names of the scenarios of one part, all parts about equally long: the longest first, each to the shortest part. The first
/// part has `already` seconds to do.
fn part_of(share: Share, already: u32, belongs: impl Fn(&Scenario) -> bool) -> Vec<&'static str> {
    let mut longest_first: Vec<&Scenario> = ALL.iter().filter(|scenario| belongs(scenario)).collect();
    longest_first.sort_by_key(|scenario| std::cmp::Reverse(scenario.seconds));
    let mut parts: Vec<(u32, Vec<&'static str>)> = (0..share.of)
        .map(|n| (if n == 0 { already } else { 0 }, Vec::new()))
        .collect();
    for scenario in longest_first {
        if let Some((seconds, names)) = parts.iter_mut().min_by_key(|(seconds, _)| *seconds) {
            *seconds += scenario.seconds;
            names.push(scenario.name);
        }
    }
    let wanted = usize::try_from(share.part.saturating_sub(1)).unwrap_or(usize::MAX);
    parts
        .into_iter()
        .nth(wanted)
        .map(|(_, names)| names)
        .unwrap_or_default()
}

/// Parts into which everything is divided where nothing else is said; each takes well under 45 minutes.
const PARTS: u32 = 3;

/// The page of scenarios: what is in the fixed core, what is not and why, and where it runs instead.
#[must_use]
pub fn page() -> String {
    let mut lines = vec![HEAD.to_owned()];
    for scenario in ALL {
        let company = scenario.company.told();
        let (runs, why) = match scenario.role {
            Role::Core => ("always".to_owned(), ""),
            Role::Rest(why) => (format!("fifth {}", fifth(scenario)), why),
            Role::Whole(why) => ("never".to_owned(), why),
        };
        let part = place_in(scenario, PARTS, Selection::All);
        lines.push(format!(
            "| {} | {runs} | {part} of {PARTS} | {company} | {} s | {why} |\n",
            scenario.name, scenario.seconds
        ));
    }
    lines.concat()
}

const HEAD: &str = "# Scenarios on the cluster

Generated from `xtask/e2e/src/scenarios.rs`: `cargo xtask check --fix` writes it. `cargo xtask test` runs what runs always (the
fixed core) and one fifth of the rest, chosen by the number of commits modulo 5 or by `--part`; what is never in it takes minutes, or is
new and waits for its first run of everything. `cargo xtask test --all --part
1/3` runs a part of everything. Seconds were measured on 2026-11-23 on two cores (those of the four moves are an estimate); the
parts are balanced by them.

| scenario | in `cargo xtask test` | in `--all` | company | takes | why it left the fixed core |
|---|---|---|---|---|---|
";

/// Every scenario of the selection, a line each, and how long they take one after the other.
#[must_use]
pub fn listed(selection: &Selection) -> String {
    let chosen = selection.scenarios();
    let mut lines = Vec::new();
    for scenario in &chosen {
        let company = scenario.company.told();
        let part = format!(
            "part {}/{PARTS} of all",
            place_in(scenario, PARTS, Selection::All)
        );
        let role = match scenario.role {
            Role::Core => format!("core; {part}"),
            Role::Rest(why) => format!(
                "fifth {} of the rest; {part}; not in the core: {why}",
                fifth(scenario)
            ),
            Role::Whole(why) => format!("only in runs of everything; {part}; not in the others: {why}"),
        };
        lines.push(format!(
            "{:>4} s  {} ({company}; {role})\n",
            scenario.seconds, scenario.name
        ));
    }
    let seconds: u32 = chosen.iter().map(|scenario| scenario.seconds).sum();
    lines.push(format!("{seconds:>4} s  {} scenarios\n", chosen.len()));
    lines.concat()
}

fn fifth(wanted: &Scenario) -> u32 {
    place_in(wanted, 5, Selection::CoreAnd)
}

/// The first of so many parts that has the scenario.
fn place_in(wanted: &Scenario, of: u32, selection: fn(Share) -> Selection) -> u32 {
    let parts = (1..=of).map(|part| selection(Share { part, of }));
    let has = |selection: &Selection| selection.scenarios().iter().any(|one| one.name == wanted.name);
    let at = parts.into_iter().position(|selection| has(&selection));
    at.and_then(|at| u32::try_from(at + 1).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn names(selection: &Selection) -> Vec<&'static str> {
        selection
            .scenarios()
            .iter()
            .map(|scenario| scenario.name)
            .collect()
    }

    #[test]
    fn five_fifths_are_all_but_what_is_whole_and_each_has_the_core() {
        let mut all = BTreeSet::new();
        for part in 1..=5 {
            let chosen = names(&Selection::CoreAnd(Share { part, of: 5 }));
            let core = ALL.iter().filter(|scenario| scenario.role == Role::Core);
            for scenario in core {
                assert!(
                    chosen.contains(&scenario.name),
                    "{} is not in fifth {part}",
                    scenario.name
                );
            }
            all.extend(chosen);
        }
        let whole = ALL
            .iter()
            .filter(|scenario| matches!(scenario.role, Role::Whole(_)));
        assert_eq!(all.len() + whole.count(), ALL.len());
    }

    #[test]
    fn parts_of_everything_share_no_scenario_and_miss_none() {
        for of in [1, 2, 6] {
            let mut all = Vec::new();
            for part in 1..=of {
                all.extend(names(&Selection::All(Share { part, of })));
            }
            let different: BTreeSet<_> = all.iter().collect();
            assert_eq!((all.len(), different.len()), (ALL.len(), ALL.len()));
        }
    }

    #[test]
    fn fifths_are_about_equally_long() {
        let seconds = |part| -> u32 {
            let chosen = Selection::CoreAnd(Share { part, of: 5 }).scenarios();
            chosen.iter().map(|scenario| scenario.seconds).sum()
        };
        let all: Vec<u32> = (1..=5).map(seconds).collect();
        let (shortest, longest) = (all.iter().min().unwrap(), all.iter().max().unwrap());
        assert!(longest - shortest < 120, "{all:?}");
    }

    #[test]
    fn names_are_different_and_every_scenario_outside_the_core_has_a_reason() {
        let names: BTreeSet<_> = ALL.iter().map(|scenario| scenario.name).collect();
        assert_eq!(names.len(), ALL.len());
        for scenario in ALL {
            match scenario.role {
                Role::Core => {}
                Role::Rest(why) | Role::Whole(why) => assert!(why.len() > 20, "{}", scenario.name),
            }
        }
    }
}
