//! containerd: what its configuration says, and our drop-in.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::InstallError;
use crate::layout;
use crate::node::{NodeError, runc};

/// Where it answers.
pub const SOCKET: &str = "/run/containerd/containerd.sock";
/// Our drop-in.
pub const DROP_IN: &str = "/etc/containerd/conf.d/kubectl-shadow.toml";
const CONFIG: &str = "/etc/containerd/config.toml";
const PLUGIN: &str = "io.containerd.cri.v1.runtime";

/// What matters of the configuration in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// Handlers by name.
    pub handlers: Vec<String>,
    /// Whether runc containers get their cgroups from systemd.
    pub systemd_cgroup: bool,
    /// Another runc than the one on the path.
    pub binary_name: Option<PathBuf>,
}

/// Asks containerd for its merged configuration.
pub fn dump() -> Result<Config, InstallError> {
    let program = runc::find_program("containerd", None)?;
    let output = Command::new(&program)
        .args(["--config", CONFIG, "config", "dump"])
        .env("PATH", runc::PROGRAMS)
        .output()
        .map_err(NodeError::at("start", &program))?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(NodeError::Program {
            program: "containerd config dump".to_owned(),
            message,
        }
        .into());
    }
    let config = parse(&text);
    if config.handlers.iter().any(|name| name == "runc") {
        return Ok(config);
    }
    Err(InstallError::Unfit(format!(
        "containerd has no handler runc in plugin {PLUGIN}; containerd 2.0 or newer with runc is needed"
    )))
}

/// Reads the canonical form that containerd prints: one key a line, tables by their full names.
fn parse(text: &str) -> Config {
    let mut config = Config::default();
    let mut table = String::new();
    let runtimes = format!("plugins.{PLUGIN}.containerd.runtimes.");
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            table = name.replace(['\'', '"'], "");
            if let Some(handler) = table.strip_prefix(&runtimes).filter(|name| !name.contains('.')) {
                config.handlers.push(handler.to_owned());
            }
        } else if table.strip_prefix(&runtimes) == Some("runc.options") {
            match line
                .split_once('=')
                .map(|(key, value)| (key.trim(), value.trim()))
            {
                Some(("SystemdCgroup", value)) => config.systemd_cgroup = value == "true",
                Some(("BinaryName", value)) => {
                    let name = value.trim_matches(['\'', '"']);
                    config.binary_name = (!name.is_empty()).then(|| PathBuf::from(name));
                }
                Some(_) | None => {}
            }
        }
    }
    config
}

/// Our drop-in: the handler beside runc's, with the same cgroup driver.
pub fn drop_in(config: &Config) -> String {
    format!(
        r#"# written by kubectl-shadow
version = 3

[plugins."{PLUGIN}".containerd.runtimes.shadow]
  runtime_type = "io.containerd.runc.v2"
  pod_annotations = ["migration.ms2m.io/*"]
  [plugins."{PLUGIN}".containerd.runtimes.shadow.options]
    BinaryName = "{}/shadow-runc"
    SystemdCgroup = {}
"#,
        layout::INSTALLED,
        config.systemd_cgroup
    )
}

/// Checks that the merged configuration has both handlers.
pub fn verify() -> Result<(), InstallError> {
    let config = dump()?;
    if config.handlers.iter().any(|name| name == "shadow") {
        return Ok(());
    }
    Err(InstallError::Unfit(format!(
        "{CONFIG} does not import {DROP_IN}; add imports = [\"/etc/containerd/conf.d/*.toml\"] at its top"
    )))
}

/// Containers that run under our handler.
pub fn users_of_handler() -> Result<Vec<String>, InstallError> {
    let bundles = Path::new(layout::BUNDLES);
    let listing = match fs::read_dir(bundles) {
        Ok(listing) => listing,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(InstallError::at("read folder", bundles)(error)),
    };
    let mut users = Vec::new();
    for entry in listing {
        let entry = entry.map_err(InstallError::at("read folder", bundles))?;
        // The shim keeps the handler's options beside the container; the name of the wrapper stands in them as it is.
        let options = fs::read(entry.path().join("options.json")).unwrap_or_default();
        if String::from_utf8_lossy(&options).contains("shadow-runc") {
            users.push(entry.file_name().to_string_lossy().chars().take(12).collect());
        }
    }
    Ok(users)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DUMP: &str = "\
version = 3
[plugins]
  [plugins.'io.containerd.cri.v1.runtime']
      [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes]
        [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
          runtime_type = 'io.containerd.runc.v2'
          [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
            BinaryName = '/usr/local/sbin/runc'
            SystemdCgroup = true
        [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.shadow]
          [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.shadow.options]
            BinaryName = '/opt/x'
            SystemdCgroup = false
";

    #[test]
    fn handlers_and_options_are_read_from_the_dump() {
        let config = parse(DUMP);
        assert_eq!(config.handlers, ["runc", "shadow"]);
        assert!(config.systemd_cgroup);
        assert_eq!(config.binary_name, Some("/usr/local/sbin/runc".into()));
    }

    #[test]
    fn our_handler_uses_the_cgroup_driver_of_runc() {
        assert!(drop_in(&parse(DUMP)).contains("SystemdCgroup = true"));
        assert!(drop_in(&Config::default()).contains("SystemdCgroup = false"));
    }
}
