//! Which scenarios a run measures: a long run can be done in portions.

use std::collections::BTreeSet;

use super::row::Row;
use super::scenario::{self, Scenario};

/// What was asked for.
#[derive(clap::Args)]
pub(crate) struct Portion {
    /// Less than ten minutes: each way once, four moves each.
    #[arg(long)]
    quick: bool,
    /// Moves of each scenario [default: 10, or 4 with --quick].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    moves: Option<u32>,
    /// Only scenarios whose name contains this (`--list` prints the names); can be given several times.
    #[arg(long, value_name = "PART")]
    only: Vec<String>,
    /// Measure what the folder has rows of, too; they are added.
    #[arg(long)]
    again: bool,
}

impl Portion {
    /// Moves of each scenario.
    pub(crate) fn moves(&self) -> u32 {
        self.moves.unwrap_or(if self.quick { 4 } else { 10 })
    }

    /// What was asked for, measured or not.
    pub(crate) fn wanted(&self) -> Vec<Scenario> {
        let mut all = if self.quick {
            scenario::quick()
        } else {
            scenario::full()
        };
        all.retain(|scenario| {
            let name = scenario.shape().to_string();
            self.only.is_empty() || self.only.iter().any(|part| name.contains(part.as_str()))
        });
        all
    }

    /// What is to be measured, where these rows are known.
    pub(crate) fn chosen(&self, known: &[Row]) -> Vec<Scenario> {
        let known: BTreeSet<String> = known.iter().map(|row| row.shape().to_string()).collect();
        let mut all = self.wanted();
        all.retain(|scenario| self.again || !known.contains(&scenario.shape().to_string()));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin::Origin;

    fn asked(only: &[&str], again: bool) -> Portion {
        Portion {
            quick: false,
            moves: None,
            only: only.iter().map(|&part| part.to_owned()).collect(),
            again,
        }
    }

    fn names(scenarios: &[Scenario]) -> Vec<String> {
        scenarios.iter().map(|one| one.shape().to_string()).collect()
    }

    #[test]
    fn a_portion_is_chosen_by_parts_of_names() {
        let one = asked(&["bare pod ShadowPod, 80 msg/s"], false);
        let wanted = "bare pod ShadowPod, 80 msg/s, 10 ms, 0 MB, 100 B, prefetch 50";
        assert_eq!(names(&one.chosen(&[])), [wanted]);
        assert_eq!(asked(&["500 MB", "4096 B"], false).chosen(&[]).len(), 4);
        assert!(asked(&["nothing"], false).wanted().is_empty());
    }

    #[test]
    fn what_has_rows_is_not_measured_again_unless_asked() {
        let all = asked(&[], false).chosen(&[]);
        let origin = Origin {
            commit: String::new(),
            machine: String::new(),
        };
        let known = [Row::of(all[0].shape(), 1, "", &origin)];
        let rest = asked(&[], false).chosen(&known);
        assert_eq!(names(&rest), names(&all[1..]));
        assert_eq!(asked(&[], true).chosen(&known).len(), all.len());
    }
}
