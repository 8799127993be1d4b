//! What could be typed next, in kubectl's protocol for plugins: `kubectl_complete-shadow WORD… LAST` prints `value<TAB>help` lines and
//! `:4`. This part is pure: from the words typed so far to what is wanted.

use clap::{Arg, ArgAction, Command};

/// The name under which kubectl calls.
pub const NAME: &str = "kubectl_complete-shadow";
/// The same, as the first word.
pub const WORD: &str = "__complete";

/// What to offer.
#[derive(Debug, PartialEq, Eq)]
pub struct Question {
    /// What the last word begins with.
    pub prefix: String,
    /// Of what kind.
    pub wanted: Wanted,
    /// The flags of the connection among the words before it, as they were typed.
    pub connection: Vec<String>,
}

/// Of what kind.
#[derive(Debug, PartialEq, Eq)]
pub enum Wanted {
    /// One of these, with what it means.
    These(Vec<(String, String)>),
    /// Names out of the cluster or the kubeconfig.
    Names(Names),
    /// A file of this machine.
    File,
    /// What a person makes up.
    Nothing,
}

/// Names that have to be looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// Pods of the namespace.
    Pods,
    /// Nodes that fit.
    Nodes,
    /// Migrations, and the pods that they are of.
    Migrations,
    /// Namespaces.
    Namespaces,
    /// Contexts of the kubeconfig.
    Contexts,
}

/// The words behind the name, if the program was called to complete.
pub fn asked(mut words: impl Iterator<Item = String>) -> Option<Vec<String>> {
    let program = words.next()?;
    let called = program.rsplit('/').next() == Some(NAME);
    let words: Vec<String> = words.collect();
    match words.split_first() {
        Some((first, rest)) if !called && first == WORD => Some(rest.to_vec()),
        Some(_) | None => called.then_some(words),
    }
}

/// What is wanted behind these words. `root` is built, so that its global flags are known to each command.
pub fn question(root: &Command, words: &[String]) -> Question {
    let (last, before) = match words.split_last() {
        Some((last, before)) => (last.as_str(), before),
        None => ("", words),
    };
    let mut typed = Typed::new(root);
    before.iter().for_each(|word| typed.take(word));
    let (prefix, wanted) = typed.wants(last);
    Question {
        prefix: prefix.to_owned(),
        wanted,
        connection: typed.connection,
    }
}

/// What was typed before the last word.
struct Typed<'a> {
    command: &'a Command,
    /// A flag whose value comes next.
    open: Option<&'a Arg>,
    /// Words that are no flags, behind the command.
    positions: usize,
    only_positions: bool,
    connection: Vec<String>,
}

impl<'a> Typed<'a> {
    fn new(root: &'a Command) -> Self {
        Self {
            command: root,
            open: None,
            positions: 0,
            only_positions: false,
            connection: Vec::new(),
        }
    }

    fn take(&mut self, word: &str) {
        if let Some(flag) = self.open.take() {
            self.keep(flag, word);
        } else if self.only_positions || !word.starts_with('-') || word == "-" {
            match self.command.find_subcommand(word).filter(|_| self.positions == 0) {
                Some(command) => self.command = command,
                None => self.positions += 1,
            }
        } else if word == "--" {
            self.only_positions = true;
        } else {
            self.flag(word);
        }
    }

    fn flag(&mut self, word: &str) {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (word, None),
        };
        let Some((flag, value)) = self.find(name, value) else {
            return;
        };
        match value {
            Some(value) => self.keep(flag, &value),
            None if takes_a_word(flag) => self.open = Some(flag),
            None => self.keep(flag, ""),
        }
    }

    /// `--to`, `-n`, `-nshop`.
    fn find(&self, name: &str, value: Option<&str>) -> Option<(&'a Arg, Option<String>)> {
        let value = value.map(str::to_owned);
        if let Some(long) = name.strip_prefix("--") {
            let flag = self
                .command
                .get_arguments()
                .find(|flag| flag.get_long() == Some(long))?;
            return Some((flag, value));
        }
        let mut letters = name.trim_start_matches('-').chars();
        while let Some(letter) = letters.next() {
            let flag = self
                .command
                .get_arguments()
                .find(|flag| flag.get_short() == Some(letter))?;
            let rest = letters.as_str();
            if takes_a_word(flag) {
                return Some((
                    flag,
                    value.or_else(|| (!rest.is_empty()).then(|| rest.to_owned())),
                ));
            }
            if rest.is_empty() {
                return Some((flag, value));
            }
        }
        None
    }

    /// Only what says which cluster and as whom matters for what can be looked up.
    fn keep(&mut self, flag: &Arg, value: &str) {
        let Some(long) = flag.get_long().filter(|_| flag.is_global_set()) else {
            return;
        };
        self.connection.push(if value.is_empty() {
            format!("--{long}")
        } else {
            format!("--{long}={value}")
        });
    }

    fn wants<'w>(&self, last: &'w str) -> (&'w str, Wanted) {
        if let Some(flag) = self.open {
            return (last, of_value(self.command, flag));
        }
        if last.starts_with('-') && !self.only_positions {
            return match last
                .split_once('=')
                .map(|(name, value)| (self.find(name, None), value))
            {
                Some((Some((flag, _)), value)) => (value, of_value(self.command, flag)),
                Some((None, value)) => (value, Wanted::Nothing),
                None => (last, Wanted::These(flags(self.command))),
            };
        }
        if self.command.has_subcommands() && self.positions == 0 {
            return (last, Wanted::These(commands(self.command)));
        }
        (last, self.of_position())
    }

    fn of_position(&self) -> Wanted {
        let all: Vec<&Arg> = self.command.get_positionals().collect();
        let is_open = |arg: &&&Arg| matches!(arg.get_action(), ArgAction::Append);
        let found = all.get(self.positions).or_else(|| all.last().filter(is_open));
        found.map_or(Wanted::Nothing, |arg| of_value(self.command, arg))
    }
}

/// Whether the next word belongs to it.
fn takes_a_word(flag: &Arg) -> bool {
    let least = flag.get_num_args().map_or(1, |range| range.min_values());
    flag.get_action().takes_values() && !flag.is_require_equals_set() && least > 0
}

fn of_value(command: &Command, arg: &Arg) -> Wanted {
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

fn commands(command: &Command) -> Vec<(String, String)> {
    let shown = command.get_subcommands().filter(|command| !command.is_hide_set());
    shown
        .map(|command| (command.get_name().to_owned(), first_line(command.get_about())))
        .collect()
}

fn flags(command: &Command) -> Vec<(String, String)> {
    let shown = command.get_arguments().filter(|flag| !flag.is_hide_set());
    shown
        .filter_map(|flag| Some((format!("--{}", flag.get_long()?), first_line(flag.get_help()))))
        .collect()
}

fn first_line(text: Option<&clap::builder::StyledStr>) -> String {
    let text = text.map(ToString::to_string).unwrap_or_default();
    text.lines().next().unwrap_or_default().to_owned()
}

/// The lines of an answer; of a file kubectl's shell completes by itself.
pub fn lines(prefix: &str, found: &[(String, String)], is_file: bool) -> Vec<String> {
    let fitting = found.iter().filter(|(value, _)| value.starts_with(prefix));
    let line = |(value, help): &(String, String)| {
        if help.is_empty() {
            value.clone()
        } else {
            format!("{value}\t{help}")
        }
    };
    let end = if is_file { ":0" } else { ":4" };
    fitting.map(line).chain([end.to_owned()]).collect()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    fn asks(typed: &str) -> Question {
        let mut root = Cli::command();
        root.build();
        let words: Vec<String> = typed.split(' ').map(str::to_owned).collect();
        question(&root, &words)
    }

    fn offers(typed: &str) -> Vec<String> {
        let asked = asks(typed);
        let Wanted::These(found) = asked.wanted else {
            panic!("{typed}: {:?}", asked.wanted)
        };
        let fitting = found.into_iter().map(|(value, _)| value);
        fitting.filter(|value| value.starts_with(&asked.prefix)).collect()
    }

    #[test]
    fn commands_flags_and_values_are_known_without_a_cluster() {
        assert_eq!(offers("mig"), ["migrate"]);
        assert!(offers("").contains(&"status".to_owned()));
        assert_eq!(offers("-n shop mig"), ["migrate"]);
        assert_eq!(offers("migrate --str"), ["--strategy"]);
        assert_eq!(offers("migrate --dry-run "), ["client", "server"]);
        assert_eq!(offers("migrate orders-0 --dry-run=s"), ["server"]);
        assert_eq!(offers("migrate --wait="), ["true", "false"]);
        assert_eq!(offers("list -o j"), ["json", "jsonpath="]);
        assert_eq!(offers("completion b"), ["bash"]);
        assert!(
            !offers("migrate --no").contains(&"--no-wait".to_owned()),
            "it is hidden"
        );
    }

    #[test]
    fn names_are_looked_up_where_they_belong() {
        let cases = [
            ("migrate or", Names::Pods),
            ("migrate orders-0 ", Names::Pods),
            ("migrate orders-0 --to ", Names::Nodes),
            ("migrate orders-0 --to=n", Names::Nodes),
            ("migrate --to node-b --live o", Names::Pods),
            ("migrate --wait o", Names::Pods),
            ("status ", Names::Migrations),
            ("cancel o", Names::Migrations),
            ("watch a b", Names::Migrations),
            ("logs -f o", Names::Migrations),
            ("status -n ", Names::Namespaces),
            ("status -A --context p", Names::Contexts),
        ];
        for (typed, names) in cases {
            assert_eq!(asks(typed).wanted, Wanted::Names(names), "{typed}");
        }
        assert_eq!(asks("status a b").wanted, Wanted::Nothing);
        assert_eq!(asks("migrate a --timeout ").wanted, Wanted::Nothing);
        assert_eq!(asks("watch --record ").wanted, Wanted::File);
    }

    #[test]
    fn the_flags_of_the_connection_are_kept() {
        let asked = asks("migrate -nshop --context prod --as=anna --insecure-skip-tls-verify --to b or");
        let kept = [
            "--namespace=shop",
            "--context=prod",
            "--as=anna",
            "--insecure-skip-tls-verify",
        ];
        assert_eq!(asked.connection, kept);
        assert_eq!(asked.prefix, "or");
    }

    #[test]
    fn the_program_knows_that_it_is_asked() {
        let asked = |words: &[&str]| asked(words.iter().map(|word| (*word).to_owned()));
        assert_eq!(
            asked(&["/bin/kubectl_complete-shadow", "mi"]),
            Some(vec!["mi".to_owned()])
        );
        assert_eq!(asked(&["/bin/kubectl_complete-shadow"]), Some(Vec::new()));
        assert_eq!(
            asked(&["kubectl-shadow", "__complete", "a", ""]),
            Some(vec!["a".to_owned(), String::new()])
        );
        assert_eq!(asked(&["kubectl-shadow", "status", "__complete"]), None);
    }

    #[test]
    fn an_answer_ends_with_what_kubectl_shall_do() {
        let found = [
            ("ab".to_owned(), "help".to_owned()),
            ("b".to_owned(), String::new()),
        ];
        assert_eq!(lines("", &found, false), ["ab\thelp", "b", ":4"]);
        assert_eq!(lines("b", &found, false), ["b", ":4"]);
        assert_eq!(lines("x", &[], true), [":0"]);
    }
}
