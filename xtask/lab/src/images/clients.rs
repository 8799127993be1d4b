//! The image of the ordinary clients in `examples/clients`: Python with the libraries as Debian has them, and the programs.

use super::binaries;
use super::image::{Image, Launch};
use super::layer::{self, Entry};
use crate::debian::{Recipe, remove_where};
use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use walkdir::WalkDir;

const TREE: Recipe = Recipe {
    name: "clients-sid-1",
    what: "ordinary clients",
    packages: "python3-pika,python3-aio-pika",
    unused: &[],
    emptied: &[],
    finish,
};

/// Parts of Python's library that only its developers, and people at a terminal, call.
const UNUSED_MODULES: [&str; 7] = [
    "_pyrepl",
    "idlelib",
    "pydoc_data",
    "test",
    "turtledemo",
    "unittest",
    "venv",
];

/// `samples/clients:dev`. Which of them runs, a pod says.
pub(super) fn image() -> Result<Image> {
    let tree = TREE.ensure()?;
    let packages = layer::cached(&layer::cache_folder()?, TREE.name, |writer| writer.tree(&tree))?;
    let programs = programs(&binaries::workspace().join("examples/clients"))?;
    let launch = Launch {
        entrypoint: "/usr/bin/python3",
        user: "65532:65532",
        // As most images of Python programs have it: nothing is written beside the programs, and logs come at once.
        environment: &[
            "PATH=/usr/bin",
            "LANG=C.UTF-8",
            "PYTHONDONTWRITEBYTECODE=1",
            "PYTHONUNBUFFERED=1",
        ],
    };
    Image::new(
        "samples/clients",
        "dev",
        &launch,
        vec![packages, layer::of_files(&programs)?],
    )
}

/// The consumers and what they share, below `/app`.
fn programs(folder: &Path) -> Result<BTreeMap<String, Entry>> {
    let mut files = BTreeMap::new();
    for entry in WalkDir::new(folder) {
        let entry = entry.with_context(|| format!("walk {}", folder.display()))?;
        let path = entry.path().strip_prefix(folder)?;
        let name = path.to_string_lossy();
        if is_run(&name) {
            let content =
                fs::read(entry.path()).with_context(|| format!("read {}", entry.path().display()))?;
            files.insert(format!("app/{name}"), Entry { mode: 0o644, content });
        }
    }
    ensure!(!files.is_empty(), "no program in {}", folder.display());
    Ok(files)
}

/// Not what checks them.
fn is_run(name: &str) -> bool {
    name.ends_with(".py") && (name.starts_with("with_") || name.starts_with("orders/"))
}

/// Compiles the modules anew: a layer carries no times, and Python compares them with those it noted unless it is told that a
/// module never changes. It would compile all of them at each start of a pod.
fn finish(tree: &Path) -> Result<String> {
    let (name, library) = library(tree)?;
    for module in UNUSED_MODULES {
        remove_where(&library, |entry| entry == module)?;
    }
    let folders = [library, tree.join("usr/lib/python3")];
    for folder in &folders {
        forget_compiled(folder)?;
    }
    let inside = folders
        .iter()
        .map(|folder| Path::new("/").join(folder.strip_prefix(tree).unwrap_or(folder)));
    let status = Command::new("chroot")
        .arg(tree)
        .args(["/usr/bin/python3", "-m", "compileall", "-q"])
        .args(["--invalidation-mode", "unchecked-hash"])
        .args(inside)
        .stdin(Stdio::null())
        .status()
        .context("run chroot")?;
    ensure!(
        status.success(),
        "the modules of {name} cannot be compiled: {status}"
    );
    Ok(name)
}

/// `python3.14` and its library.
fn library(tree: &Path) -> Result<(String, PathBuf)> {
    let lib = tree.join("usr/lib");
    let entries = fs::read_dir(&lib)
        .and_then(|entries| entries.collect::<Result<Vec<_>, _>>())
        .with_context(|| format!("read {}", lib.display()))?;
    let mut names = entries
        .iter()
        .map(|entry| entry.file_name().to_string_lossy().into_owned());
    let name = names.find(|name| name.starts_with("python3.")).with_context(|| {
        format!(
            "no python3.… in {}: was the package python3 installed?",
            lib.display()
        )
    })?;
    let library = lib.join(&name);
    Ok((name, library))
}

fn forget_compiled(folder: &Path) -> Result<()> {
    let compiled: Vec<_> = WalkDir::new(folder)
        .into_iter()
        .filter_entry(|entry| entry.file_type().is_dir())
        .collect::<Result<_, _>>()
        .with_context(|| format!("walk {}", folder.display()))?;
    for entry in compiled {
        if entry.file_name() == "__pycache__" {
            remove_where(entry.path(), |_| true)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_image_has_the_consumers_and_what_they_share() {
        let programs = programs(&binaries::workspace().join("examples/clients")).unwrap();
        let names: Vec<&str> = programs.keys().map(String::as_str).collect();
        for wanted in ["app/with_pika.py", "app/with_aio_pika.py", "app/orders/state.py"] {
            assert!(names.contains(&wanted), "{names:?}");
        }
        assert!(!names.contains(&"app/check.py"), "{names:?}");
        assert!(names.iter().all(|name| name.ends_with(".py")), "{names:?}");
    }
}
