//! The packages of the workspace. By two lines of its manifests, since this crate is compiled before any that reads TOML.

use std::fs;
use std::io;
use std::path::Path;

/// Names of all packages of the workspace in this folder.
pub(crate) fn names(workspace: &Path) -> io::Result<Vec<String>> {
    let manifest = workspace.join("Cargo.toml");
    let text = read(&manifest)?;
    let members = text
        .split_once("members = [")
        .and_then(|(_, rest)| Some(rest.split_once(']')?.0))
        .ok_or_else(|| io::Error::other(format!("{} lists no members", manifest.display())))?;
    members
        .split('"')
        .skip(1)
        .step_by(2)
        .map(|member| name(&workspace.join(member)))
        .collect()
}

fn name(package: &Path) -> io::Result<String> {
    let manifest = package.join("Cargo.toml");
    let text = read(&manifest)?;
    let name = text
        .lines()
        .find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
    name.map(str::to_owned)
        .ok_or_else(|| io::Error::other(format!("{} names no package", manifest.display())))
}

fn read(path: &Path) -> io::Result<String> {
    fs::read_to_string(path)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_room_is_a_package_of_this_workspace() {
        let names = names(crate::workspace()).unwrap();
        for expected in ["shadow-core", "xtask", "xtask-lab", "orders", "kubectl-shadow"] {
            assert!(
                names.iter().any(|name| name == expected),
                "{expected} is not in {names:?}"
            );
        }
    }
}
