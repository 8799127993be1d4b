//! The policy that a file of preferences holds.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::Place;

/// Which plugins may run.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::connection) enum Policy {
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
pub(in crate::connection) fn policy(place: &Place) -> Result<Policy, String> {
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
    fn a_file_that_was_named_has_to_be_there() {
        let file = |named| Place::File {
            file: PathBuf::from("/nonexistent/kuberc"),
            named,
        };
        assert_eq!(policy(&file(false)), Ok(Policy::AllowAll));
        assert!(policy(&file(true)).is_err());
    }
}
