//! containerd: what its configuration says, and our drop-in.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use toml::Value;

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
    let config = parse(&text)?;
    if config.handlers.iter().any(|name| name == "runc") {
        return Ok(config);
    }
    Err(InstallError::Unfit(format!(
        "containerd has no handler runc in plugin {PLUGIN}; it has to be containerd 2.0 or newer, with runc"
    )))
}

/// Reads the merged configuration. Only runc's options are looked at: what others keep in theirs is their business.
fn parse(text: &str) -> Result<Config, InstallError> {
    let dump: toml::Table = text.parse().map_err(|error| no_toml(text, &error))?;
    let mut runtimes = dump.get("plugins");
    for table in [PLUGIN, "containerd", "runtimes"] {
        runtimes = runtimes.and_then(|outer| outer.get(table));
    }
    let Some(runtimes) = runtimes.and_then(Value::as_table) else {
        return Ok(Config::default());
    };
    let options = runtimes.get("runc").and_then(|runc| runc.get("options"));
    let option = |name: &str| options.and_then(|options| options.get(name));
    let binary_name = option("BinaryName").and_then(Value::as_str);
    Ok(Config {
        handlers: runtimes.keys().cloned().collect(),
        systemd_cgroup: option("SystemdCgroup")
            .and_then(Value::as_bool)
            .unwrap_or_default(),
        binary_name: binary_name.filter(|name| !name.is_empty()).map(PathBuf::from),
    })
}

fn no_toml(text: &str, error: &toml::de::Error) -> InstallError {
    let start = error.span().map_or(0, |span| span.start);
    let line = text.bytes().take(start).filter(|byte| *byte == b'\n').count() + 1;
    InstallError::Unfit(format!(
        "the output of containerd config dump is not TOML: {} (line {line}). Type on the node: containerd config dump",
        error.message()
    ))
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
        "{CONFIG} does not import {DROP_IN}. Add at its top: imports = [\"/etc/containerd/conf.d/*.toml\"]"
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

    /// The same, as people write it.
    const OTHER_SPELLINGS: [&str; 4] = [
        r#"
[plugins."io.containerd.cri.v1.runtime".containerd] # inline tables
runtimes = { runc = { options = { BinaryName = "/usr/local/sbin/runc", SystemdCgroup = true } }, shadow = {} }
"#,
        r#"
[plugins."io.containerd.cri.v1.runtime"] # dotted keys
containerd.runtimes.runc.options.SystemdCgroup = true # BinaryName = "/opt/x"
containerd.runtimes.runc.options.BinaryName = '/usr/local/sbin/runc'
containerd.runtimes.shadow.options.SystemdCgroup = false
"#,
        r#"
plugins = { "io.containerd.cri.v1.runtime" = { containerd.runtimes = {
  runc.options = { SystemdCgroup = true, "BinaryName" = """/usr/local/sbin/runc""" },
  shadow.runtime_type = "x",
} } }
"#,
        "
[ plugins . 'io.containerd.cri.v1.runtime' . containerd . runtimes . shadow ]
[plugins.\"io.containerd.cri.v1.runtime\".\"containerd\".runtimes.runc.'options']\r
\tSystemdCgroup\t=\ttrue\r
\tBinaryName = \"/usr/local/\\u0073bin/runc\"\r
",
    ];

    #[test]
    fn handlers_and_options_are_read_however_they_are_written() {
        for text in [DUMP].into_iter().chain(OTHER_SPELLINGS) {
            let config = parse(text).unwrap();
            assert_eq!(config.handlers, ["runc", "shadow"], "{text}");
            assert!(config.systemd_cgroup, "{text}");
            assert_eq!(config.binary_name, Some("/usr/local/sbin/runc".into()), "{text}");
        }
    }

    #[test]
    fn what_is_not_said_is_as_containerd_has_it() {
        let plain = format!("[plugins.'{PLUGIN}'.containerd.runtimes.runc.options]\nBinaryName = ''\n");
        let handlers = vec!["runc".to_owned()];
        assert_eq!(
            parse(&plain).unwrap(),
            Config {
                handlers,
                ..Config::default()
            }
        );
        for none in [
            "",
            "version = 2\n[plugins.'io.containerd.grpc.v1.cri'.containerd.runtimes.runc]\n",
            "plugins = 1\n",
        ] {
            assert_eq!(parse(none).unwrap(), Config::default(), "{none}");
        }
    }

    #[test]
    fn an_output_that_is_no_toml_is_named_with_its_line() {
        let error = parse("version = 3\ncontainerd: broken\n")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("config dump") && error.contains("line 2") && !error.contains('\n'),
            "{error}"
        );
    }

    #[test]
    fn our_handler_uses_the_cgroup_driver_of_runc() {
        assert!(drop_in(&parse(DUMP).unwrap()).contains("SystemdCgroup = true"));
        assert!(drop_in(&Config::default()).contains("SystemdCgroup = false"));
    }

    #[test]
    fn our_drop_in_is_the_handler_that_is_looked_for_afterwards() {
        let config = parse(&drop_in(&Config::default())).unwrap();
        assert_eq!(config.handlers, ["shadow"]);
    }
}
