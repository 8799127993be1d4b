//! The view on a terminal: events in, frames out, effects done. At most ten frames a second, one while nothing moves.

use std::time::Duration;

use crossterm::event::{self, Event as Input, EventStream, KeyEvent};
use futures::StreamExt;
use jiff::Timestamp;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::after;
use super::background::{Ask, Ear};
use super::draw::theme::Theme;
use super::effect::{Effect, Scope};
use super::event::Event;
use super::farewell;
use super::intent::Intent;
use super::model::Model;
use super::outside::Outside;
use super::source::live::Order;
use super::term::{Screen, Wish, Wishes};
use super::update::update;
use crate::ending::Ending;
use crate::problem::Problem;
use crate::say;

/// Between two frames.
const FRAME: Duration = Duration::from_millis(100);
/// Between two frames while nothing moves.
const IDLE: Duration = Duration::from_secs(1);

/// Shows the model until a person leaves, and says how what was watched has ended.
pub async fn run(model: Model, (theme, ask): (Theme, Ask), outside: Outside) -> Result<Ending, Problem> {
    let mut view = View {
        screen: Screen::take(theme, ask).map_err(|error| terminal(&error))?,
        ear: Ear::new(ask, Instant::now()),
        model: Some(model),
        outside,
        dirty: true,
        drawn: None,
    };
    let shown = view.show().await.and_then(|()| view.hear_out());
    let now = Timestamp::now();
    let ended = view.outside.tee.end(now);
    let hopeless = view.hopeless();
    let model = view.model.take();
    // The terminal is given back before anything is said.
    drop(view);
    shown.map_err(|error| terminal(&error))?;
    if let Some(file) = ended.map_err(|error| Problem::Refused(error.to_string()))? {
        say::remark(&format!("recorded in {}", file.display()));
    }
    let Some(model) = model else {
        return Ok(Ending::Unknown);
    };
    if let Some(problem) = hopeless {
        return Err(problem);
    }
    farewell::lines(&model).iter().for_each(|line| say::line(line));
    Ok(model.ending())
}

fn terminal(error: &std::io::Error) -> Problem {
    Problem::Unknown(format!(
        "the terminal cannot be used: {error}. The migrations go on. To see them as plain lines, type: kubectl shadow watch | cat"
    ))
}

struct View {
    screen: Screen,
    ear: Ear,
    /// Taken out only while it is updated.
    model: Option<Model>,
    outside: Outside,
    dirty: bool,
    drawn: Option<Instant>,
}

impl View {
    async fn show(&mut self) -> std::io::Result<()> {
        let mut wishes = Wishes::listen()?;
        let mut keys = EventStream::new();
        let mut ticks = interval(FRAME);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (width, height) = self.screen.size()?;
        self.take(Event::Resize(width, height))?;
        while !self.has_left() {
            tokio::select! {
                biased;
                wish = wishes.next() => self.obey(wish)?,
                input = keys.next() => match input {
                    Some(Ok(Input::Key(key))) => self.hear(key)?,
                    Some(Ok(Input::Resize(width, height))) => self.take(Event::Resize(width, height))?,
                    Some(Ok(Input::FocusGained | Input::FocusLost | Input::Mouse(_) | Input::Paste(_))) => {}
                    // The terminal is gone, or its last words were.
                    Some(Err(_)) | None => return Ok(()),
                },
                Some(event) = self.outside.events.1.recv() => self.take_all(event)?,
                _ = ticks.tick() => self.tick()?,
            }
            self.draw()?;
        }
        Ok(())
    }

    /// A key of a person, or a part of what the terminal answers.
    fn hear(&mut self, key: KeyEvent) -> std::io::Result<()> {
        let heard = self.ear.hear(key, Instant::now());
        if let Some(light) = heard.light {
            self.screen.is_light(light);
            self.dirty = true;
        }
        heard
            .keys
            .into_iter()
            .try_for_each(|key| self.take(Event::Key(key)))
    }

    /// An answer that is still on its way would be typed into the shell.
    fn hear_out(&mut self) -> std::io::Result<()> {
        while let Some(until) = self.ear.waits_until() {
            let left = until.saturating_duration_since(Instant::now());
            if !event::poll(left)? {
                break;
            }
            if let Input::Key(key) = event::read()? {
                self.ear.hear(key, Instant::now());
            }
        }
        Ok(())
    }

    fn has_left(&self) -> bool {
        self.model.as_ref().is_none_or(|model| model.left) || self.hopeless().is_some()
    }

    /// Only of the cluster: a recording of a missing right can be looked at.
    fn hopeless(&self) -> Option<Problem> {
        // A drain tells of its rows by itself: they are seen although migrations may not be watched.
        let is_live = |model: &&Model| model.setting.file.is_none() && !model.setting.drain;
        let model = self.model.as_ref().filter(is_live)?;
        let seen_before = model.watched().next().is_some();
        farewell::hopeless(model, self.outside.begun).filter(|_| !seen_before)
    }

    /// All that has come meanwhile belongs into the same frame.
    fn take_all(&mut self, first: Event) -> std::io::Result<()> {
        self.take(first)?;
        while let Ok(event) = self.outside.events.1.try_recv() {
            self.take(event)?;
        }
        Ok(())
    }

    fn take(&mut self, event: Event) -> std::io::Result<()> {
        // An answer alone changes no more than the seconds since the last one.
        self.dirty |= !matches!(event, Event::Tick(_) | Event::Link(_));
        if let Event::Change(change) = &event
            && let Err(error) = self.outside.tee.note(change)
        {
            self.say(format!("the recording has ended: {error}"))?;
        }
        let Some(model) = self.model.take() else {
            return Ok(());
        };
        let (model, effects) = after(model, event);
        self.model = Some(model);
        effects.into_iter().try_for_each(|effect| self.done(effect))
    }

    fn tick(&mut self) -> std::io::Result<()> {
        for key in self.ear.late(Instant::now()) {
            self.take(Event::Key(key))?;
        }
        self.take(Event::Tick(Timestamp::now()))?;
        // A terminal that changes its size while nobody listens yet tells nothing of it.
        let size = self.screen.size()?;
        if self.model.as_ref().is_some_and(|model| model.size != size) {
            self.take(Event::Resize(size.0, size.1))?;
        }
        let idle = self.drawn.is_none_or(|at| at.elapsed() >= IDLE);
        self.dirty |= idle || self.model.as_ref().is_some_and(Model::moves);
        Ok(())
    }

    fn draw(&mut self) -> std::io::Result<()> {
        let is_early = self.drawn.is_some_and(|at| at.elapsed() < FRAME);
        if !self.dirty || is_early {
            return Ok(());
        }
        if let Some(model) = &mut self.model {
            model.recording = self.outside.tee.file();
            self.screen.draw(model)?;
        }
        (self.dirty, self.drawn) = (false, Some(Instant::now()));
        Ok(())
    }

    fn obey(&mut self, wish: Wish) -> std::io::Result<()> {
        self.dirty = true;
        match wish {
            Wish::Leave => self.mean(Intent::Leave),
            Wish::Suspend => self.screen.suspend(),
            Wish::Resume => self.screen.resumed(),
        }
    }

    fn mean(&mut self, intent: Intent) -> std::io::Result<()> {
        let Some(model) = self.model.take() else {
            return Ok(());
        };
        let (model, effects) = update(model, intent);
        self.model = Some(model);
        effects.into_iter().try_for_each(|effect| self.done(effect))
    }

    fn say(&mut self, text: String) -> std::io::Result<()> {
        self.dirty = true;
        self.mean(Intent::Say(text))
    }

    fn done(&mut self, effect: Effect) -> std::io::Result<()> {
        let said = match effect {
            Effect::Cancel(id) => {
                self.outside.cancel(&id);
                None
            }
            Effect::Drain(order) => self.outside.drain(order),
            Effect::Copy(text) => {
                self.screen.copy(&text)?;
                Some(format!("copied: {text}"))
            }
            Effect::Open(id) => self.outside.order(Order::Open(id)),
            Effect::Namespace(scope) => {
                let own = self
                    .model
                    .as_ref()
                    .and_then(|model| model.setting.namespace.clone());
                self.outside
                    .order(Order::Namespace(own.filter(|_| scope == Scope::Own)))
            }
            Effect::Record(true) => Some(self.outside.begin_recording(Timestamp::now())),
            Effect::Record(false) => self.outside.end_recording(Timestamp::now()),
            Effect::Suspend => return self.screen.suspend(),
            Effect::Redraw => return self.screen.redraw(),
            Effect::Leave => None,
        };
        said.map_or(Ok(()), |said| self.say(said))
    }
}
