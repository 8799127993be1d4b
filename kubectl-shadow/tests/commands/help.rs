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
    for command in Cli::command().get_subcommands() {
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
        for line in lines {
            let words = words(line);
            let typed = ["kubectl-shadow".to_owned()]
                .into_iter()
                .chain(words.into_iter().skip(2));
            if let Err(error) = Cli::try_parse_from(typed) {
                panic!("{line}\n{error}");
            }
        }
    }
}
