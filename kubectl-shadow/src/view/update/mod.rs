//! What an intent makes of the model, and what is to be done outside. Pure: the same intents give the same model.

mod act;
mod drain;
mod list;
mod time;

use super::effect::{Effect, Scope};
use super::event::Kind;
use super::intent::{Edge, Intent};
use super::model::{Model, Over, Panel, Screen};

/// The model after an intent.
pub fn update(mut model: Model, intent: Intent) -> (Model, Vec<Effect>) {
    let effects = applied(&mut model, intent);
    (model, effects)
}

fn applied(model: &mut Model, intent: Intent) -> Vec<Effect> {
    match intent {
        Intent::Time(now) => return time::tick(model, now),
        Intent::Size(width, height) => model.size = (width, height),
        Intent::See(change) => see(model, change),
        Intent::Answered(at) => model.answered = Some(at),
        Intent::Whole => model.whole = true,
        Intent::Say(text) => say(model, text),
        Intent::Move(rows) => list::step(model, rows),
        Intent::Edge(Edge::First) => list::step(model, isize::MIN),
        Intent::Edge(Edge::Last) => list::step(model, isize::MAX),
        Intent::Open => return open(model),
        Intent::Back => return back(model),
        Intent::Panel(turn) => {
            model.panel = list::next_panel(model.panel, turn);
            model.scroll = 0;
        }
        Intent::Fill => model.filled = !model.filled && matches!(model.screen, Screen::Migration(_)),
        Intent::Sort => model.list.sort = model.list.sort.next(),
        Intent::Reverse => model.list.reversed = !model.list.reversed,
        Intent::Wide => model.list.wide = !model.list.wide,
        Intent::AllNamespaces => return all_namespaces(model),
        Intent::FilterBegin => model.over = (model.screen == Screen::Overview).then_some(Over::Filter),
        Intent::Type(c) => drop(typed(model).map(|line| line.push(c))),
        Intent::Erase => drop(typed(model).and_then(String::pop)),
        Intent::Typed => return drain::stop(model),
        Intent::Freeze => time::freeze(model),
        Intent::Step(turn) => time::step(model, turn),
        Intent::Jump(turn) => time::jump(model, turn),
        Intent::Newest => time::newest(model),
        Intent::Speed(turn) => time::speed(model, turn),
        Intent::Record => return act::record(model),
        Intent::AskCancel => act::ask(model),
        Intent::Confirm if model.over == Some(Over::Leave) => return leave(model),
        Intent::Confirm => return act::confirm(model),
        Intent::Pause => return drain::pause(model),
        Intent::AskStop => drain::ask_stop(model),
        Intent::Show(text) => {
            model.over = model.chosen().map(|id| Over::Text(text, id));
            model.scroll = 0;
        }
        Intent::Help => model.over = Some(Over::Help),
        Intent::Copy => return act::copy(model),
        Intent::Suspend => return vec![Effect::Suspend],
        Intent::Redraw => return vec![Effect::Redraw],
        Intent::Quit if drain::is_asked(model) => model.over = Some(Over::Leave),
        Intent::Quit | Intent::Leave => return leave(model),
    }
    Vec::new()
}

/// The line that is being typed.
fn typed(model: &mut Model) -> Option<&mut String> {
    match &mut model.over {
        Some(Over::Stop(name)) => Some(name),
        Some(Over::Filter) => Some(&mut model.list.filter),
        Some(Over::Help | Over::Cancel(_) | Over::Refusal(_) | Over::Text(..) | Over::Leave) | None => None,
    }
}

fn leave(model: &mut Model) -> Vec<Effect> {
    model.left = true;
    vec![Effect::Leave]
}

/// A migration that is named alone is opened as soon as it is seen.
fn see(model: &mut Model, change: super::event::Change) {
    let kind = change.kind;
    model.history.take(change);
    if kind == Kind::Drain && model.setting.wanted.is_empty() {
        drain::seen(model);
    }
    if kind == Kind::Mark {
        let newest = model
            .history
            .moment(model.history.newest())
            .map(|moment| moment.id.clone());
        let mark =
            newest.and_then(
                |id| match model.history.object(Kind::Mark, &id, model.history.newest())? {
                    (super::model::object::Object::Mark(text), false) => Some(text.clone()),
                    (_, _) => None,
                },
            );
        if let Some(text) = mark.filter(|_| model.setting.file.is_none()) {
            say(model, text);
        }
    }
}

fn say(model: &mut Model, text: String) {
    let at = model.now.unwrap_or_default();
    model.said = Some((crate::say::printable(&text), at));
}

fn open(model: &mut Model) -> Vec<Effect> {
    if matches!(model.screen, Screen::Migration(_)) {
        return Vec::new();
    }
    let Some(id) = model.chosen() else {
        if model.screen == Screen::Drain {
            say(model, "it has no move that could be opened".to_owned());
        }
        return Vec::new();
    };
    show(model, id)
}

/// Shows one migration, and has its Events looked at.
fn show(model: &mut Model, id: String) -> Vec<Effect> {
    model.list.selected = Some(id.clone());
    model.screen = Screen::Migration(id.clone());
    (model.panel, model.filled, model.scroll) = (Panel::Events, false, 0);
    vec![Effect::Open(Some(id))]
}

fn back(model: &mut Model) -> Vec<Effect> {
    if let Some(over) = model.over.take() {
        model.scroll = 0;
        if over == Over::Filter {
            model.list.filter.clear();
        }
        return Vec::new();
    }
    if std::mem::take(&mut model.filled) {
        return Vec::new();
    }
    let home = model.home();
    match std::mem::replace(&mut model.screen, home) {
        Screen::Drain => Vec::new(),
        Screen::Overview => {
            model.list.filter.clear();
            Vec::new()
        }
        Screen::Migration(_) => {
            model.scroll = 0;
            vec![Effect::Open(None)]
        }
    }
}

fn all_namespaces(model: &mut Model) -> Vec<Effect> {
    if model.setting.file.is_some() || !model.setting.wanted.is_empty() || model.is_drain() {
        return Vec::new();
    }
    let scope = if model.list_is_of_all() {
        Scope::Own
    } else {
        Scope::All
    };
    model.list.everywhere = scope == Scope::All;
    vec![Effect::Namespace(scope)]
}

/// Opens the only migration there is to look at, once it is known.
pub(super) fn open_the_only_one(model: &mut Model) -> Vec<Effect> {
    let is_asked = !model.setting.wanted.is_empty() || model.setting.file.is_some();
    if !is_asked || model.opened || model.screen != Screen::Overview {
        return Vec::new();
    }
    let newest = model.history.newest();
    let ids: Vec<String> = model
        .all_entries(newest)
        .map(|entry| entry.id.to_owned())
        .take(2)
        .collect();
    let Ok([id]) = <[String; 1]>::try_from(ids) else {
        return Vec::new();
    };
    model.opened = true;
    show(model, id)
}
