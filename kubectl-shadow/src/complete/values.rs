//! What a flag or a position takes, as the definitions of the commands tell.

use clap::{Arg, Command};

use super::{Names, Wanted};

pub(super) fn of_value(command: &Command, arg: &Arg) -> Wanted {
    let values: Vec<(String, String)> = arg
        .get_possible_values()
        .iter()
        .filter(|value| !value.is_hide_set())
        .map(|value| {
            let help = value.get_help().map(ToString::to_string).unwrap_or_default();
            (value.get_name().to_owned(), help)
        })
        .collect();
    if !values.is_empty() {
        return Wanted::These(values);
    }
    match (command.get_name(), arg.get_id().as_str()) {
        (_, "namespace") => Wanted::Names(Names::Namespaces),
        (_, "context") => Wanted::Names(Names::Contexts),
        (_, "to") => Wanted::Names(Names::Nodes),
        (_, "pods" | "pod") => Wanted::Names(Names::Pods),
        ("status" | "cancel" | "logs" | "watch" | "report" | "bundle", "name" | "names") => {
            Wanted::Names(Names::Migrations)
        }
        (_, "format") => Wanted::These(
            ["wide", "name", "json", "yaml", "jsonpath="]
                .map(|format| (format.to_owned(), String::new()))
                .to_vec(),
        ),
        (_, _) => {
            let names = arg.get_value_names().unwrap_or_default();
            let is_file = names.iter().any(|name| ["FILE", "DIR"].contains(&name.as_str()));
            if is_file { Wanted::File } else { Wanted::Nothing }
        }
    }
}

pub(super) fn commands(command: &Command) -> Vec<(String, String)> {
    let shown = command.get_subcommands().filter(|command| !command.is_hide_set());
    shown
        .map(|command| (command.get_name().to_owned(), first_line(command.get_about())))
        .collect()
}

pub(super) fn flags(command: &Command) -> Vec<(String, String)> {
    let shown = command.get_arguments().filter(|flag| !flag.is_hide_set());
    shown
        .filter_map(|flag| Some((format!("--{}", flag.get_long()?), first_line(flag.get_help()))))
        .collect()
}

fn first_line(text: Option<&clap::builder::StyledStr>) -> String {
    let text = text.map(ToString::to_string).unwrap_or_default();
    text.lines().next().unwrap_or_default().to_owned()
}
