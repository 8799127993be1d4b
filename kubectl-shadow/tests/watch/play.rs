//! Recordings.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Output;

use kubectl_shadow::view::background::Ask;
use kubectl_shadow::view::draw::theme::Theme;
use kubectl_shadow::view::term::Screen;
use rustix::process::Signal;

use crate::terminal::{ENTER, LEAVE, Terminal};
use crate::{recording, without_a_cluster};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn played(name: &str, flags: &[&str]) -> Output {
    let mut program = without_a_cluster();
    program.args(["watch", "--play"]).arg(recording(name)).args(flags);
    program.output().unwrap()
}

fn on_a_terminal(name: &str, flags: &[&str]) -> Terminal {
    let mut program = without_a_cluster();
    program.args(["watch", "--play"]).arg(recording(name)).args(flags);
    Terminal::with(program)
}

#[test]
fn a_recording_needs_no_cluster_and_ends_with_the_code_of_its_move() {
    for (name, code, word) in [
        ("move", 0, "Exact"),
        ("undone", 2, "was not moved"),
        ("not-seen", 4, "ends before the move"),
    ] {
        let output = played(name, &[]);
        let said = text(&output.stdout) + &text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains(word) && !said.contains('\u{1b}'), "{said}");
    }
    let said = text(&played("move", &[]).stdout);
    assert_eq!(said.matches("Hold").count(), 2, "{said}");
}

#[test]
fn a_file_that_is_no_recording_is_refused_and_named() {
    let mut program = without_a_cluster();
    let output = program.args(["watch", "--play", "Cargo.toml"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("Cargo.toml is not a recording"),
        "{}",
        text(&output.stderr)
    );
    let output = without_a_cluster()
        .args(["watch", "--play", "/nonexistent"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
}

fn pictures(flags: &[&str]) -> BTreeMap<String, Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let output = played("move", &[&["--frames", path], flags].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let read = |path: &Path| {
        (
            path.file_name().unwrap().to_str().unwrap().to_owned(),
            std::fs::read(path).unwrap(),
        )
    };
    std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| read(&entry.unwrap().path()))
        .collect()
}

#[test]
fn pictures_have_the_same_bytes_each_time_and_one_moment_is_one_picture() {
    let all = pictures(&[]);
    assert_eq!(all, pictures(&[]));
    assert!(all.len() > 15, "{:?}", all.keys());
    let one = pictures(&["--at", "1.7s", "--size", "140x45"]);
    assert_eq!(one.keys().collect::<Vec<_>>(), ["0001-001.700s.svg"]);
    assert!(text(&one["0001-001.700s.svg"]).contains("HELD"));
}

#[test]
fn the_view_is_drawn_and_the_verdict_stays_when_it_is_left() {
    let mut terminal = on_a_terminal("move", &["--speed", "16x"]);
    terminal.wait_for("EXACT", 1);
    assert!(!terminal.is_as_before(), "it is raw meanwhile");
    terminal.press("q");
    let (code, after) = terminal.ended();
    assert_eq!(code, Some(0), "{after}");
    assert!(
        after.contains("orders-0 runs on node-b") && after.contains("Exact:"),
        "{after:?}"
    );
    assert!(terminal.is_as_before());
}

#[test]
fn with_exit_it_leaves_by_itself() {
    let mut terminal = on_a_terminal("undone", &["--speed", "16x", "--exit"]);
    let (code, after) = terminal.ended();
    assert_eq!(code, Some(2), "{after}");
    assert!(after.contains("was not moved"), "{after:?}");
}

#[test]
fn a_signal_gives_the_terminal_back() {
    for signal in [Signal::TERM, Signal::HUP, Signal::INT] {
        let mut terminal = on_a_terminal("move", &["--speed", "0.1x"]);
        terminal.wait_for("Steps", 1);
        terminal.signal(signal);
        let (code, _) = terminal.ended();
        assert!(
            terminal.is_as_before() && terminal.text().contains(LEAVE),
            "{signal:?}"
        );
        assert_eq!(code, Some(0), "the recorded move is exact ({signal:?})");
    }
}

#[test]
fn it_can_be_stopped_and_continued() {
    for by_key in [true, false] {
        let mut terminal = on_a_terminal("move", &["--speed", "0.1x"]);
        terminal.wait_for("Steps", 1);
        if by_key {
            terminal.press("\u{1a}");
        } else {
            terminal.signal(Signal::TSTP);
        }
        terminal.wait_for_stop();
        assert!(
            terminal.is_as_before() && terminal.text().ends_with("\u{1b}[?25h"),
            "{:?}",
            terminal.text()
        );
        terminal.signal(Signal::CONT);
        terminal.wait_for(ENTER, 2);
        terminal.wait_for("Steps", 2);
        terminal.press("q");
        let (code, _) = terminal.ended();
        assert_eq!(code, Some(0));
        assert!(terminal.is_as_before());
    }
}

#[test]
fn another_size_is_another_picture() {
    let mut terminal = on_a_terminal("move", &["--speed", "0.1x"]);
    terminal.wait_for("Steps", 1);
    terminal.resize(140, 45);
    terminal.wait_for("Rates,", 1);
    terminal.resize(50, 10);
    terminal.wait_for("60x16", 1);
    terminal.press("q");
    assert_eq!(terminal.ended().0, Some(0));
}

#[test]
fn the_recorded_move_is_drawn_at_every_size_and_ends_with_its_code() {
    let real = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/recordings/orders-move.ndjson");
    for (columns, rows) in [(80, 24), (140, 45), (300, 100)] {
        let mut program = without_a_cluster();
        program
            .args(["watch", "--speed", "16x", "--exit", "--play"])
            .arg(&real);
        let mut terminal = Terminal::sized(program, columns, rows);
        let (code, after) = terminal.ended();
        assert_eq!(code, Some(0), "{columns}x{rows}: {after}");
        let drawn = terminal.rows();
        assert!(drawn.len() >= 15, "{columns}x{rows}: {drawn:?}");
        assert!(drawn.last() <= Some(&rows), "{columns}x{rows}: {drawn:?}");
        assert!(terminal.is_as_before(), "{columns}x{rows}");
    }
}

/// Whether a foreground or a background of any kind was set: 30 to 38, 40 to 48, 90 to 98, 100 to 108.
fn coloured(terminal: &str) -> bool {
    let is_colour = |number: &str| {
        number
            .parse()
            .is_ok_and(|number: u16| matches!(number, 30..=38 | 40..=48 | 90..=98 | 100..=108))
    };
    let codes = terminal.split("\u{1b}[").filter_map(|part| {
        let end = part.find(|c: char| !c.is_ascii_digit() && c != ';')?;
        part.get(end..)?
            .starts_with('m')
            .then(|| part.get(..end))
            .flatten()
    });
    codes.into_iter().any(|code| code.split(';').any(is_colour))
}

#[test]
fn a_recording_that_is_played_to_its_end_without_colour_has_none() {
    for (name, expected) in [("NO_COLOR", false), ("OTHER", true)] {
        let mut program = without_a_cluster();
        program
            .env(name, "1")
            .args(["watch", "--speed", "16x", "--exit", "--play"])
            .arg(recording("move"));
        let mut terminal = Terminal::with(program);
        assert_eq!(terminal.ended().0, Some(0));
        assert_eq!(coloured(&terminal.text()), expected, "{name}");
    }
}

#[test]
fn no_colour_is_sent_when_none_is_wanted() {
    for (no_color, flags, expected) in [
        ("", &[][..], true),
        ("1", &[][..], false),
        ("", &["--color", "never"][..], false),
    ] {
        let mut program = without_a_cluster();
        program
            .env("NO_COLOR", no_color)
            .args(["watch", "--play"])
            .arg(recording("move"))
            .args(["--speed", "16x"])
            .args(flags);
        let mut terminal = Terminal::with(program);
        terminal.wait_for("EXACT", 1);
        terminal.press("q");
        terminal.ended();
        assert_eq!(coloured(&terminal.text()), expected, "{no_color:?} {flags:?}");
    }
}

const QUESTION: &str = "\u{1b}]11;?\u{7}";
/// How a message that is held looks on a dark background, and on a light one.
const YELLOW: &str = "\u{1b}[38;5;3";
const MAGENTA: &str = "\u{1b}[38;5;5";

#[test]
fn colours_follow_the_background_that_the_terminal_tells_early_or_late() {
    for is_late in [false, true] {
        let mut terminal = on_a_terminal("move", &["--speed", "0.1x", "--at", "1.5s"]);
        terminal.wait_for(QUESTION, 1);
        if is_late {
            terminal.wait_for(YELLOW, 1);
        }
        terminal.press("\u{1b}]11;rgb:ffff/eeee/dddd\u{1b}\\");
        terminal.wait_for(MAGENTA, 1);
        // No key of it was obeyed: the filter is closed, and so the help opens.
        terminal.press("?");
        terminal.wait_for("any key closes", 1);
        terminal.press("qq");
        assert_eq!(terminal.ended().0, Some(0));
        assert!(terminal.is_as_before());
    }
}

#[test]
fn an_answer_after_a_view_was_left_at_once_is_not_typed_into_the_shell() {
    let mut terminal = on_a_terminal("move", &["--at", "9s", "--exit"]);
    terminal.wait_for(QUESTION, 1);
    terminal.press("\u{1b}]11;rgb:0000/0000/0000\u{7}");
    assert_eq!(terminal.ended().0, Some(0));
    assert_eq!(terminal.unread(), 0, "bytes wait for the next program");
}

#[test]
fn a_background_that_is_said_is_not_asked_for() {
    for (flag, env, colour) in [
        (&["--background", "light"][..], "", MAGENTA),
        (&["--background", "dark"], "0;15", YELLOW),
    ] {
        let mut program = without_a_cluster();
        program
            .args(["watch", "--speed", "0.1x", "--at", "1.5s", "--play"])
            .arg(recording("move"));
        program.args(flag).env("COLORFGBG", env);
        let mut terminal = Terminal::with(program);
        terminal.wait_for(colour, 1);
        assert!(!terminal.text().contains(QUESTION));
        terminal.press("q");
        assert_eq!(terminal.ended().0, Some(0));
    }
}

const PANIC: &str = "KUBECTL_SHADOW_TEST_PANICS";

/// The child of the test below; by itself it does nothing.
#[test]
fn child_that_panics() {
    if std::env::var_os(PANIC).is_some() {
        let screen = Screen::take(Theme::default(), Ask::No).unwrap();
        std::mem::forget(screen);
        panic!("as the test wants it");
    }
}

#[test]
fn a_panic_gives_the_terminal_back_and_can_be_read() {
    let mut program = std::process::Command::new(std::env::current_exe().unwrap());
    program
        .args(["--exact", "play::child_that_panics", "--nocapture"])
        .env(PANIC, "1")
        .env("TERM", "xterm");
    let mut terminal = Terminal::with(program);
    let (_, after) = terminal.ended();
    assert!(
        terminal.text().contains(ENTER) && after.contains("as the test wants it"),
        "{:?}",
        terminal.text()
    );
    assert!(terminal.is_as_before());
}
