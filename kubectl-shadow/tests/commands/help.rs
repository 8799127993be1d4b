//! The examples of every help can be typed.

use clap::{CommandFactory, Parser};
use kubectl_shadow::cli::Cli;

/// The words of a line as a shell takes them; what stands behind two spaces is a remark.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for c in format!("{} ", line.trim()).chars() {
        match c {
            '\'' => quoted = !quoted,
            ' ' if !quoted && word.is_empty() => return words,
            ' ' if !quoted => words.push(std::mem::take(&mut word)),
            c => word.push(c),
        }
    }
    words
}

#[test]
fn every_command_has_examples_and_each_can_be_typed() {
    let root = Cli::command();
    let below = root.get_subcommands().flat_map(clap::Command::get_subcommands);
    for command in root.get_subcommands().chain(below) {
        let name = command.get_name();
        let help = command
            .get_after_help()
            .map(ToString::to_string)
            .unwrap_or_default();
        let lines: Vec<&str> = help
            .lines()
            .filter(|line| line.starts_with("  kubectl shadow "))
            .collect();
        assert!(
            (2..=4).contains(&lines.len()),
            "{name} has {} examples",
            lines.len()
        );
        lines.into_iter().for_each(can_be_typed);
    }
}

fn can_be_typed(line: &str) {
    let typed = ["kubectl-shadow".to_owned()]
        .into_iter()
        .chain(words(line).into_iter().skip(2));
    if let Err(error) = Cli::try_parse_from(typed) {
        panic!("{line}\n{error}");
    }
}

#[test]
fn the_page_of_commands_names_each_of_them_with_an_example_that_can_be_typed() {
    let page = include_str!("../../../docs/commands.md");
    let examples: Vec<&str> = page
        .lines()
        .filter(|line| line.starts_with("kubectl shadow "))
        .collect();
    for command in Cli::command().get_subcommands() {
        let of_it = format!("kubectl shadow {} ", command.get_name());
        let has_one = examples.iter().any(|line| format!("{line} ").starts_with(&of_it));
        assert!(
            has_one,
            "{} has no example in docs/commands.md",
            command.get_name()
        );
    }
    examples.into_iter().for_each(can_be_typed);
}

#[test]
fn the_page_of_commands_names_each_flag_of_the_connection() {
    let page = include_str!("../../../docs/commands.md");
    let root = Cli::command();
    let global = root.get_arguments().filter(|flag| flag.is_global_set());
    for long in global.filter_map(clap::Arg::get_long) {
        assert!(
            page.contains(&format!("`--{long}`")),
            "--{long} is not in docs/commands.md"
        );
    }
}
