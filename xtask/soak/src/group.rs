//! Moves of one application under one oracle.

use std::path::Path;
use std::time::Duration;

use anyhow::{Error, Result};
use serde_json::Value;

use super::Soak;
use super::judge::{BrokerFault, Seen, judge, unjudged};
use super::kept;
use super::plan::Planned;
use super::row::{Outcome, Row};
use xtask_lab::cluster::wait_for;
use xtask_lab::stage::{self, Load, Oracle};

const WARM_UP: Duration = Duration::from_secs(2);
/// What is ours goes by then.
const CLEAN: Duration = Duration::from_secs(60);

/// Lines of a group, one for each move that was tried, and what its oracle reported.
pub(crate) struct Group {
    pub(crate) rows: Vec<Row>,
    pub(crate) report: Option<Value>,
}

impl Group {
    /// Whether somebody has to look at it, and nothing is built on what it left.
    pub(crate) fn is_bad(&self) -> bool {
        let bad = |row: &Row| {
            !row.counts()
                || !row.wrong.is_empty()
                || !row.left.is_empty()
                || row.missing.is_some_and(|missing| missing > 0)
                || row.outcome == Outcome::Stuck
                || row.failed_by_itself()
        };
        self.rows.iter().any(bad)
    }
}

impl Soak<'_> {
    /// Moves as many of these as one oracle can judge, and at least tries the first.
    pub(crate) fn group(&self, moves: &[Planned]) -> Group {
        let mut group = Group {
            rows: Vec::new(),
            report: None,
        };
        let begun = jiff::Timestamp::now().to_string();
        let outcome = self.run(moves, &begun, &mut group);
        if let (Err(error), Some(next)) = (outcome, moves.get(group.rows.len())) {
            group.rows.push(self.not_run(next, &begun, &error));
        }
        group
    }

    /// One whose application could not be deployed.
    pub(crate) fn not_deployed(&self, first: &Planned, error: &Error) -> Group {
        let begun = jiff::Timestamp::now().to_string();
        Group {
            rows: vec![self.not_run(first, &begun, error)],
            report: None,
        }
    }

    /// The soak's own trouble: a line all the same.
    fn not_run(&self, planned: &Planned, begun: &str, error: &Error) -> Row {
        let mut row = self.row(planned, begun);
        row.note(&format!("not run: {error:#}"));
        tell(&row);
        row
    }

    fn run(&self, moves: &[Planned], begun: &str, group: &mut Group) -> Result<()> {
        let Some(first) = moves.first() else {
            return Ok(());
        };
        let application = first.setting.application;
        application.consumes(self.cluster)?;
        let load = Load::of(first.setting.rate);
        let oracle = Oracle::start(self.cluster, self.product, application.stream(), load)?;
        oracle.run_for(WARM_UP);
        let mut broker = BrokerFault::None;
        let mut trouble = Ok(());
        for planned in moves {
            match self.moved(planned, self.row(planned, begun)) {
                Ok(done) => {
                    tell(&done.row);
                    broker = done.broker;
                    let goes_on = done.goes_on();
                    group.rows.push(done.row);
                    if !goes_on {
                        break;
                    }
                }
                Err(error) => {
                    trouble = Err(error);
                    break;
                }
            }
        }
        if let (Err(error), Some(row)) = (application.consumes(self.cluster), group.rows.last_mut()) {
            // The oracle says what that means.
            row.note(&format!("{error:#}"));
        }
        self.judged(group, oracle, broker);
        trouble
    }

    fn judged(&self, group: &mut Group, oracle: Oracle, broker: BrokerFault) {
        let report = oracle.finish();
        match &report {
            Ok(report) => {
                println!("     {}", stage::summary(report));
                match Seen::of(report) {
                    Some(seen) => judge(&mut group.rows, &seen, broker),
                    None => unjudged(&mut group.rows, "its report lacks figures"),
                }
            }
            Err(error) => unjudged(&mut group.rows, &format!("{error:#}")),
        }
        group.report = report.ok();
        let left = wait_for("everything of ours to go", CLEAN, || {
            let left = stage::leftovers(self.cluster).ok();
            Ok(left.filter(Vec::is_empty).map(drop))
        });
        if let (Err(error), Some(row)) = (left, group.rows.last_mut()) {
            let left =
                stage::leftovers(self.cluster).map_or_else(|_| format!("{error:#}"), |left| left.join(", "));
            row.left = left;
        }
    }

    /// A line as it is before the move.
    fn row(&self, planned: &Planned, group: &str) -> Row {
        let (fault, moment) = planned
            .trouble
            .map(|(fault, moment)| (fault.to_string(), moment.to_string()))
            .unwrap_or_default();
        Row {
            index: planned.index,
            seed: self.seed,
            engine: self.engine.name.clone(),
            commit: self.engine.commit.clone(),
            at: jiff::Timestamp::now().to_string(),
            application: planned.setting.application.to_string(),
            strategy: planned.way.to_string(),
            consumer: planned.setting.consumer.join(" "),
            rate: planned.setting.rate,
            fault,
            moment,
            group: group.to_owned(),
            ..Row::default()
        }
    }

    /// Keeps what is needed to look at a bad group; notes where.
    pub(crate) fn keep(&self, group: &mut Group, below: &Path) {
        let first = group.rows.first().map_or(0, |row| row.index);
        let name = format!(
            "{}-move-{first}",
            jiff::Timestamp::now().strftime("%Y-%m-%d-%H%M%S")
        );
        let note = match kept::keep(self.cluster, below, &name, group.report.as_ref()) {
            Ok(folder) => format!("kept in {}", folder.display()),
            Err(error) => format!("what was there could not be kept: {error:#}"),
        };
        println!("     {note}");
        if let Some(row) = group.rows.last_mut() {
            row.note(&note);
        }
    }
}

fn tell(row: &Row) {
    let shown = |figure: Option<i64>| figure.map_or_else(|| "–".to_owned(), |figure| figure.to_string());
    let fault = match (row.fault.is_empty(), row.made) {
        (true, _) => String::new(),
        (false, true) => format!(", {} {}", row.fault, row.moment),
        (false, false) => format!(", {} {} (not made)", row.fault, row.moment),
    };
    println!(
        "{:>5} {} {} {}{fault}: {:?}, told {:?}, total {} ms, pause {} ms {}{}",
        row.index,
        row.application,
        row.strategy,
        row.hold,
        row.outcome,
        row.verdict,
        shown(row.total_ms),
        shown(row.pause_ms),
        row.note,
        if row.wrong.is_empty() {
            String::new()
        } else {
            format!(" WRONG: {}", row.wrong)
        },
    );
}
