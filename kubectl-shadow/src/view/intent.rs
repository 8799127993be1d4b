//! What is meant by what comes in. A key means something else in a dialog, and nothing acts on the cluster by one key alone.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use jiff::Timestamp;

use super::event::{Change, Event};
use super::model::{Model, Over, Text};

/// What is meant.
#[derive(Clone, Debug, PartialEq)]
pub enum Intent {
    /// The cursor goes so far; rows.
    Move(isize),
    /// To the first row, or the last.
    Edge(Edge),
    /// Shows one migration.
    Open,
    /// Closes what lies on top, or goes back.
    Back,
    /// The next panel, or the one before.
    Panel(Turn),
    /// The panel fills the screen, or no longer.
    Fill,
    /// Another order of the list.
    Sort,
    /// The other way round.
    Reverse,
    /// More columns.
    Wide,
    /// All namespaces, or this one.
    AllNamespaces,
    /// The filter is going to be typed.
    FilterBegin,
    /// A character of a line that is being typed.
    Type(char),
    /// The last character goes.
    Erase,
    /// The line is as it is meant.
    Typed,
    /// Time stands, or goes on.
    Freeze,
    /// One change forward or back.
    Step(Turn),
    /// One step of the move forward or back.
    Jump(Turn),
    /// To the newest change.
    Newest,
    /// Faster or slower.
    Speed(Turn),
    /// Begins a recording, or ends it.
    Record,
    /// Asks whether the move is to be undone.
    AskCancel,
    /// Yes, it is.
    Confirm,
    /// No new moves of a drain, or new ones again.
    Pause,
    /// Asks whether the drain is to be stopped.
    AskStop,
    /// Shows a text.
    Show(Text),
    /// Shows the keys.
    Help,
    /// Copies the command that shows this.
    Copy,
    /// Leaves; a drain that is not over is asked for first.
    Quit,
    /// Leaves at once, as a signal wants it.
    Leave,
    /// Stops the program, as Ctrl-Z does.
    Suspend,
    /// Draws everything anew.
    Redraw,
    /// So late it is.
    Time(Timestamp),
    /// The terminal has this size.
    Size(u16, u16),
    /// Something changed.
    See(Change),
    /// The API server answered.
    Answered(Timestamp),
    /// Nothing more comes.
    Whole,
    /// An effect says something.
    Say(String),
}

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Towards the end, or faster.
    Forward,
    /// Towards the beginning, or slower.
    Back,
}

/// Which end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// The first.
    First,
    /// The last.
    Last,
}

/// What an event means; none for a key without a meaning.
pub fn of(event: Event, model: &Model) -> Option<Intent> {
    match event {
        Event::Key(key) if key.kind == KeyEventKind::Release => None,
        Event::Key(key) => of_key(key, model),
        Event::Resize(width, height) => Some(Intent::Size(width, height)),
        Event::Tick(now) => Some(Intent::Time(now)),
        Event::Change(change) => Some(Intent::See(change)),
        Event::Link(at) => Some(Intent::Answered(at)),
        Event::Done => Some(Intent::Whole),
        Event::Said(text) => Some(Intent::Say(text)),
    }
}

fn of_key(key: KeyEvent, model: &Model) -> Option<Intent> {
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return with_control(key.code);
    }
    match &model.over {
        Some(Over::Filter | Over::Stop(_)) => in_line(key.code),
        Some(Over::Cancel(_) | Over::Leave) => Some(in_question(key.code)),
        Some(Over::Help | Over::Refusal(_)) => Some(Intent::Back),
        Some(Over::Text(..)) => in_text(key.code),
        None => anywhere(key.code).or_else(|| moving(key.code)),
    }
}

#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "keys without a meaning are the rule"
)]
fn with_control(code: KeyCode) -> Option<Intent> {
    match code {
        KeyCode::Char('c') => Some(Intent::Quit),
        KeyCode::Char('z') => Some(Intent::Suspend),
        KeyCode::Char('l') => Some(Intent::Redraw),
        _ => None,
    }
}

/// The default is No: every key but `y` means it.
#[allow(clippy::wildcard_enum_match_arm, reason = "every other key means No")]
fn in_question(code: KeyCode) -> Intent {
    match code {
        KeyCode::Char('y') => Intent::Confirm,
        _ => Intent::Back,
    }
}

#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "keys without a meaning are the rule"
)]
fn in_line(code: KeyCode) -> Option<Intent> {
    match code {
        KeyCode::Char(c) => Some(Intent::Type(c)),
        KeyCode::Backspace => Some(Intent::Erase),
        KeyCode::Enter => Some(Intent::Typed),
        KeyCode::Esc => Some(Intent::Back),
        _ => None,
    }
}

#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "keys without a meaning are the rule"
)]
fn in_text(code: KeyCode) -> Option<Intent> {
    match code {
        KeyCode::Esc | KeyCode::Enter | KeyCode::Char('q') => Some(Intent::Back),
        _ => moving(code),
    }
}

#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "keys without a meaning are the rule"
)]
fn moving(code: KeyCode) -> Option<Intent> {
    Some(match code {
        KeyCode::Up | KeyCode::Char('k') => Intent::Move(-1),
        KeyCode::Down | KeyCode::Char('j') => Intent::Move(1),
        KeyCode::PageUp => Intent::Move(-10),
        KeyCode::PageDown => Intent::Move(10),
        KeyCode::Home => Intent::Edge(Edge::First),
        KeyCode::End => Intent::Edge(Edge::Last),
        _ => return None,
    })
}

#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "keys without a meaning are the rule"
)]
fn anywhere(code: KeyCode) -> Option<Intent> {
    Some(match code {
        KeyCode::Enter => Intent::Open,
        KeyCode::Esc => Intent::Back,
        KeyCode::Tab => Intent::Panel(Turn::Forward),
        KeyCode::BackTab => Intent::Panel(Turn::Back),
        KeyCode::Char('e') => Intent::Fill,
        KeyCode::Char('s') => Intent::Sort,
        KeyCode::Char('S') => Intent::Reverse,
        KeyCode::Char('w') => Intent::Wide,
        KeyCode::Char('a') => Intent::AllNamespaces,
        KeyCode::Char('/') => Intent::FilterBegin,
        KeyCode::Char(' ') => Intent::Freeze,
        KeyCode::Char(',') => Intent::Step(Turn::Back),
        KeyCode::Char('.') => Intent::Step(Turn::Forward),
        KeyCode::Char('[') => Intent::Jump(Turn::Back),
        KeyCode::Char(']') => Intent::Jump(Turn::Forward),
        KeyCode::Char('<') => Intent::Speed(Turn::Back),
        KeyCode::Char('>') => Intent::Speed(Turn::Forward),
        KeyCode::Char('g') => Intent::Newest,
        KeyCode::Char('r') => Intent::Record,
        KeyCode::Char('C') => Intent::AskCancel,
        KeyCode::Char('p') => Intent::Pause,
        KeyCode::Char('X') => Intent::AskStop,
        KeyCode::Char('Y') => Intent::Show(Text::Yaml),
        KeyCode::Char('v') => Intent::Show(Text::Verdict),
        KeyCode::Char('i') => Intent::Show(Text::Explanation),
        KeyCode::Char('L') => Intent::Show(Text::Notes),
        KeyCode::Char('y') => Intent::Copy,
        KeyCode::Char('?') => Intent::Help,
        KeyCode::Char('q') => Intent::Quit,
        _ => return None,
    })
}
