//! The view without a terminal: one line for each step that is over, signs of life, and the end. For pipes, scripts and
//! `TERM=dumb`.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::mpsc::UnboundedReceiver;

use super::event::Event;
use super::model::list::Entry;
use super::model::state::State;
use super::model::{Model, Unseen};
use super::tee::Tee;
use super::{after, farewell};
use crate::ending::Ending;
use crate::problem::Problem;
use crate::render::{self, Life, Progress};
use crate::say;

/// How often it is looked whether a sign of life is due.
const LOOK: Duration = Duration::from_millis(500);
/// Seconds between two signs of life.
const SIGN_OF_LIFE: u64 = 10;

/// Says what happens until everything that was named has ended, or a person interrupts. `patience`: the move was begun by this
/// command, which waits for its end for so long.
pub async fn run(
    model: Model,
    mut tee: Tee,
    mut events: UnboundedReceiver<Event>,
    patience: Option<Duration>,
) -> Result<Ending, Problem> {
    let mut plain = Plain::new(model);
    let begun = Instant::now();
    let mut ticks = tokio::time::interval(LOOK);
    let ending = loop {
        let event = tokio::select! {
            biased;
            interrupted = tokio::signal::ctrl_c() => {
                interrupted.map_err(|error| Problem::Unknown(format!("cannot listen for Ctrl-C: {error}")))?;
                plain.leave();
                break Ok(plain.ending());
            }
            event = events.recv() => event.unwrap_or(Event::Done),
            _ = ticks.tick() => Event::Tick(Timestamp::now()),
        };
        if let Event::Change(change) = &event {
            tee.note(change)
                .map_err(|error| Problem::Unknown(error.to_string()))?;
        }
        plain.take(event);
        if let Some(problem) = plain.hopeless(patience.is_some()) {
            break Err(problem);
        }
        if patience.is_some_and(|patience| begun.elapsed() >= patience) {
            say::remark(&format!("no end after {} s", begun.elapsed().as_secs()));
            plain.leave();
            break Ok(Ending::Unknown);
        }
        if plain.is_over() {
            break Ok(plain.ending());
        }
    };
    if let Some(file) = tee
        .end(Timestamp::now())
        .map_err(|error| Problem::Unknown(error.to_string()))?
    {
        say::remark(&format!("recorded in {}", file.display()));
    }
    ending
}

/// Says all of a recording at once.
pub fn play(model: Model, events: impl Iterator<Item = Event>) -> Ending {
    let mut plain = Plain::new(model);
    events.for_each(|event| plain.take(event));
    plain.rest();
    plain.ending()
}

/// What was said of one migration.
#[derive(Default)]
struct Said {
    progress: Progress,
    life: Life,
    signs: u64,
    over: bool,
}

struct Plain {
    model: Option<Model>,
    said: BTreeMap<String, Said>,
    silent: bool,
    whole: bool,
}

impl Plain {
    fn new(model: Model) -> Self {
        Self {
            model: Some(model),
            said: BTreeMap::new(),
            silent: false,
            whole: false,
        }
    }

    fn take(&mut self, event: Event) {
        self.whole |= matches!(event, Event::Done);
        let is_tick = matches!(event, Event::Tick(_));
        let Some(mut model) = self.model.take() else {
            return;
        };
        (model, _) = after(model, event);
        // Nothing is shown late here.
        model.head.count = model.history.newest();
        self.tell(&model, is_tick);
        self.model = Some(model);
    }

    fn tell(&mut self, model: &Model, is_tick: bool) {
        self.tell_sight(model);
        let several = model.setting.wanted.len() != 1;
        for entry in model.watched() {
            let said = self.said.entry(entry.id.to_owned()).or_default();
            if said.over {
                continue;
            }
            let name = if several {
                format!("{}: ", entry.id)
            } else {
                String::new()
            };
            said.steps(&entry, &name);
            if is_tick {
                said.life(&entry, &name);
            }
        }
    }

    fn tell_sight(&mut self, model: &Model) {
        let unseen = model.unseen();
        match (&unseen, self.silent) {
            (Some(Unseen::Server(_, why)), false) => {
                say::remark(&format!("nothing is seen, trying again: {why}"))
            }
            (None, true) => say::remark("the migrations can be seen again"),
            (Some(Unseen::Server(..) | Unseen::Controller(_)), _) | (None, false) => {}
        }
        self.silent = matches!(unseen, Some(Unseen::Server(..)));
    }

    fn hopeless(&self, begun: bool) -> Option<Problem> {
        farewell::hopeless(self.model.as_ref()?, begun)
    }

    /// What was named has ended; without names it goes on until it is interrupted.
    fn is_over(&self) -> bool {
        let Some(model) = &self.model else {
            return true;
        };
        let ends = !model.setting.wanted.is_empty() || model.setting.exit;
        let is_known = model.watched().next().is_some();
        let all_over = model
            .watched()
            .all(|entry| entry.state.is_over() || entry.state == State::Stuck);
        self.whole || (ends && is_known && all_over)
    }

    /// The last lines of what goes on.
    fn leave(&self) {
        self.model
            .iter()
            .flat_map(farewell::lines)
            .for_each(|line| say::remark(&line));
    }

    /// What a recording does not show the end of.
    fn rest(&self) {
        if let Some(model) = self.model.as_ref().filter(|model| model.is_drain()) {
            farewell::lines(model).iter().for_each(|line| say::line(line));
            return;
        }
        let open = |model: &&Model| !model.watched().all(|entry| entry.state.is_over());
        if self.model.as_ref().filter(open).is_some() {
            say::remark("the recording ends before the move does");
        }
    }

    fn ending(&self) -> Ending {
        self.model.as_ref().map_or(Ending::Unknown, Model::ending)
    }
}

impl Said {
    fn steps(&mut self, entry: &Entry<'_>, name: &str) {
        if entry.state == State::Gone {
            self.over = true;
            say::remark(&farewell::deleted(entry));
        }
        let Some(status) = entry.migration.status.as_ref() else {
            return;
        };
        for line in self.progress.lines(status) {
            say::line(&format!("{name}{line}"));
        }
        self.over = entry.state.is_over() || render::ending(status).is_some();
        if self.over {
            for line in render::end_lines(entry.migration) {
                say::line(&format!("{name}{line}"));
            }
        }
    }

    fn life(&mut self, entry: &Entry<'_>, name: &str) {
        let (line, seconds) = self
            .life
            .line(Some(entry.migration), Instant::now(), Timestamp::now());
        if seconds / SIGN_OF_LIFE > self.signs && !self.over {
            say::line(&format!("{name}{line}"));
        }
        self.signs = seconds / SIGN_OF_LIFE;
    }
}
