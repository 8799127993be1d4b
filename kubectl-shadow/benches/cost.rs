//! What a frame costs: 200 migrations on a screen of 300x100, with a change before each frame. Run it by itself, on a machine with
//! nothing else to do: `cargo bench -p kubectl-shadow`. It fails where the 99th percentile is above the limit.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a benchmark that cannot begin ends"
)]

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use jiff::{SignedDuration, Timestamp};
use kubectl_shadow::drain::{Row, Standing, State, What as Fate};
use kubectl_shadow::view::after;
use kubectl_shadow::view::draw::draw;
use kubectl_shadow::view::draw::theme::Theme;
use kubectl_shadow::view::event::{Change, Event, Kind, What};
use kubectl_shadow::view::model::{Head, Model, Setting};
use kubectl_shadow::view::recording::read;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use rustix::time::{ClockId, clock_gettime};

const SIZE: (u16, u16) = (300, 100);
const MIGRATIONS: usize = 200;
const FRAMES: usize = 500;
const LIMIT: Duration = Duration::from_millis(4);

/// The invented migrations in all states, each under so many names that there are 200; in the order of time.
fn changes() -> Vec<Change> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings/invented-all-states.ndjson");
    let recorded = read::file(&file).unwrap().changes;
    let ids: std::collections::BTreeSet<&str> = recorded
        .iter()
        .filter(|one| one.kind == Kind::Migration)
        .map(|one| one.id.as_str())
        .collect();
    let copies = MIGRATIONS.div_ceil(ids.len());
    let named = |change: &Change, copy: usize| Change {
        id: match change.kind {
            Kind::Link | Kind::Mark => change.id.clone(),
            Kind::Migration | Kind::Progress | Kind::Pod | Kind::Event | Kind::Node | Kind::Drain => {
                format!("{}-{copy}", change.id)
            }
        },
        ..change.clone()
    };
    recorded
        .iter()
        .flat_map(|change| (0..copies).map(move |copy| named(change, copy)))
        .collect()
}

fn taken(model: Model, event: Event) -> Model {
    after(model, event).0
}

/// A drain with as many pods.
fn drained(model: Model, at: Timestamp) -> Model {
    let ids: Vec<String> = model.entries().iter().map(|entry| entry.id.to_owned()).collect();
    let told = |id: &str, object: serde_json::Value| {
        let (kind, id, what) = (Kind::Drain, id.to_owned(), What::Set(object));
        Event::Change(Change { at, kind, id, what })
    };
    let standing = Standing {
        node: "node-a".to_owned(),
        ..Standing::default()
    };
    let model = taken(model, told(Standing::ID, serde_json::to_value(standing).unwrap()));
    ids.iter().fold(model, |model, id| {
        let (namespace, name) = id.split_once('/').unwrap();
        let row = Row {
            what: Fate::Move,
            namespace: namespace.to_owned(),
            pod: name.to_owned(),
            uid: format!("uid-{name}"),
            to: Some("node-b".to_owned()),
            state: State::Move(kubectl_shadow::view::model::state::State::Moving),
            why: "in step Hold, for 0.4 s".to_owned(),
            migration: Some(name.to_owned()),
            expected: Some(5300),
            ending: None,
        };
        taken(model, told(&row.uid.clone(), serde_json::to_value(row).unwrap()))
    })
}

/// Time that this thread has had. A clock on the wall also counts what other programs take from it.
fn spent() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap(),
        u32::try_from(time.tv_nsec).unwrap(),
    )
}

/// The 99th percentile of taking a change, a tick and drawing a frame; tells that and more.
fn cost(name: &str, mut model: Model, next: &[Change]) -> Duration {
    let theme = Theme {
        colour: true,
        light: false,
        ascii: false,
    };
    let mut terminal = Terminal::new(TestBackend::new(SIZE.0, SIZE.1)).unwrap();
    let mut at = model.now.unwrap();
    let (mut whole, mut taking, mut wall) = (Vec::new(), Vec::new(), Vec::new());
    for change in next.iter().cycle().take(FRAMES) {
        at += SignedDuration::from_millis(100);
        let event = Event::Change(Change { at, ..change.clone() });
        let (begun, clock) = (spent(), Instant::now());
        model = taken(taken(model, event), Event::Tick(at));
        taking.push(spent() - begun);
        terminal.draw(|frame| draw(&model, &theme, frame)).unwrap();
        whole.push(spent() - begun);
        wall.push(clock.elapsed());
    }
    let [whole, taking, wall] = [whole, taking, wall].map(|mut times: Vec<Duration>| {
        times.sort();
        [times.len() / 2, times.len() * 99 / 100, times.len() - 1].map(|at| times[at])
    });
    println!(
        "{name:<20} median {:>9.2?}  p99 {:>9.2?}  most {:>9.2?}",
        whole[0], whole[1], whole[2]
    );
    println!(
        "{:<20} taking the change: median {:.2?}, p99 {:.2?}; by the clock on the wall: p99 {:.2?}",
        "", taking[0], taking[1], wall[1]
    );
    whole[1]
}

fn main() -> ExitCode {
    // Only `cargo bench` says so. Runners of tests ask each target for its tests: it has none.
    if !std::env::args().any(|argument| argument == "--bench") {
        return ExitCode::SUCCESS;
    }
    let all = changes();
    let end = all.last().unwrap().at;
    let fresh = || {
        let setting = Setting {
            place: "prod".to_owned(),
            ..Setting::default()
        };
        let model = taken(Model::new(setting, Head::newest()), Event::Resize(SIZE.0, SIZE.1));
        let model = all.iter().cloned().map(Event::Change).fold(model, taken);
        taken(taken(model, Event::Link(end)), Event::Tick(end))
    };
    assert!(
        fresh().entries().len() >= MIGRATIONS,
        "{}",
        fresh().entries().len()
    );
    let is_move = |one: &&Change| one.kind == Kind::Migration && one.what != What::Deleted;
    let next: Vec<Change> = all
        .iter()
        .rev()
        .filter(is_move)
        .take(MIGRATIONS)
        .cloned()
        .collect();
    let key = |code| Event::Key(KeyEvent::new(code, KeyModifiers::NONE));
    let opened = taken(fresh(), key(KeyCode::Enter));
    let by_pause = "ssss"
        .chars()
        .fold(fresh(), |model, c| taken(model, key(KeyCode::Char(c))));
    let costs = [
        cost("overview", fresh(), &next),
        cost("overview, by pause", by_pause, &next),
        cost("one migration", opened, &next),
        cost("drain", drained(fresh(), end), &next),
    ];
    if costs.iter().any(|cost| *cost >= LIMIT) {
        println!("above the limit of {LIMIT:?}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
