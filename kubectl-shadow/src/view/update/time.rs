//! Time travel: every change that was seen can be looked at again.

use jiff::{SignedDuration, Timestamp};
use shadow_core::api::Step;

use crate::view::effect::Effect;
use crate::view::event::Kind;
use crate::view::intent::Turn;
use crate::view::model::object::Object;
use crate::view::model::{Head, Model, Pace, Screen};

/// What an effect said stays on the screen for so long.
const SAID: SignedDuration = SignedDuration::from_secs(8);

/// Time went on.
pub(super) fn tick(model: &mut Model, now: Timestamp) -> Vec<Effect> {
    let passed = model
        .now
        .map_or(SignedDuration::ZERO, |before| now.duration_since(before));
    model.now = Some(now);
    model.said = model.said.take().filter(|(_, at)| now.duration_since(*at) < SAID);
    let is_file = model.setting.file.is_some();
    if !is_file {
        model.history.trim(now);
    }
    model
        .head
        .tick(&model.history, now, passed, is_file && model.whole);
    let mut effects = super::open_the_only_one(model);
    let is_at_end = match model.head.pace {
        Pace::Ended => true,
        Pace::Newest => model.is_over(),
        Pace::Frozen | Pace::Playing(_) => false,
    };
    if model.setting.exit && is_at_end && !model.left {
        model.left = true;
        effects.push(Effect::Leave);
    }
    effects
}

/// Stands, or goes on. A recording that has ended begins again.
pub(super) fn freeze(model: &mut Model) {
    let is_file = model.setting.file.is_some();
    model.head.pace = match model.head.pace {
        Pace::Newest | Pace::Playing(_) => Pace::Frozen,
        Pace::Frozen if is_file => Pace::Playing(1.0),
        Pace::Frozen => return newest(model),
        Pace::Ended => {
            model.head = Head::playing(1.0);
            return;
        }
    };
}

/// To the newest change: of a recording its end.
pub(super) fn newest(model: &mut Model) {
    if model.setting.file.is_none() {
        model.head = Head {
            pace: Pace::Newest,
            count: model.history.newest(),
            at: model.now,
        };
    } else if let Some((_, last)) = model.history.span() {
        model.head.show(&model.history, last);
        model.head.pace = Pace::Ended;
    }
}

/// Slower or faster. What is live has to go back first: it cannot be faster than life.
pub(super) fn speed(model: &mut Model, turn: Turn) {
    let speed = model.head.speed(turn == Turn::Forward);
    match model.head.pace {
        Pace::Newest if turn == Turn::Forward => {}
        Pace::Ended => model.head = Head::playing(speed),
        Pace::Newest | Pace::Frozen | Pace::Playing(_) => model.head.pace = Pace::Playing(speed),
    }
}

/// One change of what is looked at.
pub(super) fn step(model: &mut Model, turn: Turn) {
    let found = numbers(model, turn).find(|number| concerns(model, *number));
    if let Some(number) = found {
        model.head.stand_at(&model.history, number);
    } else {
        model.head.pace = Pace::Frozen;
    }
}

/// To the next change after which another step is under way.
pub(super) fn jump(model: &mut Model, turn: Turn) {
    let Some(id) = model.chosen() else {
        return;
    };
    let here = step_at(model, &id, model.head.count);
    let mut found = numbers(model, turn).find(|number| step_at(model, &id, *number) != here);
    if let (Some(number), Turn::Back) = (found, turn) {
        // To the beginning of that step, not to its end.
        let before = step_at(model, &id, number);
        let same = |one: &usize| step_at(model, &id, *one) == before;
        found = std::iter::successors(Some(number), |one| one.checked_sub(1))
            .take_while(|one| *one >= model.history.oldest())
            .take_while(same)
            .last();
    }
    match found {
        Some(number) => model.head.stand_at(&model.history, number),
        None => model.head.pace = Pace::Frozen,
    }
}

/// Numbers of the changes in this direction, the nearest first.
fn numbers(model: &Model, turn: Turn) -> Box<dyn Iterator<Item = usize>> {
    let (oldest, newest, here) = (model.history.oldest(), model.history.newest(), model.head.count);
    match turn {
        Turn::Forward => Box::new(here + 1..=newest),
        Turn::Back => Box::new((oldest..here).rev()),
    }
}

/// Whether a change is one of what is looked at.
fn concerns(model: &Model, number: usize) -> bool {
    let Some(moment) = model.history.moment(number) else {
        return false;
    };
    match (&model.screen, moment.kind) {
        (_, Kind::Node | Kind::Mark) => false,
        (Screen::Drain, Kind::Drain | Kind::Migration | Kind::Link) => true,
        (Screen::Drain, Kind::Progress | Kind::Event | Kind::Pod) => false,
        (Screen::Overview | Screen::Migration(_), Kind::Drain) => false,
        (Screen::Overview, Kind::Migration | Kind::Link) => true,
        (Screen::Overview, Kind::Progress | Kind::Event | Kind::Pod) => false,
        (Screen::Migration(id), Kind::Migration | Kind::Progress) => moment.id == *id,
        (Screen::Migration(_), Kind::Event | Kind::Pod | Kind::Link) => true,
    }
}

fn step_at(model: &Model, id: &str, number: usize) -> Option<(Step, u8, usize)> {
    match model.history.object(Kind::Migration, id, number)? {
        (Object::Migration(migration), _) => {
            let steps = &migration.status.as_ref()?.steps;
            let last = steps.last()?;
            Some((last.step, last.leg, steps.len()))
        }
        (_, _) => None,
    }
}
