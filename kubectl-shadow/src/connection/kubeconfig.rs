//! The kubeconfig that kubectl would read, with what the flags change in it. What is wrong is told with the file and the way out.

mod choose;
mod typed;

use std::path::PathBuf;

use kube::config::Kubeconfig;

use crate::cli::Place;
pub(super) use choose::choose;
pub(super) use typed::user as typed_user;

/// A kubeconfig, and the words for where it was read.
pub(super) struct Source {
    /// All files in one.
    pub(super) config: Kubeconfig,
    /// `FILE`, or `FILE and FILE`.
    pub(super) files: String,
}

/// Reads it; none if there is no file at all.
pub(super) fn read(place: &Place) -> Result<Option<Source>, String> {
    let (wanted, named) = files(place);
    let there: Vec<&PathBuf> = wanted.iter().filter(|file| file.exists()).collect();
    let names = |files: &[&PathBuf]| {
        let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
        names.join(" and ")
    };
    if there.is_empty() {
        let all: Vec<&PathBuf> = wanted.iter().collect();
        return if named {
            Err(missing(&names(&all)))
        } else {
            Ok(None)
        };
    }
    let mut config = Kubeconfig::default();
    for file in &there {
        let cannot = |error: &dyn std::fmt::Display| format!("{} cannot be read: {error}", file.display());
        let next = Kubeconfig::read_from(file).map_err(|error| cannot(&error))?;
        config = config.merge(next).map_err(|error| cannot(&error))?;
    }
    Ok(Some(Source {
        config,
        files: names(&there),
    }))
}

/// That there is none.
pub(super) fn none_found() -> String {
    missing(&default_file().map_or_else(|| "~/.kube/config".to_owned(), |file| file.display().to_string()))
}

fn missing(files: &str) -> String {
    let verb = if files.contains(" and ") { "do" } else { "does" };
    format!("{files} {verb} not exist. Name another kubeconfig with --kubeconfig FILE or KUBECONFIG")
}

/// The files to read, and whether somebody named them.
fn files(place: &Place) -> (Vec<PathBuf>, bool) {
    if let Some(file) = &place.kubeconfig {
        return (vec![file.clone()], true);
    }
    let listed = std::env::var_os("KUBECONFIG").unwrap_or_default();
    let listed: Vec<PathBuf> = std::env::split_paths(&listed)
        .filter(|file| !file.as_os_str().is_empty())
        .collect();
    if listed.is_empty() {
        (default_file().into_iter().collect(), false)
    } else {
        (listed, true)
    }
}

fn default_file() -> Option<PathBuf> {
    std::env::home_dir().map(|home| home.join(".kube").join("config"))
}

/// Nothing but what the flags say: for `--server` without any file.
pub(super) fn empty() -> Source {
    Source {
        config: Kubeconfig::default(),
        files: "the command line".to_owned(),
    }
}
