//! Unix sockets whose other end is in another container: CRIU dumps a connection of which it has both ends only.
//!
//! A socket is refused when a process that holds its other end was found. An other end that nobody holds was closed meanwhile, or
//! travels inside a message: the dump decides.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::process;
use crate::layout;
use crate::node::whose::{self, Whose};
use crate::node::{ContainerId, NodeError, unix_sockets};

/// A socket of the container.
#[derive(Clone, Debug, PartialEq, Eq)]
struct End {
    /// Inode of the other end.
    other: u32,
    /// Path of either end.
    name: Option<String>,
    /// Process and descriptor.
    holder: String,
}

/// Connections of these processes, which are all of container `id`, to others.
pub(super) fn obstacles(id: &ContainerId, pids: &[String]) -> Result<Vec<String>, NodeError> {
    let open = ends(pids)?;
    let wanted = open.iter().map(|end| end.other).collect();
    let holders = holders(&wanted);
    let named = open.into_iter().filter_map(|end| {
        let pid = holders.get(&end.other)?;
        // Asked now: a process that was started meanwhile is in the same cgroup.
        let whose = whose::of(&Path::new("/proc").join(pid), id, Path::new(layout::BUNDLES))?;
        (whose != Whose::Own).then(|| sentence(&with_name(end, pid), &whose))
    });
    Ok(named.collect())
}

/// The end in another pod's network is known there. It only adds to the sentence: one that cannot be asked any more is left out.
fn with_name(end: End, holder: &str) -> End {
    let there = || {
        let table = unix_sockets::of(holder).ok()?;
        table.get(&end.other)?.name.clone()
    };
    let name = end.name.clone().or_else(there);
    End { name, ..end }
}

/// Sockets whose other end none of these processes holds, neither before the kernel's table was read nor after.
fn ends(pids: &[String]) -> Result<Vec<End>, NodeError> {
    let before: BTreeMap<u32, String> = pids.iter().flat_map(|pid| sockets_of(pid)).collect();
    let Some(first) = pids.first().filter(|_| !before.is_empty()) else {
        return Ok(Vec::new());
    };
    let table = unix_sockets::of(first)?;
    let after: BTreeSet<u32> = pids
        .iter()
        .flat_map(|pid| inodes(pid))
        .map(|(inode, _)| inode)
        .collect();
    let open = before.iter().filter_map(|(inode, holder)| {
        let own = table.get(inode)?;
        let other = own
            .peer
            .filter(|other| !before.contains_key(other) && !after.contains(other))?;
        let name = own.name.as_ref().or_else(|| table.get(&other)?.name.as_ref());
        Some(End {
            other,
            name: name.cloned(),
            holder: holder.clone(),
        })
    });
    Ok(open.collect())
}

/// Who of all processes of the node holds these sockets.
fn holders(wanted: &BTreeSet<u32>) -> BTreeMap<u32, String> {
    let mut found = BTreeMap::new();
    if wanted.is_empty() {
        return found;
    }
    let Ok(listing) = fs::read_dir("/proc") else {
        return found;
    };
    for entry in listing.flatten() {
        let Ok(pid) = entry.file_name().into_string() else {
            continue;
        };
        for inode in inodes(&pid).into_iter().map(|(inode, _)| inode) {
            if wanted.contains(&inode) {
                found.insert(inode, pid.clone());
            }
        }
        if found.len() == wanted.len() {
            break;
        }
    }
    found
}

/// Sockets of a process, each with the words for who holds it.
fn sockets_of(pid: &str) -> Vec<(u32, String)> {
    let who = process::name(&Path::new("/proc").join(pid));
    let sockets = inodes(pid).into_iter();
    sockets
        .map(|(inode, number)| (inode, format!("{who} has a unix socket open (fd {number})")))
        .collect()
}

/// Inode and descriptor of each socket.
fn inodes(pid: &str) -> Vec<(u32, String)> {
    let Ok(listing) = fs::read_dir(Path::new("/proc").join(pid).join("fd")) else {
        return Vec::new();
    };
    let sockets = listing.flatten().filter_map(|entry| {
        let link = fs::read_link(entry.path()).ok()?;
        let inode = link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?;
        Some((inode.parse().ok()?, entry.file_name().into_string().ok()?))
    });
    sockets.collect()
}

fn sentence(end: &End, whose: &Whose) -> String {
    let by = match &end.name {
        Some(path) => format!(" by {path}"),
        None => String::new(),
    };
    format!(
        "{} that is connected{by} to {whose}, which does not move with it; let the application talk to it by TCP, which is \
         closed and opened again, or close the connection before the move",
        end.holder
    )
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::fd::OwnedFd;
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::process::{Child, Command, Stdio};

    use super::*;

    /// A process that holds what is given until its standard input ends; it has said that it runs.
    fn holding(socket: UnixStream) -> Child {
        let mut child = Command::new("sh")
            .args(["-c", "echo; exec cat"])
            .stdin(OwnedFd::from(socket))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = child.stdout.as_mut().unwrap();
        said.read_exact(&mut [0]).unwrap();
        child
    }

    #[test]
    fn a_connection_to_another_process_is_found_with_path_and_holder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let ours = UnixStream::connect(&path).unwrap();
        let (theirs, _) = listener.accept().unwrap();
        let _pair = UnixStream::pair().unwrap();
        let (closed, gone) = UnixStream::pair().unwrap();
        drop(gone);
        let mut child = holding(theirs);
        let (us, them) = (std::process::id().to_string(), child.id().to_string());

        let found = ends(std::slice::from_ref(&us)).unwrap();
        let by_path = |end: &&End| end.name.as_deref() == path.to_str();
        let end = found.iter().find(by_path).unwrap_or_else(|| panic!("{found:?}"));
        let wanted = BTreeSet::from([end.other]);
        assert_eq!(holders(&wanted), BTreeMap::from([(end.other, them.clone())]));
        let said = sentence(end, &Whose::Neighbour("proxy".into()));
        for word in [path.to_str().unwrap(), "container \"proxy\"", "fd ", "by TCP"] {
            assert!(said.contains(word), "{said}");
        }
        // Seen with both processes, nothing leads out by this path.
        let both = ends(&[us, them]).unwrap();
        assert!(
            !both.iter().any(|end| end.name.as_deref() == path.to_str()),
            "{both:?}"
        );
        drop((ours, closed));
        assert!(child.wait().unwrap().success());
    }
}
