//! A drain in the view: its keys, its rows, and a recording of it.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use kubectl_shadow::drain::{Order, Row, Stage, State, table};
use kubectl_shadow::ending::Ending;
use kubectl_shadow::view::effect::Effect;
use kubectl_shadow::view::event::Event;
use kubectl_shadow::view::model::state::State as Move;
use kubectl_shadow::view::model::{Over, Screen};

use crate::fixture::{Shown, recording};

fn running() -> Shown {
    Shown::live("drain", 6.0)
}

fn orders(shown: &Shown) -> Vec<Order> {
    let order = |effect: &Effect| match effect {
        Effect::Drain(order) => Some(*order),
        Effect::Cancel(_)
        | Effect::Copy(_)
        | Effect::Open(_)
        | Effect::Namespace(_)
        | Effect::Record(_)
        | Effect::Suspend
        | Effect::Redraw
        | Effect::Leave => None,
    };
    shown.effects.iter().filter_map(order).collect()
}

#[test]
fn a_drain_that_is_seen_is_what_is_shown() {
    assert_eq!(running().model.screen, Screen::Drain);
    assert_eq!(Shown::played("drain", 6.0).model.screen, Screen::Drain);
    assert_eq!(Shown::live("all-states", 6.0).model.screen, Screen::Overview);
    assert_eq!(Shown::draining().model.screen, Screen::Drain);
}

#[test]
fn enter_opens_the_move_of_a_pod_and_escape_leads_back_to_the_drain() {
    let mut shown = running().select_pod("orders-0").pressed(&[KeyCode::Enter]);
    assert_eq!(
        shown.model.screen,
        Screen::Migration("shop/orders-0-x7k2p".to_owned())
    );
    shown.press(KeyCode::Esc);
    assert_eq!(shown.model.screen, Screen::Drain);
    shown.press(KeyCode::Esc);
    assert_eq!(shown.model.screen, Screen::Drain);
    let none = running().select_pod("cache-0").pressed(&[KeyCode::Enter]);
    assert_eq!(none.model.screen, Screen::Drain);
    assert!(none.model.said.is_some());
}

#[test]
fn the_cursor_goes_through_all_pods_and_stays_on_its_pod() {
    let all = running().model.pods().len();
    let mut shown = running();
    (0..all + 3).for_each(|_| shown.key('j'));
    let last = |shown: &Shown| {
        let pods = shown.model.pods();
        shown.model.chosen_pod(&pods).unwrap().0
    };
    assert_eq!(last(&shown), all - 1);
    shown.key('k');
    assert_eq!(last(&shown), all - 2);
    shown.press(KeyCode::Home);
    assert_eq!(last(&shown), 0);
}

#[test]
fn p_is_no_new_moves_and_another_p_goes_on() {
    assert_eq!(orders(&running().typed("p")), [Order::Pause]);
    assert_eq!(orders(&Shown::live("drain", 7.5).typed("p")), [Order::GoOn]);
    for (shown, word) in [
        (Shown::live("drain", 8.3), "being stopped"),
        (Shown::live("drain", 9.2), "is over"),
        (Shown::played("drain", 6.0), "recording"),
    ] {
        let shown = shown.typed("p");
        assert_eq!(orders(&shown), []);
        assert!(format!("{:?}", shown.model.over).contains(word), "{word}");
    }
    let no_drain = Shown::live("all-states", 6.0).typed("pX");
    assert_eq!((orders(&no_drain), no_drain.model.over), (vec![], None));
}

#[test]
fn to_stop_takes_the_whole_name_of_the_node() {
    for (typed, stops) in [
        ("Xnode-a", true),
        ("Xnode-a ", true),
        ("X", false),
        ("Xy", false),
        ("Xnode-", false),
        ("Xnode-ab", false),
        ("XNODE-A", false),
    ] {
        let shown = running().typed(typed).pressed(&[KeyCode::Enter]);
        let expected = if stops { vec![Order::Stop] } else { Vec::new() };
        assert_eq!(orders(&shown), expected, "{typed}");
        assert_eq!(shown.model.over.is_none(), stops, "{typed}");
    }
    let mended = running()
        .typed("Xnode-b")
        .pressed(&[KeyCode::Backspace])
        .typed("a")
        .pressed(&[KeyCode::Enter]);
    assert_eq!(orders(&mended), [Order::Stop]);
    let escaped = running()
        .typed("Xnode-a")
        .pressed(&[KeyCode::Esc, KeyCode::Enter]);
    assert_eq!(orders(&escaped), []);
}

#[test]
fn no_single_key_stops_or_leaves_a_drain_that_goes_on() {
    let keys =
        (' '..='~')
            .map(KeyCode::Char)
            .chain([KeyCode::Enter, KeyCode::Esc, KeyCode::Tab, KeyCode::Delete]);
    for key in keys {
        for control in [KeyModifiers::NONE, KeyModifiers::CONTROL] {
            let mut shown = running();
            shown.take(Event::Key(KeyEvent::new(key, control)));
            assert!(
                !orders(&shown).contains(&Order::Stop) && !shown.model.left,
                "{key:?}"
            );
        }
    }
}

#[test]
fn to_leave_is_asked_until_the_drain_is_over() {
    assert_eq!(running().typed("q").model.over, Some(Over::Leave));
    for (typed, left) in [("qy", true), ("qn", false), ("qq", false), ("qY", false)] {
        assert_eq!(running().typed(typed).model.left, left, "{typed}");
    }
    assert!(Shown::live("drain", 9.2).typed("q").model.left);
    assert!(Shown::played("drain", 6.0).typed("q").model.left);
    let mut twice = running();
    let interrupt = || Event::Key(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL));
    twice.take(interrupt());
    assert!(!twice.model.left);
    twice.take(interrupt());
    assert!(twice.model.left, "Ctrl-C twice leaves, as without the view");
}

#[test]
fn a_row_shows_its_move_as_it_was_seen_and_not_as_the_drain_told_it_last() {
    let shown = running();
    let pods = shown.model.pods();
    let held = pods.iter().find(|pod| pod.row.pod == "orders-0").unwrap();
    assert_eq!(held.row.state, State::Move(Move::Moving));
    assert_eq!(held.state, State::Move(Move::Held));
}

#[test]
fn a_recorded_drain_ends_with_the_code_and_the_table_of_the_drain() {
    let shown = Shown::played("drain", 1.0);
    assert_eq!(shown.model.ending(), Ending::Interrupted, "it was stopped");
    let rows = shown.model.newest_rows();
    assert_eq!(rows.len(), 13);
    assert!(table(&rows).iter().any(|line| line.contains("web/cache-0")));
    assert_eq!(shown.model.newest_standing().unwrap().stage, Stage::Over);
}

#[test]
fn every_row_that_is_written_is_read_again() {
    let states = [
        State::Planning,
        State::Ready,
        State::Refused,
        State::Stays,
        State::Leaving,
    ]
    .into_iter()
    .chain([State::Blocked, State::Gone, State::Stopped])
    .chain(Move::ALL.map(State::Move));
    let mut row: Row = running().model.newest_rows().remove(0);
    for state in states {
        for ending in Ending::ALL.map(Some).into_iter().chain([None]) {
            (row.state, row.ending) = (state, ending);
            let read: Row = serde_json::from_value(serde_json::to_value(&row).unwrap()).unwrap();
            assert_eq!(read, row);
        }
    }
}

#[test]
fn stepping_back_shows_the_rows_of_that_time() {
    let shown = Shown::played("drain", 0.05);
    let planned = |shown: &Shown| {
        let pods = shown.model.pods();
        pods.iter().filter(|pod| pod.state == State::Planning).count()
    };
    assert!(planned(&shown) > 3);
    assert_eq!(planned(&Shown::played("drain", 6.0)), 0);
    assert!(recording("drain").header.invented);
}
