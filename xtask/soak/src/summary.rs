//! The figures at the end.

use std::collections::BTreeMap;
use std::fmt;

use super::row::{Excuse, Outcome, Row, Told};

/// Counted over lines of one plan and one engine.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    moves: usize,
    not_run: usize,
    disturbed: usize,
    exact: usize,
    undone: usize,
    not_exact_as_told: usize,
    /// Their objects were deleted.
    deleted: usize,
    stuck: usize,
    /// Not done although nothing disturbed them.
    by_itself: usize,
    lost: u64,
    twice: u64,
    reordered: u64,
    wrong: usize,
    /// Applied twice or reordered as a verdict said.
    as_told: u64,
    /// Applied twice because the broker delivered it again.
    redelivered: u64,
    left_behind: usize,
}

impl Summary {
    pub(crate) fn of(rows: &[Row]) -> Self {
        let number = |is: &dyn Fn(&&Row) -> bool| rows.iter().filter(|row| row.counts()).filter(is).count();
        let undone = |row: &&Row| matches!(row.outcome, Outcome::Failed | Outcome::Cancelled);
        let completed = |row: &&Row| row.outcome == Outcome::Completed;
        let mut summary = Self {
            moves: number(&|_| true),
            not_run: rows.iter().filter(|row| !row.counts()).count(),
            disturbed: number(&|row| row.made),
            exact: number(&|row| completed(row) && row.verdict == Told::Exact && row.wrong.is_empty()),
            undone: number(&undone),
            not_exact_as_told: number(&|row| completed(row) && row.verdict == Told::NotExact),
            deleted: number(&|row| row.outcome == Outcome::Deleted),
            stuck: number(&|row| row.outcome == Outcome::Stuck),
            by_itself: number(&|row| row.failed_by_itself()),
            wrong: number(&|row| !row.wrong.is_empty()),
            left_behind: rows.iter().filter(|row| !row.left.is_empty()).count(),
            ..Self::default()
        };
        // The figures of an oracle stand in every line of its group.
        let judged = rows.iter().filter(|row| row.missing.is_some());
        let groups: BTreeMap<&str, &Row> = judged.map(|row| (row.group.as_str(), row)).collect();
        for row in groups.values() {
            summary.add(row);
        }
        summary
    }

    fn add(&mut self, row: &Row) {
        let figure = |figure: Option<u64>| figure.unwrap_or_default();
        self.lost += figure(row.missing);
        let (twice, reordered) = (figure(row.duplicate), figure(row.reordered));
        match row.excuse {
            Excuse::Nothing => {
                self.twice += twice;
                self.reordered += reordered;
            }
            Excuse::Verdict => self.as_told += twice + reordered,
            Excuse::Redelivered => self.redelivered += twice,
        }
    }

    /// Nothing lost, nothing twice, nothing reordered, nothing told wrongly.
    pub(crate) fn is_good(&self) -> bool {
        self.lost == 0 && self.twice == 0 && self.reordered == 0 && self.wrong == 0
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            moves,
            not_run,
            disturbed,
            exact,
            undone,
            not_exact_as_told,
            deleted,
            stuck,
            by_itself,
            lost,
            twice,
            reordered,
            wrong,
            as_told,
            redelivered,
            left_behind,
        } = self;
        writeln!(
            f,
            "{moves} moves, {disturbed} of them disturbed; {not_run} lines of moves that could not be ordered"
        )?;
        writeln!(
            f,
            "{exact} exact, {undone} undone, {not_exact_as_told} not exact, as told, {deleted} deleted, {stuck} wait for a person"
        )?;
        writeln!(
            f,
            "{lost} lost, {twice} applied twice, {reordered} reordered, {wrong} wrong verdicts"
        )?;
        write!(
            f,
            "explained: {as_told} twice or reordered as a verdict told, {redelivered} twice since the broker delivered them again\n\
             to be explained: {by_itself} undisturbed moves were not done, {left_behind} groups left something behind"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(group: &str, outcome: Outcome, verdict: Told) -> Row {
        Row {
            group: group.into(),
            outcome,
            verdict,
            missing: Some(0),
            duplicate: Some(0),
            reordered: Some(0),
            ..Row::default()
        }
    }

    #[test]
    fn figures_of_a_group_count_once() {
        let twice = |verdict| Row {
            duplicate: Some(3),
            ..row("a", Outcome::Completed, verdict)
        };
        let summary = Summary::of(&[twice(Told::Exact), twice(Told::Exact)]);
        assert_eq!((summary.moves, summary.exact, summary.twice), (2, 2, 3));
        // The last line of the group may be of a move that could not be ordered.
        let not_run = Row {
            group: "a".into(),
            ..Row::default()
        };
        assert_eq!(Summary::of(&[twice(Told::Exact), not_run]).twice, 3);
        assert!(!summary.is_good());
    }

    #[test]
    fn what_was_told_is_good_and_a_loss_never_is() {
        let told = Row {
            duplicate: Some(3),
            reordered: Some(1),
            excuse: Excuse::Verdict,
            ..row("a", Outcome::Completed, Told::NotExact)
        };
        let summary = Summary::of(std::slice::from_ref(&told));
        assert_eq!((summary.as_told, summary.twice, summary.reordered), (4, 0, 0));
        assert!(summary.is_good());
        let lost = Row {
            missing: Some(1),
            ..told
        };
        assert!(!Summary::of(&[lost]).is_good());
    }

    #[test]
    fn every_kind_is_counted_as_itself() {
        let rows = [
            row("a", Outcome::Completed, Told::Exact),
            row("a", Outcome::Failed, Told::Exact),
            row("a", Outcome::Cancelled, Told::Nothing),
            row("b", Outcome::Stuck, Told::Nothing),
            row("b", Outcome::NotRun, Told::Nothing),
            Row {
                wrong: "it neither ended".into(),
                ..row("c", Outcome::Unended, Told::Nothing)
            },
        ];
        let summary = Summary::of(&rows);
        let counted = [
            summary.moves,
            summary.exact,
            summary.undone,
            summary.stuck,
            summary.not_run,
        ];
        assert_eq!(counted, [5, 1, 2, 1, 1]);
        assert!(!summary.is_good());
        assert!(summary.to_string().contains("1 wrong verdicts"), "{summary}");
    }
}
