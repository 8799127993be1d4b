//! What could be typed next, in kubectl's protocol for plugins: `kubectl_complete-shadow WORD… LAST` prints `value<TAB>help` lines and
//! `:4`. Pure: from the words typed so far to what is wanted.

mod typed;
mod values;

use clap::Command;

use typed::Typed;

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
