//! kubectl's own preferences (kuberc), of which one thing counts here: which credential plugins of a kubeconfig may run
//! (`credentialPluginPolicy`, since kubectl 1.35). Guarantee: no plugin runs that kubectl would refuse. A file that cannot be read
//! refuses all, where kubectl only warns.

mod allowed;
mod policy;

use std::path::PathBuf;

pub(super) use allowed::{allowed, in_path};
pub(super) use policy::policy;

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

#[cfg(test)]
mod tests {
    use super::*;

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
