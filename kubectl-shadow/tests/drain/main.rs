//! `drain` against an API server of ours: in a pipe, in the live view, and into a recording.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail the test")]

#[path = "../stub/mod.rs"]
mod stub;
#[path = "../watch/terminal.rs"]
#[allow(dead_code, reason = "not all of it is needed here")]
mod terminal;
mod world;

use std::time::{Duration, Instant};

use rustix::process::Signal;

use stub::{err, out};
use terminal::{LEAVE, Terminal};
use world::{Moves, Web, World};

/// The live view of a drain.
fn watched(world: &World, more: &[&str]) -> Terminal {
    let args = [&["drain", "node-a", "--watch"], more].concat();
    let mut program = world.stub.program(&args);
    program.env("TERM", "xterm");
    Terminal::with(program)
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(20), "{what} did not come");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn all_consumers_are_moved_and_the_table_stays_when_the_view_is_left() {
    let world = World::with(Moves::End);
    let mut terminal = watched(&world, &[]);
    terminal.wait_for("EXACT", 1);
    terminal.wait_for("over", 1);
    assert!(!terminal.is_as_before(), "it is raw meanwhile");
    terminal.press("q");
    let (code, after) = terminal.ended();
    assert_eq!(code, Some(0), "{after}");
    for part in [
        "shop/orders-0",
        "2 of 2 consumers were moved",
        "kubectl uncordon node-a",
    ] {
        assert!(after.contains(part), "{part}: {after}");
    }
    assert!(terminal.is_as_before());
    assert_eq!((world.ordered(), world.called_off()), (2, 0));
}

#[test]
fn p_calls_off_what_waits_and_another_p_orders_it_again() {
    let world = World::with(Moves::Wait);
    let mut terminal = watched(&world, &[]);
    terminal.wait_for("WAITING", 1);
    terminal.press("p");
    terminal.wait_for("p: go on", 1);
    terminal.wait_for("put off", 1);
    until("the end of both", || world.called_off() == 2);
    assert_eq!(world.ordered(), 2, "nothing new begins meanwhile");
    world.turns(Moves::End);
    terminal.press("p");
    terminal.wait_for("EXACT", 1);
    terminal.wait_for("over", 1);
    terminal.press("q");
    let (code, after) = terminal.ended();
    assert_eq!((code, world.ordered()), (Some(0), 4), "{after}");
}

#[test]
fn to_stop_takes_the_name_of_the_node_and_calls_off_what_waits() {
    let world = World::with(Moves::Wait);
    let mut terminal = watched(&world, &[]);
    terminal.wait_for("WAITING", 1);
    terminal.press("Xnode-b\r");
    terminal.wait_for("stopped:", 1);
    assert_eq!(world.called_off(), 0);
    terminal.press(" ");
    terminal.press("Xnode-a\r");
    terminal.wait_for("over", 1);
    terminal.press("q");
    let (code, after) = terminal.ended();
    assert_eq!((code, world.called_off()), (Some(130), 2), "{after}");
    assert!(
        after.contains("To go on, type: kubectl shadow drain node-a"),
        "{after}"
    );
}

#[test]
fn to_leave_is_asked_and_the_moves_go_on() {
    let world = World::with(Moves::Commit);
    let mut terminal = watched(&world, &[]);
    terminal.wait_for("MOVING", 1);
    terminal.press("q");
    terminal.wait_for("Leave the drain", 1);
    terminal.press("n");
    terminal.press("qy");
    let (code, after) = terminal.ended();
    assert_eq!((code, world.called_off()), (Some(130), 0), "{after}");
    assert!(
        after.contains("MOVING") && after.contains("To go on, type"),
        "{after}"
    );
    assert!(terminal.is_as_before());
}

#[test]
fn a_signal_gives_the_terminal_back_without_a_question() {
    let world = World::with(Moves::Commit);
    let mut terminal = watched(&world, &[]);
    terminal.wait_for("MOVING", 1);
    terminal.signal(Signal::TERM);
    let (code, after) = terminal.ended();
    assert_eq!(code, Some(130), "{after}");
    assert!(terminal.is_as_before() && terminal.text().contains(LEAVE));
}

#[test]
fn a_recorded_drain_is_played_with_the_same_rows_and_the_same_code() {
    let world = World::with(Moves::End);
    let file = world.stub.folder.join("drain.ndjson");
    let file = file.to_str().unwrap();
    let output = world.stub.runs(&["drain", "node-a", "--record", file]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert!(err(&output).contains("recorded in"), "{}", err(&output));
    assert!(
        out(&output).contains("2 of 2 consumers were moved"),
        "{}",
        out(&output)
    );
    let recorded = std::fs::read_to_string(file).unwrap();
    for part in [
        "\"k\":\"drain\"",
        "\"id\":\"uid-orders-0\"",
        "ordered just now",
        "\"k\":\"end\"",
    ] {
        assert!(recorded.contains(part), "{part}: {recorded}");
    }
    assert!(
        !recorded.contains("is it running?"),
        "nobody had time to take it up: {recorded}"
    );
    let played = world.stub.runs(&["watch", "--play", file]);
    assert_eq!(played.status.code(), Some(0), "{}", err(&played));
    assert!(
        out(&played).contains("2 of 2 consumers were moved"),
        "{}",
        out(&played)
    );
    let again = world.stub.runs(&["drain", "node-a", "--record", file]);
    assert_eq!(again.status.code(), Some(1), "a recording is not written over");
}

#[test]
fn without_a_terminal_the_same_is_told_as_lines() {
    let world = World::with(Moves::End);
    let output = world.stub.runs(&["drain", "node-a", "--watch"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let said = out(&output);
    assert!(said.contains("EXACT") && !said.contains('\u{1b}'), "{said}");
}

#[test]
fn while_moves_are_paused_it_says_so_first_and_ends_by_the_words_of_the_refusal() {
    let world = World::with(Moves::Paused);
    let output = world.stub.runs(&["drain", "node-a"]);
    assert_eq!(output.status.code(), Some(2), "{}", err(&output));
    assert!(
        err(&output).contains("moves are paused (the broker is updated): no new move begins"),
        "{}",
        err(&output)
    );
    let said = out(&output);
    assert!(
        said.contains("shop/orders-0 was not moved: ") && said.contains("the broker is updated"),
        "{said}"
    );
}

#[test]
fn the_time_that_is_up_is_told_in_the_view_and_after_it() {
    let world = World::with(Moves::Wait);
    let mut terminal = watched(&world, &["--timeout", "1s"]);
    terminal.wait_for("the time is up", 1);
    terminal.press("q");
    let (code, after) = terminal.ended();
    assert_eq!(code, Some(4), "{after}");
    assert!(after.contains("the time is up"), "{after}");
}

#[test]
fn a_blocked_eviction_is_asked_for_every_five_seconds_and_the_screen_goes_on() {
    let world = World::with(Moves::End);
    world.has(Web::Blocked);
    let mut terminal = watched(&world, &["--evict-rest"]);
    terminal.wait_for("BLOCKED", 1);
    let refused = Instant::now();
    until("the second question", || world.evictions() == 2);
    let waited = refused.elapsed();
    assert!(
        (Duration::from_secs(3)..Duration::from_secs(9)).contains(&waited),
        "{waited:?}"
    );
    world.has(Web::Left);
    terminal.wait_for("GONE", 1);
    assert_eq!(world.evictions(), 2, "its end is seen without a third question");
    terminal.wait_for("over", 1);
    terminal.press("q");
    let (code, after) = terminal.ended();
    assert_eq!(code, Some(0), "{after}");
}

#[test]
fn a_node_that_is_not_there_is_refused_before_the_terminal_is_taken() {
    let world = World::with(Moves::End);
    let mut program = world.stub.program(&["drain", "node-x", "--watch"]);
    program.env("TERM", "xterm");
    let mut terminal = Terminal::with(program);
    let (code, after) = terminal.ended();
    assert_eq!(code, Some(1), "{after}");
    assert!(
        after.contains("there is no node node-x") && !terminal.text().contains(LEAVE),
        "{after}"
    );
}
