//! Screens as snapshots, in every state: the text, and which parts of it look how in colour and without. After a wanted change:
//! `INSTA_UPDATE=always cargo test -p kubectl-shadow --test view`, then read the difference before committing it.

use std::collections::HashSet;
use std::fmt::Write;

use crossterm::event::KeyCode;
use kubectl_shadow::view::draw::theme::Theme;
use kubectl_shadow::view::event::Event;
use kubectl_shadow::view::frames::screen;
use kubectl_shadow::view::model::Model;
use kubectl_shadow::view::svg;
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};

use crate::fixture::Shown;

const COLOUR: Theme = Theme {
    colour: true,
    light: false,
    ascii: false,
};
const LIGHT: Theme = Theme {
    colour: true,
    light: true,
    ascii: false,
};
const MONO: Theme = Theme {
    colour: false,
    light: false,
    ascii: false,
};
const ASCII: Theme = Theme {
    colour: false,
    light: false,
    ascii: true,
};
const SMALL: (u16, u16) = (80, 24);
const WIDE: (u16, u16) = (140, 45);
const HUGE: (u16, u16) = (300, 100);

/// Every state of a migration, as the screen of that migration.
fn states() -> Vec<(&'static str, Shown)> {
    let all = |pod: &str| Shown::live("all-states", 6.0).open(pod);
    vec![
        ("waiting", all("orders-1")),
        ("moving", Shown::live("move", 0.6).open("orders-0")),
        ("held", Shown::live("move", 1.75).open("orders-0")),
        ("second-handoff", Shown::live("move", 4.1).open("orders-0")),
        ("stuck", all("ledger-1")),
        ("undoing", all("bills-0")),
        ("exact", Shown::live("move", 5.5).open("orders-0")),
        ("inexact", all("thumbs-4")),
        ("undone", all("mail-0")),
        ("cancelled", all("docs-1")),
        ("gone", all("stale-0")),
        ("not-seen", Shown::live("not-seen", 14.0).open("orders-0")),
        (
            "no-right-to-progress",
            Shown::live("no-progress-right", 2.4).open("orders-0"),
        ),
        ("held-by-us", Shown::live("single-active", 1.7).open("ledger-0")),
        ("fenced", Shown::live("live", 1.9).open("orders-0")),
        ("dumped", Shown::live("large", 2.2).open("carts-2")),
        ("received", Shown::live("large", 5.0).open("carts-2")),
        ("standing", Shown::live("standing", 5.0).open("carts-3")),
        ("played", Shown::played("move", 1.75).typed(" ")),
        ("frozen", Shown::live("move", 1.75).open("orders-0").typed(" ,,")),
    ]
}

/// Everything else that can be on the screen.
fn others() -> Vec<(&'static str, Shown)> {
    let held = || Shown::live("move", 1.75).open("orders-0");
    vec![
        ("overview", Shown::live("all-states", 6.0)),
        (
            "overview-filtered",
            Shown::live("all-states", 6.0).typed("/state:held"),
        ),
        (
            "overview-by-pod",
            Shown::live("all-states", 6.0).typed("ssS").select("orders-0"),
        ),
        ("overview-empty", Shown::live("move", -1.0)),
        ("overview-no-right", Shown::live("no-right", 1.0)),
        ("overview-received", Shown::live("large", 5.0)),
        ("overview-played", Shown::played("all-states", 6.0)),
        ("help", Shown::live("move", 1.0).typed("?")),
        ("cancel", held().typed("C")),
        (
            "cancel-too-late",
            Shown::live("move", 4.0).open("orders-0").typed("C"),
        ),
        ("yaml", held().typed("Y")),
        ("verdict", Shown::live("move", 5.5).open("orders-0").typed("v")),
        ("explanation", held().typed("i")),
        ("notes", held().typed("L")),
        ("steps-filled", held().pressed(&[KeyCode::Tab]).typed("e")),
    ]
}

/// A node that is drained, in each of its states.
fn drains() -> Vec<(&'static str, Shown)> {
    let drain = |seconds: f64| Shown::live("drain", seconds);
    let on = |pod: &str| drain(6.0).select_pod(pod);
    vec![
        ("drain-planning", drain(0.05)),
        ("drain", on("orders-0")),
        ("drain-stuck", on("ledger-1")),
        ("drain-refused", on("report-xk2")),
        ("drain-blocked", on("cache-0")),
        ("drain-paused", drain(7.5)),
        ("drain-stopping", drain(8.3)),
        ("drain-over", drain(9.2)),
        ("drain-stop-asked", drain(6.0).typed("Xnode-")),
        (
            "drain-stop-refused",
            drain(6.0).typed("Xnode-b").pressed(&[KeyCode::Enter]),
        ),
        ("drain-leave-asked", drain(6.0).typed("q")),
        ("drain-of-nothing-yet", Shown::draining()),
        ("drain-played", Shown::played("drain", 6.0)),
        ("drain-not-seen", Shown::silent("drain", 6.0)),
        ("drain-move-opened", on("orders-0").pressed(&[KeyCode::Enter])),
    ]
}

fn all() -> impl Iterator<Item = (&'static str, Shown)> {
    states().into_iter().chain(others()).chain(drains())
}

fn sized(shown: &mut Shown, size: (u16, u16)) {
    shown.take(Event::Resize(size.0, size.1));
}

fn rows(buffer: &Buffer) -> Vec<String> {
    let row = |y| {
        (0..buffer.area().width)
            .map(|x| buffer.cell((x, y)).unwrap().symbol())
            .collect::<String>()
    };
    (0..buffer.area().height)
        .map(|y| row(y).trim_end().to_owned())
        .collect()
}

/// Parts of a row that look other than plain.
fn looks(buffer: &Buffer) -> String {
    let mut out = String::new();
    for y in 0..buffer.area().height {
        let mut x = 0;
        while x < buffer.area().width {
            let look = |x| look(buffer.cell((x, y)).unwrap());
            let end = (x..buffer.area().width)
                .find(|one| look(*one) != look(x))
                .unwrap_or(buffer.area().width);
            let text: String = (x..end).map(|x| buffer.cell((x, y)).unwrap().symbol()).collect();
            if let (Some(look), false) = (look(x), text.trim().is_empty()) {
                let text: String = text.trim().chars().take(24).collect();
                writeln!(out, "{:>3}:{x}-{} {look} {text}", y + 1, end - 1).unwrap();
            }
            x = end;
        }
    }
    out
}

/// The frames' lines are dim everywhere; they would drown the rest.
fn look(cell: &Cell) -> Option<String> {
    let is_line = |c: char| ('\u{2500}'..='\u{257f}').contains(&c);
    if (cell.fg == Color::Reset && cell.modifier.is_empty()) || cell.symbol().chars().all(is_line) {
        return None;
    }
    let colour = if cell.fg == Color::Reset {
        String::new()
    } else {
        format!("{:?} ", cell.fg)
    };
    let modifier = if cell.modifier == Modifier::empty() {
        String::new()
    } else {
        format!("{:?}", cell.modifier)
    };
    Some(format!("{colour}{modifier}").trim().to_owned())
}

fn drawn(model: &Model, size: (u16, u16)) -> String {
    let colour = screen(model, &COLOUR, size);
    let mono = screen(model, &MONO, size);
    assert_eq!(rows(&colour), rows(&mono), "without colours the same is said");
    format!(
        "{}\n---- in colour ----\n{}---- without ----\n{}",
        rows(&colour).join("\n"),
        looks(&colour),
        looks(&mono)
    )
}

fn check(folder: &str, size: (u16, u16), screens: Vec<(&'static str, Shown)>) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(format!("../screens/{folder}"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for (name, mut shown) in screens {
            sized(&mut shown, size);
            insta::assert_snapshot!(name, drawn(&shown.model, size));
        }
    });
}

#[test]
fn every_state_at_80x24() {
    check("80x24", SMALL, states());
    check("80x24", SMALL, others());
    check("80x24", SMALL, drains());
}

#[test]
fn every_state_at_140x45() {
    check("140x45", WIDE, states());
    check("140x45", WIDE, others());
    check("140x45", WIDE, drains());
}

#[test]
fn the_main_screens_at_300x100() {
    let main = [
        "held",
        "received",
        "standing",
        "exact",
        "stuck",
        "overview",
        "drain",
        "drain-stuck",
    ];
    let screens = all();
    check(
        "300x100",
        HUGE,
        screens.filter(|(name, _)| main.contains(name)).collect(),
    );
}

#[test]
fn every_screen_in_ascii_is_ascii_and_nothing_of_it_is_unknown() {
    for (name, mut shown) in all() {
        for size in [SMALL, WIDE, HUGE] {
            sized(&mut shown, size);
            let text = rows(&screen(&shown.model, &ASCII, size)).join("\n");
            assert!(text.is_ascii(), "{name}\n{text}");
            let plain = rows(&screen(&shown.model, &MONO, size)).join("\n");
            let questions = |text: &str| text.matches('?').count();
            assert_eq!(
                questions(&text),
                questions(&plain),
                "{name}: a character has no counterpart\n{text}"
            );
        }
    }
}

#[test]
fn the_main_screens_in_ascii() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../screens/ascii");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let main = ["held", "received", "overview", "fenced", "help", "drain"];
    settings.bind(|| {
        for (name, mut shown) in all().filter(|(name, _)| main.contains(name)) {
            sized(&mut shown, SMALL);
            insta::assert_snapshot!(name, rows(&screen(&shown.model, &ASCII, SMALL)).join("\n"));
        }
    });
}

#[test]
fn each_state_differs_without_colour() {
    let screens: Vec<String> = states()
        .into_iter()
        .chain(drains())
        .map(|(_, shown)| rows(&screen(&shown.model, &MONO, SMALL)).join("\n"))
        .collect();
    let distinct: HashSet<&String> = screens.iter().collect();
    assert_eq!(distinct.len(), screens.len());
}

#[test]
fn without_colours_no_cell_has_one_and_none_ever_has_a_background() {
    for (name, mut shown) in all() {
        sized(&mut shown, WIDE);
        for theme in [COLOUR, LIGHT, MONO, ASCII] {
            for cell in screen(&shown.model, &theme, WIDE).content() {
                assert_eq!(cell.bg, Color::Reset, "{name}");
                assert!(theme.colour || cell.fg == Color::Reset, "{name}");
                let is_grim = matches!(
                    cell.fg,
                    Color::Green | Color::White | Color::Black | Color::LightYellow
                );
                assert!(
                    !is_grim && (!theme.light || cell.fg != Color::Yellow),
                    "{name}: {:?}",
                    cell.fg
                );
            }
        }
    }
}

/// Each screen at a third of the sizes: all of them take long, unoptimised.
#[test]
fn every_size_can_be_drawn() {
    let heights = [1, 2, 8, 15, 16, 17, 24, 29, 30, 45];
    let widths = [1, 5, 20, 59, 60, 61, 80, 99, 100, 140];
    let sizes: Vec<(u16, u16)> = heights
        .iter()
        .flat_map(|height| widths.map(|width| (width, *height)))
        .collect();
    for (number, (_, mut shown)) in all().enumerate() {
        for size in sizes.iter().skip(number % 3).step_by(3) {
            sized(&mut shown, *size);
            screen(&shown.model, &COLOUR, *size);
        }
    }
}

#[test]
fn a_small_terminal_shows_the_state_in_one_line() {
    let mut shown = Shown::live("move", 1.75).open("orders-0");
    sized(&mut shown, (59, 15));
    let rows = rows(&screen(&shown.model, &MONO, (59, 15)));
    assert!(
        rows[0].contains("■ HELD") && rows[0].contains("orders-0"),
        "{rows:?}"
    );
    assert!(rows[2..].iter().all(String::is_empty), "{rows:?}");
}

#[test]
fn a_picture_has_the_same_bytes_each_time() {
    let picture = || {
        let mut shown = Shown::played("move", 1.75);
        sized(&mut shown, WIDE);
        svg::picture(&screen(&shown.model, &COLOUR, WIDE))
    };
    let first = picture();
    assert_eq!(first, picture());
    assert!(first.starts_with("<svg") && first.ends_with("</svg>\n") && first.contains("HELD"));
}
