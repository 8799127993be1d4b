//! `kubectl shadow drain`: moves the consumers of a node away, and evicts the rest if asked to. The plan of every move comes first.
//!
//! Guarantee: a pod is known by its UID; a drain that is begun again goes on with the moves that are under way.

mod evictions;
mod gather;
mod moves;
mod plans;

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;

use crate::cli::{Drain, DrainFormat};
use crate::connection::Connection;
use crate::drain::{Leave, Row, State, What, document, ending, ending_of_plan, line, summary, table};
use crate::ending::Ending;
use crate::problem::Problem;
use crate::say;

/// How often pods and migrations are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How often a pipe gets a sign of life.
const SIGN_OF_LIFE: Duration = Duration::from_secs(10);

/// Runs the command.
pub(super) async fn run(connection: &Connection, args: &Drain) -> Result<Ending, Problem> {
    let mut asked = Asked::listen()?;
    let mut drain = Draining::begin(connection, args).await?;
    drain.look().await?;
    drain.plan(&mut asked).await;
    drain.tell_all();
    if args.dry_run {
        drain.say("nothing was done (--dry-run)");
        drain.print(asked.stop);
        return Ok(ending_of_plan(&drain.rows));
    }
    drain.follow(&mut asked).await?;
    for text in summary(&args.node, &drain.rows, asked.stop) {
        drain.say(&text);
    }
    drain.print(asked.stop);
    Ok(ending(&drain.rows, asked.stop))
}

/// What Ctrl-C asks for.
struct Asked {
    interrupts: Signal,
    stop: bool,
}

impl Asked {
    fn listen() -> Result<Self, Problem> {
        let interrupts = signal(SignalKind::interrupt())
            .map_err(|error| Problem::Unknown(format!("cannot listen for Ctrl-C: {error}")))?;
        Ok(Self {
            interrupts,
            stop: false,
        })
    }

    /// Returns with the next Ctrl-C.
    async fn heard(&mut self) {
        self.interrupts.recv().await;
    }
}

/// Whether the command goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wish {
    GoOn,
    Leave,
}

/// A drain that is under way.
struct Draining<'a> {
    connection: &'a Connection,
    args: &'a Drain,
    rows: Vec<Row>,
    /// What was said of each row last.
    said: BTreeMap<String, String>,
    owners: gather::Owners,
}

impl<'a> Draining<'a> {
    async fn begin(connection: &'a Connection, args: &'a Drain) -> Result<Self, Problem> {
        gather::node(connection, &args.node).await?;
        if !args.dry_run {
            gather::cordon(connection, &args.node).await?;
        }
        Ok(Self {
            connection,
            args,
            rows: Vec::new(),
            said: BTreeMap::new(),
            owners: gather::Owners::default(),
        })
    }

    /// Takes in the pods that are on the node now, and the migrations of those that move.
    async fn look(&mut self) -> Result<(), Problem> {
        let leave = Leave {
            empty_dir_data: self.args.delete_emptydir_data,
            unowned: self.args.force,
        };
        let pods = gather::pods(
            self.connection,
            &self.args.node,
            self.args.pod_selector.as_deref(),
        )
        .await?;
        // A pod that moves leaves by its migration.
        let may_go = |row: &&mut Row| row.what == What::Evict || row.migration.is_none();
        for row in self.rows.iter_mut().filter(may_go) {
            if !pods
                .iter()
                .any(|pod| pod.metadata.uid.as_deref() == Some(&row.uid))
            {
                row.state = State::Gone;
                row.why.clear();
            }
        }
        for pod in &pods {
            let is_known = |row: &Row| Some(row.uid.as_str()) == pod.metadata.uid.as_deref();
            if !self.rows.iter().any(is_known) {
                let owner = self.owners.of(self.connection, pod).await?;
                self.rows
                    .push(Row::of(pod, crate::drain::sorted(pod, owner.as_ref(), leave)));
            }
        }
        moves::look(self.connection, &mut self.rows).await
    }

    /// Makes the plans that are missing; Ctrl-C stops the drain.
    async fn plan(&mut self, asked: &mut Asked) {
        let connection = self.connection;
        tokio::select! {
            () = plans::make(connection, &mut self.rows) => {}
            () = asked.heard() => asked.stop = true,
        }
    }

    /// Until nothing more happens to any pod, or the time is up, or the user leaves.
    async fn follow(&mut self, asked: &mut Asked) -> Result<(), Problem> {
        let deadline = self.args.timeout.map(|timeout| Instant::now() + timeout);
        let mut sign = Instant::now();
        loop {
            if asked.stop {
                self.stop().await;
            } else {
                moves::order(self.connection, &mut self.rows).await;
                self.evict().await;
            }
            self.tell_changes();
            if self.is_over(asked.stop) {
                return Ok(());
            }
            if deadline.is_some_and(|deadline| Instant::now() > deadline) {
                let node = &self.args.node;
                return Err(Problem::Unknown(format!(
                    "the time is up (--timeout). The moves go on. To go on with the drain, type: kubectl shadow drain {node}"
                )));
            }
            self.show_life(&mut sign);
            if self.wait(asked).await == Wish::Leave {
                return Ok(());
            }
            if let Err(problem) = self.look().await {
                say::remark(&format!("the pods cannot be read, trying again: {problem}"));
            } else if !asked.stop {
                self.plan(asked).await;
            }
        }
    }

    /// Until the next look, or until the user asks for something else.
    async fn wait(&self, asked: &mut Asked) -> Wish {
        tokio::select! {
            () = tokio::time::sleep(LOOK) => Wish::GoOn,
            () = asked.heard() => {
                if std::mem::replace(&mut asked.stop, true) {
                    say::remark("the moves go on; this command ends");
                    return Wish::Leave;
                }
                say::remark("stopping: no new move begins, and what can be undone is undone. Ctrl-C again leaves at once");
                Wish::GoOn
            }
        }
    }

    /// What is not begun stays, and what can be undone is undone.
    async fn stop(&mut self) {
        let evicts = self.args.evict_rest;
        for row in self
            .rows
            .iter_mut()
            .filter(|row| row.what == What::Move || evicts)
        {
            if matches!(row.state, State::Planning | State::Ready | State::Blocked) {
                row.state = State::Stopped;
                row.why = "the drain was stopped before".to_owned();
            }
        }
        moves::cancel(self.connection, &mut self.rows).await;
    }

    /// The rest goes when every move has ended.
    async fn evict(&mut self) {
        let is_moving = |row: &Row| row.what == What::Move && !row.state.is_settled();
        if self.args.evict_rest && !self.rows.iter().any(is_moving) {
            evictions::ask(self.connection, &mut self.rows, self.args.skip_blocked).await;
        }
    }

    fn is_over(&self, stopped: bool) -> bool {
        let waits = |row: &Row| match row.what {
            What::Move => !row.state.is_settled(),
            What::Evict if stopped => false,
            What::Evict if row.state == State::Blocked => !self.args.skip_blocked,
            What::Evict => self.args.evict_rest && !row.state.is_settled(),
            What::Stay => false,
        };
        !self.rows.iter().any(waits)
    }

    fn tell_all(&mut self) {
        for text in table(&self.rows) {
            self.say(&text);
        }
        self.said = self
            .rows
            .iter()
            .map(|row| (row.uid.clone(), row.news()))
            .collect();
    }

    /// Each row whose state has changed.
    fn tell_changes(&mut self) {
        let width = self
            .rows
            .iter()
            .map(|row| row.id().chars().count())
            .max()
            .unwrap_or(0);
        for row in &self.rows {
            let now = row.news();
            if self.said.get(&row.uid) != Some(&now) {
                self.say(&line(row, width));
                self.said.insert(row.uid.clone(), now);
            }
        }
    }

    /// On a terminal one line that is repainted, in a pipe one line each 10 s.
    fn show_life(&self, sign: &mut Instant) {
        let left: Vec<&Row> = self.rows.iter().filter(|row| !row.state.is_settled()).collect();
        let Some(first) = left.iter().find(|row| row.migration.is_some()).or(left.first()) else {
            return;
        };
        let text = format!(
            "{} pods left; {}: {} {}",
            left.len(),
            first.id(),
            first.state.word(),
            first.why
        );
        if self.args.output.is_some() {
            return;
        }
        if say::can_repaint() {
            say::paint(&text);
        } else if sign.elapsed() >= SIGN_OF_LIFE {
            *sign = Instant::now();
            say::line(&text);
        }
    }

    fn say(&self, text: &str) {
        if self.args.output.is_none() {
            say::line(text);
        }
    }

    fn print(&self, stopped: bool) {
        if self.args.output == Some(DrainFormat::Json) {
            say::line(&document(&self.args.node, &self.rows, stopped).to_string());
        }
    }
}
