//! What was typed before the last word, and what that asks for.

use clap::{Arg, ArgAction, Command};

use super::Wanted;
use super::values::{commands, flags, of_value};

/// What was typed before the last word.
pub(super) struct Typed<'a> {
    command: &'a Command,
    /// A flag whose value comes next.
    open: Option<&'a Arg>,
    /// Words that are no flags, behind the command.
    positions: usize,
    only_positions: bool,
    pub(super) connection: Vec<String>,
}

impl<'a> Typed<'a> {
    pub(super) fn new(root: &'a Command) -> Self {
        Self {
            command: root,
            open: None,
            positions: 0,
            only_positions: false,
            connection: Vec::new(),
        }
    }

    pub(super) fn take(&mut self, word: &str) {
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

    pub(super) fn wants<'w>(&self, last: &'w str) -> (&'w str, Wanted) {
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
