//! Compiled dependencies are kept outside the checkout, so that a fresh clone compiles our own crates alone.
//!
//! Each checkout has a build folder of its own: cargo tells the crates of one checkout from those of another neither by name
//! nor by content, only by time, and would take a clone's programs for this checkout's. A new checkout begins with what
//! another one has compiled, less our own crates.

use std::collections::hash_map::DefaultHasher;
use std::env;
use std::fs::{self, File};
use std::hash::{Hash as _, Hasher as _};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::members;

/// Cargo keeps what it compiled for every version of a dependency and of a compiler. Above this a folder is begun again:
/// bytes. One checkout takes about 4 GB.
const LARGEST: u64 = 16 << 30;
/// Cargo holds these files of a build folder while it compiles.
const LOCK: &str = ".cargo-lock";
/// In a build folder: the checkout that it belongs to.
const OWNER: &str = "checkout";

/// The folder of everything that is kept outside the checkout; none where no home is known.
#[must_use]
pub fn cache() -> Option<PathBuf> {
    let folder = |name| env::var_os(name).map(PathBuf::from);
    folder("KUBECTL_SHADOW_CACHE")
        .or_else(|| Some(folder("XDG_CACHE_HOME")?.join("kubectl-shadow")))
        .or_else(|| Some(folder("HOME")?.join(".cache/kubectl-shadow")))
}

/// Where cargo keeps what it compiles for a checkout. A user's own choice stays.
pub(crate) fn build_folder(checkout: &Path) -> Option<PathBuf> {
    match env::var_os("CARGO_BUILD_BUILD_DIR") {
        Some(_) => None,
        None => Some(cache()?.join("build").join(name_of(checkout))),
    }
}

fn name_of(checkout: &Path) -> String {
    let mut hasher = DefaultHasher::new();
    checkout.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// Makes the build folder of a checkout ready: one that has grown too large begins again, a new one begins with what another
/// checkout has compiled, and those of checkouts that are gone go.
///
/// # Errors
///
/// A folder cannot be read, copied or removed; the error names it.
pub fn prepare(checkout: &Path) -> io::Result<()> {
    let Some(folder) = build_folder(checkout) else {
        return Ok(());
    };
    let all = folder.parent().map(Path::to_path_buf).unwrap_or_default();
    fs::create_dir_all(&all).map_err(at(&all))?;
    let lock = File::create(all.join("lock")).map_err(at(&all))?;
    lock.lock().map_err(at(&all))?;
    if folder.exists() {
        bound(&folder, LARGEST)?;
    }
    if !folder.exists() {
        begin(&folder, checkout, &others(&all)?)?;
    }
    for other in others(&all)?.into_iter().filter(|other| !other.checkout.exists()) {
        fs::remove_dir_all(&other.folder).map_err(at(&other.folder))?;
    }
    Ok(())
}

/// The build folder of some checkout.
struct Other {
    folder: PathBuf,
    checkout: PathBuf,
}

/// All build folders, the one that was begun last at the end.
fn others(all: &Path) -> io::Result<Vec<Other>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(all).map_err(at(all))? {
        let folder = entry?.path();
        let owner = folder.join(OWNER);
        // What an interrupted copy left has no owner yet, and is written over.
        if let Ok(text) = fs::read_to_string(&owner) {
            let begun = fs::metadata(&owner)?.modified()?;
            let checkout = PathBuf::from(text);
            found.push((begun, Other { folder, checkout }));
        }
    }
    found.sort_by_key(|(begun, _)| *begun);
    Ok(found.into_iter().map(|(_, other)| other).collect())
}

/// Takes over the folder of a checkout that is gone, or copies the one that was begun last.
fn begin(folder: &Path, checkout: &Path, others: &[Other]) -> io::Result<()> {
    let part = folder.with_extension("part");
    if part.exists() {
        fs::remove_dir_all(&part).map_err(at(&part))?;
    }
    let gone = others.iter().rev().find(|other| !other.checkout.exists());
    match (gone, others.last()) {
        (Some(gone), _) => fs::rename(&gone.folder, &part).map_err(at(&gone.folder))?,
        (None, Some(living)) => copied(&living.folder, &part)?,
        (None, None) => fs::create_dir_all(&part).map_err(at(&part))?,
    }
    forget(&part, &members::names(checkout)?)?;
    fs::write(part.join(OWNER), checkout.as_os_str().as_encoded_bytes()).map_err(at(&part))?;
    fs::rename(&part, folder).map_err(at(folder))
}

/// Times have to stay: by them cargo knows what is up to date.
fn copied(from: &Path, to: &Path) -> io::Result<()> {
    let status = Command::new("cp")
        .args(["-a", "--reflink=auto"])
        .args([from, to])
        .status()?;
    if status.success() {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "copying {} to {} ended with {status}; to begin without it, remove the first",
        from.display(),
        to.display()
    )))
}

/// Makes cargo compile these packages anew.
fn forget(folder: &Path, packages: &[String]) -> io::Result<()> {
    for entry in fs::read_dir(folder).map_err(at(folder))? {
        let path = entry?.path();
        if !path.is_dir() {
            continue;
        }
        if path.file_name().is_some_and(|name| name == ".fingerprint") {
            for print in fs::read_dir(&path).map_err(at(&path))? {
                let print = print?;
                if is_of(&print.file_name().to_string_lossy(), packages) {
                    fs::remove_dir_all(print.path()).map_err(at(&path))?;
                }
            }
        } else if path
            .file_name()
            .is_some_and(|name| name != "deps" && name != "build")
        {
            forget(&path, packages)?;
        }
    }
    Ok(())
}

/// `xtask-lab-0123456789abcdef` is of `xtask-lab` and not of `xtask`.
fn is_of(print: &str, packages: &[String]) -> bool {
    print
        .rsplit_once('-')
        .is_some_and(|(package, _)| packages.iter().any(|name| name == package))
}

/// Removes the folder if it has grown beyond `largest` bytes and no cargo is at work in it.
fn bound(folder: &Path, largest: u64) -> io::Result<()> {
    let mut contents = Contents::default();
    contents.add(folder)?;
    if contents.bytes <= largest {
        return Ok(());
    }
    // Held until the folder is gone.
    let mut held = Vec::new();
    for lock in contents.locks {
        let file = File::open(&lock).map_err(at(&lock))?;
        match file.try_lock() {
            Ok(()) => held.push(file),
            Err(fs::TryLockError::WouldBlock) => return Ok(()),
            Err(fs::TryLockError::Error(error)) => return Err(at(&lock)(error)),
        }
    }
    fs::remove_dir_all(folder).map_err(at(folder))
}

#[derive(Default)]
struct Contents {
    bytes: u64,
    locks: Vec<PathBuf>,
}

impl Contents {
    fn add(&mut self, folder: &Path) -> io::Result<()> {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            // A cargo at work removes folders of its own.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(at(folder)(error)),
        };
        for entry in entries {
            let entry = entry.map_err(at(folder))?;
            let meta = match entry.metadata() {
                Ok(meta) => meta,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(at(&entry.path())(error)),
            };
            if meta.is_dir() {
                self.add(&entry.path())?;
            } else {
                self.bytes += meta.len();
                if entry.file_name() == LOCK {
                    self.locks.push(entry.path());
                }
            }
        }
        Ok(())
    }
}

/// Says where an error happened.
fn at(path: &Path) -> impl Fn(io::Error) -> io::Error + '_ {
    move |error| io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let folder = env::temp_dir().join(format!("xtask-cache-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    /// A build folder with a lock, so many bytes, and fingerprints of our crates and of another.
    fn filled(folder: &Path, bytes: usize) {
        let profile = folder.join("target/verify");
        for print in ["xtask-lab-01", "serde-02"] {
            fs::create_dir_all(profile.join(".fingerprint").join(print)).unwrap();
        }
        File::create(profile.join(LOCK)).unwrap();
        fs::write(profile.join("object"), vec![0; bytes]).unwrap();
    }

    #[test]
    fn folder_beyond_its_bound_goes_unless_cargo_works_in_it() {
        let folder = scratch("large");
        filled(&folder, 11);
        bound(&folder, 11).unwrap();
        assert!(folder.exists());
        let lock = File::open(folder.join("target/verify").join(LOCK)).unwrap();
        lock.lock().unwrap();
        bound(&folder, 10).unwrap();
        assert!(folder.exists(), "cargo is at work");
        drop(lock);
        bound(&folder, 10).unwrap();
        assert!(!folder.exists());
    }

    #[test]
    fn new_checkout_begins_with_what_others_compiled_but_its_own_crates() {
        let base = scratch("begin");
        let checkout = base.join("checkout");
        fs::create_dir_all(checkout.join("lab")).unwrap();
        fs::write(checkout.join("Cargo.toml"), "[workspace]\nmembers = [\"lab\"]\n").unwrap();
        fs::write(
            checkout.join("lab/Cargo.toml"),
            "[package]\nname = \"xtask-lab\"\n",
        )
        .unwrap();
        let all = base.join("build");
        for (name, owner) in [("living", &checkout), ("gone", &base.join("nowhere"))] {
            filled(&all.join(name), 1);
            fs::write(all.join(name).join(OWNER), owner.as_os_str().as_encoded_bytes()).unwrap();
        }
        let prints = |name: &str| all.join(name).join("target/verify/.fingerprint");
        begin(&all.join("first"), &checkout, &others(&all).unwrap()).unwrap();
        assert!(
            !all.join("gone").exists(),
            "the folder of a checkout that is gone is taken over"
        );
        begin(&all.join("second"), &checkout, &others(&all).unwrap()).unwrap();
        for name in ["first", "second"] {
            assert!(prints(name).join("serde-02").exists(), "{name}");
            assert!(!prints(name).join("xtask-lab-01").exists(), "{name}");
            assert_eq!(
                fs::read_to_string(all.join(name).join(OWNER)).unwrap(),
                checkout.display().to_string()
            );
        }
        fs::remove_dir_all(base).unwrap();
    }

    #[test]
    fn fingerprint_belongs_to_the_package_of_its_whole_name() {
        let packages = ["xtask".to_owned(), "orders".to_owned()];
        assert!(is_of("xtask-0123456789abcdef", &packages));
        assert!(!is_of("xtask-lab-0123456789abcdef", &packages));
    }
}
