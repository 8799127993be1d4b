//! The drain itself: looks, plans, orders, evicts, until nothing more happens to any pod.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::asked::Asked;
use super::evictions::Evictions;
use super::tell::Teller;
use super::{gather, moves, plans};
use crate::cli::Drain;
use crate::commands::pause;
use crate::connection::Connection;
use crate::drain::{Leave, Row, Stage, Standing, State, What};
use crate::problem::Problem;
use crate::say;
use crate::view::model::state::State as Move;

/// How often pods and migrations are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// A user who leaves waits so long for the last look.
const LAST_LOOK: Duration = Duration::from_secs(2);

/// A drain that is under way.
pub(super) struct Draining<'a> {
    connection: &'a Connection,
    args: &'a Drain,
    pub(super) rows: Vec<Row>,
    /// Told of what happens.
    pub(super) teller: Teller,
    owners: gather::Owners,
    evictions: Evictions,
    /// UIDs of pods whose move was called off before it began, because no new moves were to begin.
    put_off: BTreeSet<String>,
}

impl<'a> Draining<'a> {
    /// Of a node that is there. No new pod comes to it from now on.
    pub(super) async fn begin(
        connection: &'a Connection,
        args: &'a Drain,
        teller: Teller,
    ) -> Result<Self, Problem> {
        gather::node(connection, &args.node).await?;
        // Plans are made all the same; each move is refused in these words, and the drain ends with that.
        pause::remark(connection).await;
        if !args.dry_run {
            gather::cordon(connection, &args.node).await?;
        }
        Ok(Self {
            connection,
            args,
            rows: Vec::new(),
            teller,
            owners: gather::Owners::default(),
            evictions: Evictions::default(),
            put_off: BTreeSet::new(),
        })
    }

    /// From the first look to the end; the live view is told how it ended as well.
    pub(super) async fn whole(&mut self, asked: &mut Asked) -> Result<(), Problem> {
        self.teller.send(&self.rows, &self.standing(asked.stage(), asked));
        let mut ended = self.planned(asked).await;
        if ended.is_ok() {
            ended = self.follow(asked).await;
        }
        let mut standing = self.standing(Stage::Over, asked);
        standing.problem = ended.as_ref().err().map(|problem| problem.lines().join(" "));
        self.teller.send(&self.rows, &standing);
        ended
    }

    /// The first look, and the plan of every move.
    pub(super) async fn planned(&mut self, asked: &mut Asked) -> Result<(), Problem> {
        self.look().await?;
        self.teller.send(&self.rows, &self.standing(asked.stage(), asked));
        self.plan(asked).await;
        self.teller.all(&self.rows);
        Ok(())
    }

    fn standing(&self, stage: Stage, asked: &Asked) -> Standing {
        Standing {
            node: self.args.node.clone(),
            stage,
            evict_rest: self.args.evict_rest,
            stopped: asked.ends(),
            problem: None,
        }
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
        moves::look(self.connection, &mut self.rows).await?;
        self.put_back();
        Ok(())
    }

    /// Makes the plans that are missing. Where the user stops or leaves, what was begun of them is removed first.
    async fn plan(&mut self, asked: &mut Asked) {
        if asked.ends() {
            return;
        }
        let (connection, teller) = (self.connection, &self.teller);
        let max_pause = self.args.max_pause.as_deref();
        let (tell, stop) = watch::channel(false);
        let plans = plans::make(connection, &mut self.rows, max_pause, &stop, |row| {
            teller.send_row(row)
        });
        tokio::pin!(plans);
        loop {
            tokio::select! {
                () = &mut plans => return,
                () = asked.heard(), if !asked.ends() => {
                    tell.send_replace(asked.ends());
                }
            }
        }
    }

    /// Until nothing more happens to any pod, or the time is up, or the user leaves.
    async fn follow(&mut self, asked: &mut Asked) -> Result<(), Problem> {
        let deadline = self.args.timeout.map(|timeout| Instant::now() + timeout);
        while !asked.left {
            self.act(asked).await;
            self.teller.changes(&self.rows);
            self.teller.send(&self.rows, &self.standing(asked.stage(), asked));
            if self.is_over(asked.stop) {
                return Ok(());
            }
            if deadline.is_some_and(|deadline| Instant::now() > deadline) {
                let node = &self.args.node;
                return Err(Problem::Unknown(format!(
                    "the time is up (--timeout). The moves go on. To go on with the drain, type: kubectl shadow drain {node}"
                )));
            }
            self.teller.life(&self.rows);
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = asked.heard() => {}
            }
            if asked.left {
                self.last_look().await;
                return Ok(());
            }
            if let Err(problem) = self.look().await {
                say::remark(&format!("the pods cannot be read, trying again: {problem}"));
            } else if !asked.stop {
                self.plan(asked).await;
            }
        }
        Ok(())
    }

    /// The table that stays tells of the moment at which the user left, not of a look before it.
    async fn last_look(&mut self) {
        match timeout(LAST_LOOK, self.look()).await {
            Ok(Ok(())) => {}
            Ok(Err(problem)) => say::remark(&format!("the table is up to a second old: {problem}")),
            Err(_) => say::remark("the table is up to a second old: the API server did not answer"),
        }
    }

    /// What the user wants at the moment, done once.
    async fn act(&mut self, asked: &Asked) {
        if asked.stop {
            self.stop().await;
        } else if asked.paused {
            let put_off = moves::put_off(self.connection, &self.rows).await;
            self.put_off.extend(put_off);
        } else {
            let max_pause = self.args.max_pause.as_deref();
            moves::order(self.connection, &mut self.rows, max_pause).await;
            self.evict().await;
        }
    }

    /// What was called off and has ended is ordered anew when moves begin again.
    fn put_back(&mut self) {
        let put_off = &mut self.put_off;
        for row in self.rows.iter_mut().filter(|row| row.state.is_settled()) {
            if put_off.remove(&row.uid) && row.state == State::Move(Move::Cancelled) {
                row.put_off();
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
            let skip_blocked = self.args.skip_blocked;
            self.evictions
                .ask(self.connection, &mut self.rows, skip_blocked)
                .await;
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
}
