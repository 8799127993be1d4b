//! runc's command line, as far as we need it.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// Global options of runc that take a value.
const GLOBAL_VALUES: [&str; 5] = ["--log", "--log-format", "--root", "--criu", "--rootless"];
/// Options of `create` that take a value and that `restore` knows as well.
const CREATE_VALUES: [&str; 3] = ["--bundle", "--console-socket", "--pid-file"];
/// Options of `create` that take a value and that `restore` does not know.
const CREATE_ONLY_VALUES: [&str; 2] = ["--preserve-fds", "--pidfd-socket"];

/// A parsed command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    /// Options before the subcommand, as they came.
    pub globals: Vec<OsString>,
    /// `--log`.
    pub log: Option<PathBuf>,
    /// `--log-format json`.
    pub json: bool,
    /// `--root`.
    pub root: PathBuf,
    /// Options of `create` that a restore takes over.
    pub options: Vec<OsString>,
    /// Options of `create` that a restore cannot honour.
    pub lost: Vec<OsString>,
    /// What is asked.
    pub call: Call,
}

/// The subcommands that concern us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// Create a container.
    Create {
        /// Its bundle.
        bundle: PathBuf,
        /// Its id.
        id: String,
    },
    /// Start a created container.
    Start {
        /// Its id.
        id: String,
    },
    /// Runc's business.
    Other,
}

impl Invocation {
    /// Reads the arguments after the program's name.
    pub fn parse(arguments: &[OsString]) -> Self {
        let mut parsed = Self {
            globals: Vec::new(),
            log: None,
            json: false,
            root: PathBuf::from("/run/runc"),
            options: Vec::new(),
            lost: Vec::new(),
            call: Call::Other,
        };
        let mut rest = arguments.iter();
        let mut subcommand = OsStr::new("");
        while let Some(argument) = rest.next() {
            if !is_option(argument) {
                subcommand = argument;
                break;
            }
            let (name, inline) = split(argument);
            parsed.globals.push(argument.clone());
            let mut value = inline;
            if value.is_none() && GLOBAL_VALUES.contains(&name.as_str()) {
                value = rest.next().cloned();
                parsed.globals.extend(value.clone());
            }
            parsed.note_global(&name, value);
        }
        let rest: Vec<OsString> = rest.cloned().collect();
        if subcommand == "create" {
            parsed.create(&rest);
        } else if subcommand == "start"
            && let Some(id) = rest.iter().rfind(|argument| !is_option(argument))
        {
            parsed.call = Call::Start {
                id: id.to_string_lossy().into_owned(),
            };
        }
        parsed
    }

    fn note_global(&mut self, name: &str, value: Option<OsString>) {
        let Some(value) = value else {
            return;
        };
        match name {
            "--log" => self.log = Some(value.into()),
            "--log-format" => self.json = value == "json",
            "--root" => self.root = value.into(),
            _ => {}
        }
    }

    fn create(&mut self, arguments: &[OsString]) {
        let mut bundle = None;
        let mut id = None;
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            if !is_option(argument) {
                id = Some(argument.to_string_lossy().into_owned());
                continue;
            }
            let (name, inline) = split(argument);
            let name = if name == "-b" { "--bundle" } else { name.as_str() };
            let known = CREATE_VALUES.contains(&name);
            let takes_value = known || CREATE_ONLY_VALUES.contains(&name);
            let mut words = vec![OsString::from(name)];
            if takes_value {
                words.extend(inline.or_else(|| rest.next().cloned()));
            }
            if name == "--bundle" {
                bundle = words.get(1).map(PathBuf::from);
            }
            if known || name == "--no-pivot" {
                self.options.extend(words);
            } else if name != "--no-new-keyring" {
                self.lost.extend(words);
            }
        }
        // Without --bundle, runc takes the folder it was started in.
        let bundle = bundle.unwrap_or_else(|| PathBuf::from("."));
        if let Some(id) = id {
            self.call = Call::Create { bundle, id };
        }
    }
}

fn is_option(argument: &OsStr) -> bool {
    argument.as_encoded_bytes().starts_with(b"-")
}

/// `--name=value` → (`--name`, `value`).
fn split(argument: &OsStr) -> (String, Option<OsString>) {
    let text = argument.to_string_lossy();
    match text.split_once('=') {
        Some((name, value)) => (name.to_owned(), Some(value.into())),
        None => (text.into_owned(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Invocation {
        Invocation::parse(&line.split(' ').map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn the_line_that_containerd_sends_is_understood() {
        let call = parse(
            "--root /run/containerd/runc/k8s.io --log /b/log.json --log-format json --systemd-cgroup \
             create --bundle /b --pid-file /b/init.pid ID",
        );
        assert_eq!(call.root, PathBuf::from("/run/containerd/runc/k8s.io"));
        assert_eq!(call.log, Some("/b/log.json".into()));
        assert!(call.json);
        assert_eq!(call.globals.len(), 7);
        assert_eq!(call.options, ["--bundle", "/b", "--pid-file", "/b/init.pid"]);
        assert_eq!(
            call.call,
            Call::Create {
                bundle: "/b".into(),
                id: "ID".into()
            }
        );
        assert_eq!(call.lost, Vec::<OsString>::new());
    }

    #[test]
    fn equals_signs_and_short_names_are_understood() {
        let call = parse("--root=/r --log=/l create -b /b --pid-file=/p ID");
        assert_eq!((call.root, call.log), ("/r".into(), Some("/l".into())));
        assert_eq!(call.options, ["--bundle", "/b", "--pid-file", "/p"]);
    }

    #[test]
    fn what_a_restore_cannot_honour_is_kept_apart() {
        let call = parse("create --no-new-keyring --preserve-fds 2 --bundle /b ID");
        assert_eq!(call.lost, ["--preserve-fds", "2"]);
        assert_eq!(call.options, ["--bundle", "/b"]);
    }

    #[test]
    fn a_value_that_looks_like_a_subcommand_is_a_value() {
        let call = parse("--log create start ID");
        assert_eq!(call.call, Call::Start { id: "ID".into() });
    }

    #[test]
    fn everything_else_is_left_to_runc() {
        for line in [
            "state ID",
            "--version",
            "exec -d ID ls create x",
            "delete --force ID",
            "create",
            "start",
        ] {
            assert_eq!(parse(line).call, Call::Other, "{line}");
        }
    }
}
