//! What intents make of the model.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use jiff::SignedDuration;
use kubectl_shadow::ending::Ending;
use kubectl_shadow::view::effect::{Effect, Scope};
use kubectl_shadow::view::event::{Change, Event, Kind, What};
use kubectl_shadow::view::model::state::State;
use kubectl_shadow::view::model::{Over, Pace, Panel, Screen, Sight, Unseen};
use serde_json::json;
use shadow_core::api::Step;

use crate::fixture::Shown;

const MOVED: &str = "shop/orders-0-x7k2p";

fn held() -> Shown {
    Shown::live("move", 1.75).open("orders-0")
}

fn step(shown: &Shown) -> Step {
    let entry = shown.model.entry(MOVED).unwrap();
    entry
        .migration
        .status
        .as_ref()
        .unwrap()
        .steps
        .last()
        .unwrap()
        .step
}

fn cancelled(shown: &Shown) -> bool {
    shown
        .effects
        .iter()
        .any(|effect| matches!(effect, Effect::Cancel(_)))
}

#[test]
fn no_single_key_acts_on_the_cluster() {
    for key in
        (' '..='~')
            .map(KeyCode::Char)
            .chain([KeyCode::Enter, KeyCode::Esc, KeyCode::Tab, KeyCode::Delete])
    {
        for control in [KeyModifiers::NONE, KeyModifiers::CONTROL] {
            let mut shown = held();
            shown.take(Event::Key(KeyEvent::new(key, control)));
            assert!(!cancelled(&shown), "{key:?}");
        }
    }
}

#[test]
fn only_y_after_the_question_undoes_a_move() {
    for (keys, expected) in [
        ("C", false),
        ("Cy", true),
        ("Cn", false),
        ("C y", false),
        ("yC", false),
        ("CY", false),
    ] {
        assert_eq!(cancelled(&held().typed(keys)), expected, "{keys}");
    }
    assert!(
        !cancelled(&held().typed("C").pressed(&[KeyCode::Enter]).typed("y")),
        "Enter means No"
    );
}

#[test]
fn a_move_that_cannot_be_undone_says_why() {
    let refusal = |shown: Shown| match &shown.typed("Cy").model.over {
        Some(Over::Refusal(lines)) => lines.join(" "),
        Some(Over::Help | Over::Cancel(_) | Over::Filter | Over::Text(..) | Over::Stop(_) | Over::Leave)
        | None => String::new(),
    };
    let asked = |shown: Shown| match shown.typed("C").model.over {
        Some(Over::Refusal(lines)) => lines.join(" "),
        Some(Over::Help | Over::Cancel(_) | Over::Filter | Over::Text(..) | Over::Stop(_) | Over::Leave)
        | None => String::new(),
    };
    assert_eq!(refusal(held()), "");
    let mut read_only = held();
    read_only.model.setting.read_only = true;
    let cases = [
        (Shown::live("move", 4.0).open("orders-0"), "too late"),
        (Shown::live("move", 5.5).open("orders-0"), "has ended"),
        (Shown::played("move", 1.0), "recording"),
        (Shown::live("all-states", 6.0).open("bills-0"), "being undone"),
        (read_only, "kubectl shadow cancel orders-0-x7k2p -n shop"),
    ];
    for (shown, word) in cases {
        let said = asked(shown);
        assert!(said.contains(word), "{word}: {said}");
    }
}

/// The question may stand for a while.
#[test]
fn a_move_that_commits_while_it_is_asked_is_not_cancelled() {
    let mut shown = held().typed("C");
    let now = shown.time(1.75);
    let later = crate::fixture::recording("move")
        .changes
        .into_iter()
        .filter(|change| change.at > now);
    later.map(Event::Change).for_each(|event| shown.take(event));
    shown.key('y');
    assert!(!cancelled(&shown));
    assert!(matches!(shown.model.over, Some(Over::Refusal(_))));
}

#[test]
fn time_can_be_stopped_and_stepped_through() {
    let mut shown = held();
    assert_eq!(
        (step(&shown), shown.model.head.pace),
        (Step::Restore, Pace::Newest)
    );
    shown.key(' ');
    let at = shown.model.head.at;
    shown.take(Event::Tick(shown.time(9.0)));
    assert_eq!((shown.model.head.pace, shown.model.head.at), (Pace::Frozen, at));
    shown.key('[');
    assert_eq!(step(&shown), Step::Transfer);
    shown.key('[');
    assert_eq!(step(&shown), Step::Checkpoint);
    shown.key(']');
    assert_eq!(step(&shown), Step::Transfer);
    assert!(matches!(shown.model.sight(), Sight::Frozen(waiting) if waiting > 0));
    shown.key('g');
    assert_eq!(
        (step(&shown), shown.model.head.pace),
        (Step::Restore, Pace::Newest)
    );
}

#[test]
fn one_change_back_and_forward_again_is_the_same_moment() {
    let mut shown = held().typed(" ");
    let count = shown.model.head.count;
    shown = shown.typed(",,,..");
    let near = shown.model.head.count;
    assert!(near < count);
    shown = shown.typed(".");
    assert!(shown.model.head.count > near);
    for _ in 0..200 {
        shown.key(',');
    }
    assert_eq!(
        shown.model.head.count,
        shown.model.history.oldest(),
        "it stops at the oldest"
    );
}

#[test]
fn a_change_back_shows_the_bytes_of_that_time() {
    let told = |shown: &Shown| {
        let entry = shown.model.entry("shop/carts-2-x7k2p").unwrap();
        let (archive, speed) = shown.model.archive(&entry).unwrap();
        (archive.bytes, speed)
    };
    let newest = (322_000_000, Some(210e6));
    let mut shown = Shown::live("large", 5.0).open("carts-2");
    assert_eq!(told(&shown), newest);
    shown = shown.typed(" ,");
    assert_eq!(told(&shown), (112_000_000, None));
    shown = shown.typed(".");
    assert_eq!(told(&shown), newest);
    shown = shown.typed(",g");
    assert_eq!(told(&shown), newest);
}

#[test]
fn a_source_stands_still_as_long_as_the_controller_or_the_status_says() {
    let since = |name: &str, pod: &str, seconds: f64| {
        let shown = Shown::live(name, seconds);
        let entry = shown.model.entry(&format!("shop/{pod}-x7k2p")).unwrap();
        shown
            .model
            .frozen_since(&entry)
            .map(|since| since.duration_since(shown.time(0.0)))
    };
    let begun = Some(SignedDuration::from_millis(1_550));
    assert_eq!(since("large", "carts-2", 1.4), None);
    assert_eq!(since("large", "carts-2", 2.2), begun);
    assert_eq!(since("large", "carts-2", 3.0), None, "it goes on after its dump");
    assert_eq!(since("standing", "carts-3", 5.0), begun, "its status says so");
}

#[test]
fn what_comes_while_it_is_frozen_waits() {
    let mut shown = held().typed(" ");
    let change = Change {
        at: shown.time(1.8),
        kind: Kind::Migration,
        id: "shop/another".to_owned(),
        what: What::Set(
            json!({"apiVersion": "migration.ms2m.io/v1alpha1", "kind": "StatefulMigration",
            "metadata": {"name": "another", "namespace": "shop"}, "spec": {"sourcePod": "another-0"}}),
        ),
    };
    shown.take(Event::Change(change));
    assert_eq!(shown.model.sight(), Sight::Frozen(1));
    assert_eq!(shown.model.entries().len(), 1);
    shown.key(' ');
    shown.take(Event::Tick(shown.time(2.0)));
    assert_eq!(shown.model.entries().len(), 2);
}

#[test]
fn a_recording_is_played_at_its_speed_to_its_end_and_again() {
    let mut shown = Shown::played("move", 0.0);
    shown.key(' ');
    assert_eq!(shown.model.head.pace, Pace::Playing(1.0));
    let begin = shown.time(0.0);
    shown.take(Event::Tick(begin));
    shown.take(Event::Tick(shown.time(1.0)));
    assert_eq!(shown.model.head.at, Some(shown.time(1.0)));
    shown = shown.typed("<<");
    assert_eq!(shown.model.head.pace, Pace::Playing(0.25));
    shown.take(Event::Tick(shown.time(3.0)));
    assert_eq!(shown.model.head.at, Some(shown.time(1.5)));
    shown = shown.typed(">>>>>>>>>");
    assert_eq!(shown.model.head.pace, Pace::Playing(16.0));
    shown.take(Event::Tick(shown.time(4.0)));
    assert_eq!(
        (shown.model.head.pace, shown.model.sight()),
        (Pace::Ended, Sight::Ended)
    );
    assert_eq!(shown.model.entry(MOVED).unwrap().state, State::Exact);
    shown.key(' ');
    shown.take(Event::Tick(shown.time(4.1)));
    assert_eq!(shown.model.head.at, Some(begin));
}

#[test]
fn what_is_shown_again_slowly_catches_up_with_life() {
    let mut shown = held().typed(" [[[>");
    assert_eq!(shown.model.head.pace, Pace::Playing(2.0));
    shown.take(Event::Tick(shown.time(10.0)));
    assert_eq!(shown.model.head.pace, Pace::Newest);
}

#[test]
fn the_cursor_stays_on_its_migration_when_the_order_changes() {
    let shown = Shown::live("all-states", 6.0).select("mail-0");
    let chosen = shown.model.chosen();
    for keys in ["s", "ss", "S", "sssS"] {
        let shown = Shown::live("all-states", 6.0).select("mail-0").typed(keys);
        assert_eq!(shown.model.chosen(), chosen, "{keys}");
    }
}

#[test]
fn the_list_is_ordered_by_what_needs_a_person() {
    let shown = Shown::live("all-states", 6.0);
    let states: Vec<State> = shown.model.entries().iter().map(|entry| entry.state).collect();
    assert!(states.is_sorted(), "{states:?}");
    assert_eq!(states.first(), Some(&State::Stuck));
    // A plan without a move is shown only where it was named.
    let listed = State::ALL.iter().filter(|state| **state != State::Planned);
    assert!(
        listed.into_iter().all(|state| states.contains(state)),
        "{states:?}"
    );
}

#[test]
fn a_filter_holds_words_of_pod_node_and_state() {
    let count = |keys: &str| Shown::live("all-states", 6.0).typed(keys).model.entries().len();
    let all = count("");
    for (keys, expected) in [
        ("/orders", 3),
        ("/orders node-b", 3),
        ("/state:held", 2),
        ("/ORDERS state:exact", 1),
        ("/zzz", 0),
    ] {
        assert_eq!(count(keys), expected, "{keys}");
    }
    let dropped = Shown::live("all-states", 6.0)
        .typed("/zzz")
        .pressed(&[KeyCode::Esc]);
    assert_eq!(dropped.model.entries().len(), all);
    let kept = Shown::live("all-states", 6.0)
        .typed("/orders")
        .pressed(&[KeyCode::Enter])
        .typed("q");
    assert!(kept.model.left, "after Enter keys are keys again");
}

#[test]
fn opening_one_asks_for_its_events_and_leaving_it_ends_that() {
    let mut shown = Shown::live("move", 1.0).open("orders-0");
    assert_eq!(shown.effects, [Effect::Open(Some(MOVED.to_owned()))]);
    shown.press(KeyCode::Esc);
    assert_eq!(shown.model.screen, Screen::Overview);
    assert_eq!(shown.effects.last(), Some(&Effect::Open(None)));
}

#[test]
fn the_only_migration_that_is_named_is_opened_by_itself_once() {
    let mut shown = Shown::live("move", 0.0);
    shown.model.setting.wanted = vec!["orders-0-x7k2p".to_owned()];
    shown.take(Event::Tick(shown.time(0.5)));
    assert_eq!(shown.model.screen, Screen::Migration(MOVED.to_owned()));
    shown.press(KeyCode::Esc);
    shown.take(Event::Tick(shown.time(0.6)));
    assert_eq!(shown.model.screen, Screen::Overview);
}

#[test]
fn tab_goes_round_and_escape_goes_back_one_by_one() {
    let mut shown = held().pressed(&[KeyCode::Tab]);
    assert_eq!(shown.model.panel, Panel::Steps);
    shown = shown.pressed(&[KeyCode::BackTab, KeyCode::BackTab]).typed("e?");
    assert_eq!((shown.model.panel, shown.model.filled), (Panel::Proof, true));
    shown.press(KeyCode::Esc);
    assert_eq!((shown.model.over.clone(), shown.model.filled), (None, true));
    shown.press(KeyCode::Esc);
    assert!(!shown.model.filled && shown.model.screen != Screen::Overview);
}

#[test]
fn clocks_stop_while_nothing_is_seen_and_go_on_by_themselves() {
    let mut shown = Shown::live("not-seen", 2.0).open("orders-0");
    shown.model.answered = Some(shown.time(1.7));
    shown.take(Event::Tick(shown.time(14.0)));
    assert!(
        matches!(shown.model.unseen(), Some(Unseen::Server(seconds, _)) if (12.0..13.0).contains(&seconds))
    );
    assert_eq!(shown.model.clock(), shown.time(1.7));
    shown.take(Event::Change(Change {
        at: shown.time(15.0),
        kind: Kind::Link,
        id: "api".to_owned(),
        what: What::Set(json!({"state": "seen"})),
    }));
    shown.take(Event::Tick(shown.time(15.1)));
    assert_eq!(
        (shown.model.unseen(), shown.model.clock()),
        (None, shown.time(15.1))
    );
}

#[test]
fn a_controller_that_stops_writing_is_told_apart_from_a_silent_server() {
    let mut shown = held();
    assert_eq!(shown.model.unseen(), None);
    shown.take(Event::Tick(shown.time(9.0)));
    assert!(matches!(shown.model.unseen(), Some(Unseen::Controller(_))));
}

#[test]
fn the_exit_code_is_that_of_the_move() {
    let live = |name: &str, at: f64| Shown::live(name, at).model.ending();
    assert_eq!(live("move", 5.5), Ending::Done);
    assert_eq!(live("move", 1.75), Ending::Interrupted);
    assert_eq!(live("undone", 9.0), Ending::Failed);
    assert_eq!(live("all-states", 9.0), Ending::Interrupted);
    let mut cancelled = Shown::live("all-states", 9.0);
    cancelled.model.setting.wanted = vec!["docs-1".to_owned()];
    assert_eq!(cancelled.model.ending(), Ending::Cancelled);
    assert_eq!(Ending::Cancelled.code(), 3);
    assert_eq!(Shown::played("move", 0.0).model.ending(), Ending::Done);
    assert_eq!(Shown::played("not-seen", 0.0).model.ending(), Ending::Unknown);
}

#[test]
fn with_exit_the_view_leaves_at_the_end_and_not_before() {
    let mut shown = Shown::live("move", 1.75);
    shown.model.setting.exit = true;
    shown.take(Event::Tick(shown.time(1.8)));
    assert!(!shown.model.left);
    let mut shown = Shown::live("move", 5.5);
    shown.model.setting.exit = true;
    shown.take(Event::Tick(shown.time(5.6)));
    assert_eq!(shown.effects, [Effect::Leave]);
}

#[test]
fn other_keys_have_their_effects() {
    let control = |key: char| {
        let mut shown = held();
        shown.take(Event::Key(KeyEvent::new(
            KeyCode::Char(key),
            KeyModifiers::CONTROL,
        )));
        shown.effects.pop()
    };
    assert_eq!(control('c'), Some(Effect::Leave));
    assert_eq!(control('z'), Some(Effect::Suspend));
    assert_eq!(control('l'), Some(Effect::Redraw));
    assert_eq!(held().typed("r").effects.last(), Some(&Effect::Record(true)));
    assert_eq!(
        held().typed("a").effects.last(),
        Some(&Effect::Namespace(Scope::All))
    );
    let copied = Effect::Copy("kubectl shadow status orders-0-x7k2p -n shop".to_owned());
    assert_eq!(held().typed("y").effects.last(), Some(&copied));
}
