//! Every example of every help is one that can be typed.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail the test")]

use clap::{CommandFactory, Parser};
use kubectl_shadow::cli::Cli;

/// Commands whose help has two to four examples.
const SHOWN: [&str; 6] = ["bundle", "check", "explain", "report", "setup", "watch"];

/// The examples of a help: what stands before two spaces is typed, what stands behind them says what it does.
fn examples(help: &str) -> Vec<String> {
    let lines = help.lines().filter(|line| line.starts_with("  kubectl shadow "));
    lines
        .map(|line| line.trim().split("  ").next().unwrap().to_owned())
        .collect()
}

/// The words of an example as a shell takes them: what stands between two quotes is one.
fn words(example: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for c in format!("{example} ").chars() {
        match c {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(std::mem::take(&mut word)),
            c => word.push(c),
        }
    }
    words
}

#[test]
fn every_example_of_every_help_parses() {
    let mut root = Cli::command();
    root.build();
    for command in root.get_subcommands() {
        let help = command
            .get_after_help()
            .map(ToString::to_string)
            .unwrap_or_default();
        let examples = examples(&help);
        if SHOWN.contains(&command.get_name()) {
            assert!(
                (2..=4).contains(&examples.len()),
                "{}: {help}",
                command.get_name()
            );
        }
        for example in examples {
            let words = words(&example).into_iter().skip(1);
            if let Err(error) = Cli::try_parse_from(words) {
                panic!("{example}: {error}");
            }
        }
    }
}

#[test]
fn an_example_ends_where_its_explanation_begins() {
    let help = "Examples:\n  kubectl shadow watch -A    all of them\n\n`kubectl shadow x` is no example\n";
    assert_eq!(examples(help), ["kubectl shadow watch -A"]);
}
