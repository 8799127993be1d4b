//! kubectl's own preferences (kuberc), of which one thing counts here: which credential plugins of a kubeconfig may run
//! (`credentialPluginPolicy`, since kubectl 1.35). Guarantee: no plugin runs that kubectl would refuse. A file that cannot be read
//! refuses all, where kubectl only warns.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// Where the preferences are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Switched off.
    Off,
    /// In a file that somebody named, or that may be there.
    File { file: PathBuf, named: bool },
}

/// What a person may have said of them.
#[derive(Default)]
pub(super) struct Said {
    /// `--kuberc`.
    pub(super) flag: Option<PathBuf>,
    /// `KUBERC`.
    pub(super) variable: Option<String>,
    /// `KUBECTL_KUBERC`.
    pub(super) gate: Option<String>,
    /// Home folder.
    pub(super) home: Option<PathBuf>,
}

impl Said {
    /// By the flags and the environment.
    pub(super) fn here(flag: Option<PathBuf>) -> Self {
        Self {
            flag,
            variable: std::env::var("KUBERC").ok(),
            gate: std::env::var("KUBECTL_KUBERC").ok(),
            home: std::env::home_dir(),
        }
    }

    /// Where they are, in kubectl's order.
    pub(super) fn place(self) -> Place {
        let named = |file: PathBuf| Place::File { file, named: true };
        let is_off = self.gate.is_some_and(|gate| gate.eq_ignore_ascii_case("false"));
        match (
            self.flag,
            self.variable.filter(|said| !said.is_empty()),
            self.home,
        ) {
            (_, _, _) if is_off => Place::Off,
            (Some(file), _, _) => named(file),
            (None, Some(said), _) if said == "off" => Place::Off,
            (None, Some(said), _) => named(PathBuf::from(said)),
            (None, None, Some(home)) => Place::File {
                file: home.join(".kube").join("kuberc"),
                named: false,
            },
            (None, None, None) => Place::Off,
        }
    }
}

/// Which plugins may run.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Policy {
    /// All.
    AllowAll,
    /// None.
    DenyAll,
    /// Those with one of these names or paths.
    Allowlist(Vec<String>),
}

/// What is read of a file; the rest is for kubectl's own commands.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Preference {
    #[serde(default)]
    api_version: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    credential_plugin_policy: Option<String>,
    #[serde(default)]
    credential_plugin_allowlist: Option<Vec<Entry>>,
}

/// One plugin: `command`, or `name` as kubectl 1.35 called it.
#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    command: String,
    #[serde(default)]
    name: String,
}

/// The policy of a place, or why it is not known.
pub(super) fn policy(place: &Place) -> Result<Policy, String> {
    let Place::File { file, named } = place else {
        return Ok(Policy::AllowAll);
    };
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound && !named => return Ok(Policy::AllowAll),
        Err(error) => return Err(format!("{} cannot be read: {error}", file.display())),
    };
    parsed(&text).map_err(|error| format!("{}: {error}", file.display()))
}

/// That of the first document that holds preferences.
fn parsed(text: &str) -> Result<Policy, String> {
    let mut unread = None;
    for document in serde_yaml_ng::Deserializer::from_str(text) {
        let value = match serde_yaml_ng::Value::deserialize(document) {
            Ok(serde_yaml_ng::Value::Null) => continue,
            Ok(value) => value,
            // What comes behind it cannot be found any more.
            Err(error) => return Err(error.to_string()),
        };
        match serde_yaml_ng::from_value::<Preference>(value) {
            Ok(found)
                if found.kind == "Preference" && found.api_version.starts_with("kubectl.config.k8s.io/") =>
            {
                return of(found);
            }
            Ok(other) => {
                unread = Some(format!(
                    "{} {} is no Preference of kubectl",
                    other.api_version, other.kind
                ))
            }
            Err(error) => unread = Some(error.to_string()),
        }
    }
    unread.map_or(Ok(Policy::AllowAll), Err)
}

fn of(found: Preference) -> Result<Policy, String> {
    let policy = found.credential_plugin_policy.unwrap_or_default();
    match (policy.as_str(), found.credential_plugin_allowlist) {
        ("" | "AllowAll", None) => Ok(Policy::AllowAll),
        ("DenyAll", None) => Ok(Policy::DenyAll),
        ("Allowlist", Some(entries)) if !entries.is_empty() => {
            let allowed: Result<Vec<String>, String> = entries.into_iter().map(command).collect();
            allowed.map(Policy::Allowlist)
        }
        ("Allowlist", _) => {
            Err("credentialPluginPolicy is Allowlist, and credentialPluginAllowlist is empty".to_owned())
        }
        ("" | "AllowAll" | "DenyAll", Some(_)) => Err(format!(
            "credentialPluginAllowlist needs credentialPluginPolicy: Allowlist, and it is {policy:?}"
        )),
        (_, _) => Err(format!(
            "credentialPluginPolicy {policy:?} is none of AllowAll, DenyAll, Allowlist"
        )),
    }
}

fn command(entry: Entry) -> Result<String, String> {
    let one = match (entry.command.is_empty(), entry.name.is_empty()) {
        (false, true) => entry.command,
        (true, false) => entry.name,
        (true, true) => return Err("an entry of credentialPluginAllowlist names no command".to_owned()),
        (false, false) => {
            return Err("an entry of credentialPluginAllowlist has both command and name".to_owned());
        }
    };
    let plain: PathBuf = Path::new(&one).components().collect();
    if plain == Path::new(&one) && plain.to_string_lossy() == one && !one.contains("/../") {
        Ok(one)
    } else {
        Err(format!(
            "{one:?} in credentialPluginAllowlist is not written in the shortest way"
        ))
    }
}

/// Whether the policy lets this command run; and as which program, so that the one that was looked at is the one that runs.
/// `find` says which program a name stands for.
pub(super) fn allowed(
    policy: &Policy,
    command: &str,
    find: impl Fn(&str) -> Option<PathBuf>,
) -> Result<Option<PathBuf>, String> {
    let entries = match policy {
        Policy::AllowAll => return Ok(None),
        Policy::DenyAll => {
            return Err(format!(
                "credential plugin {command:?} may not run: your kuberc says DenyAll"
            ));
        }
        Policy::Allowlist(entries) => entries,
    };
    let found = find(command);
    let is_same = |entry: &String| {
        entry == command
            || found.as_deref().is_some_and(|found| found == Path::new(entry))
            || (found.is_some() && find(entry) == found)
    };
    if entries.iter().any(is_same) {
        Ok(found)
    } else {
        Err(format!(
            "credential plugin {command:?} may not run: it is not in credentialPluginAllowlist of your kuberc, which has {}",
            entries.join(", ")
        ))
    }
}

/// The program that a name stands for: with a slash itself, without one the first in PATH. Relative folders of PATH do not count.
pub(super) fn in_path(name: &str) -> Option<PathBuf> {
    if name.contains('/') {
        return Some(PathBuf::from(name)).filter(|file| is_program(file));
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .find(|file| is_program(file))
}

fn is_program(file: &Path) -> bool {
    file.is_file() && rustix::fs::access(file, rustix::fs::Access::EXEC_OK).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "apiVersion: kubectl.config.k8s.io/v1beta1\nkind: Preference\n";

    fn policy_of(rest: &str) -> Result<Policy, String> {
        parsed(&format!("{HEAD}{rest}"))
    }

    #[test]
    fn a_policy_is_read_as_kubectl_reads_it() {
        assert_eq!(policy_of(""), Ok(Policy::AllowAll));
        assert_eq!(
            policy_of("credentialPluginPolicy: AllowAll"),
            Ok(Policy::AllowAll)
        );
        assert_eq!(
            policy_of("credentialPluginPolicy: DenyAll\naliases: []"),
            Ok(Policy::DenyAll)
        );
        let list =
            "credentialPluginPolicy: Allowlist\ncredentialPluginAllowlist: [{name: a}, {command: /b/c}]";
        let entries = vec!["a".to_owned(), "/b/c".to_owned()];
        assert_eq!(policy_of(list), Ok(Policy::Allowlist(entries)));
        assert_eq!(parsed(""), Ok(Policy::AllowAll));
        let second = format!("kind: Other\n---\n{HEAD}credentialPluginPolicy: DenyAll");
        assert_eq!(parsed(&second), Ok(Policy::DenyAll));
    }

    #[test]
    fn what_makes_no_sense_lets_nothing_run() {
        let bad = [
            "credentialPluginPolicy: allowall",
            "credentialPluginPolicy: Allowlist",
            "credentialPluginPolicy: Allowlist\ncredentialPluginAllowlist: []",
            "credentialPluginPolicy: Allowlist\ncredentialPluginAllowlist: [{}]",
            "credentialPluginPolicy: Allowlist\ncredentialPluginAllowlist: [{name: a, command: a}]",
            "credentialPluginPolicy: Allowlist\ncredentialPluginAllowlist: [{name: /a/../b}]",
            "credentialPluginPolicy: Allowlist\ncredentialPluginAllowlist: [{name: /a//b}]",
            "credentialPluginPolicy: AllowAll\ncredentialPluginAllowlist: [{name: a}]",
            "credentialPluginAllowlist: [{name: a}]",
            "credentialPluginPolicy: {a: b}",
            "credentialPluginPolicy: [",
        ];
        for rest in bad {
            assert!(policy_of(rest).is_err(), "{rest}");
        }
        assert!(parsed("kind: Other").is_err());
    }

    #[test]
    fn a_name_allows_the_program_that_it_stands_for() {
        let find = |name: &str| match name {
            "login" | "/usr/bin/login" => Some(PathBuf::from("/usr/bin/login")),
            "/tmp/login" => Some(PathBuf::from("/tmp/login")),
            _ => None,
        };
        let list = |entry: &str| Policy::Allowlist(vec!["other".to_owned(), entry.to_owned()]);
        let runs = |policy: &Policy, command: &str| allowed(policy, command, find).is_ok();
        assert!(runs(&list("login"), "login"));
        assert!(runs(&list("login"), "/usr/bin/login"));
        assert!(runs(&list("/usr/bin/login"), "login"));
        assert!(!runs(&list("login"), "/tmp/login"));
        assert!(!runs(&list("/usr/bin/login"), "/tmp/login"));
        assert!(!runs(&list("gone"), "unknown"));
        assert!(runs(&Policy::AllowAll, "/tmp/login"));
        assert!(!runs(&Policy::DenyAll, "login"));
        let program = allowed(&list("login"), "login", find).unwrap();
        assert_eq!(program, Some(PathBuf::from("/usr/bin/login")));
    }

    #[test]
    fn a_file_that_was_named_has_to_be_there() {
        let file = |named| Place::File {
            file: PathBuf::from("/nonexistent/kuberc"),
            named,
        };
        assert_eq!(policy(&file(false)), Ok(Policy::AllowAll));
        assert!(policy(&file(true)).is_err());
    }

    #[test]
    fn the_flag_goes_before_the_variable_and_both_can_be_switched_off() {
        let said = |flag: Option<&str>, variable: Option<&str>, gate: Option<&str>| {
            let said = Said {
                flag: flag.map(PathBuf::from),
                variable: variable.map(str::to_owned),
                gate: gate.map(str::to_owned),
                home: Some(PathBuf::from("/home/a")),
            };
            said.place()
        };
        let file = |file: &str, named| Place::File {
            file: PathBuf::from(file),
            named,
        };
        assert_eq!(said(None, None, None), file("/home/a/.kube/kuberc", false));
        assert_eq!(said(None, Some("/v"), None), file("/v", true));
        assert_eq!(said(Some("/f"), Some("/v"), None), file("/f", true));
        assert_eq!(said(None, Some("off"), None), Place::Off);
        assert_eq!(said(None, Some("/v"), Some("false")), Place::Off);
        assert_eq!(
            said(None, None, Some("true")),
            file("/home/a/.kube/kuberc", false)
        );
    }
}
