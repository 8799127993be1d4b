//! Whether a policy lets a program run.

use std::path::{Path, PathBuf};

use super::policy::Policy;

/// Whether the policy lets this command run; and as which program, so that the one that was looked at is the one that runs.
/// `find` says which program a name stands for.
pub(in crate::connection) fn allowed(
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
pub(in crate::connection) fn in_path(name: &str) -> Option<PathBuf> {
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
}
