//! CRIU as runc finds it during our dumps: pauses the container, then becomes the real CRIU.
//!
//! Starting runc takes as long as the dump of a small process. Were the container paused before, all of that would count
//! as freeze; paused here, it stands still only while CRIU works. runc also starts CRIU to ask for its version: only the
//! request to dump pauses.

use std::ffi::OsString;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::sys::socket::{MsgFlags, recv};

use super::freezer::Freezer;
use super::{ContainerId, NodeError, runc};
use crate::layout;

/// Name of the program that is started as CRIU.
pub const NAME: &str = "criu";
/// Environment: container to pause.
const CONTAINER: &str = "SHADOW_PAUSE_CONTAINER";
/// Environment: file that tells when it stood still.
const STAMP: &str = "SHADOW_PAUSE_STAMP";
/// A request is a protobuf message whose first field, number 1, is its kind; kind 1 is a dump.
const DUMP_REQUEST: [u8; 2] = [0x08, 0x01];

/// Folder that comes first on the path of runc.
pub fn folder() -> PathBuf {
    Path::new(layout::INSTALLED).join("bin")
}

/// Prepares a run of runc whose CRIU pauses `id` and leaves a stamp.
pub fn prepare(command: &mut Command, id: &ContainerId, stamp: &Path) -> Result<(), NodeError> {
    let program = folder().join(NAME);
    if !program.exists() {
        return Err(NodeError::Unfit(format!(
            "{} is missing. Delete the pod shadow-agent of this node; the init container of the next one restores it",
            program.display()
        )));
    }
    command.env("PATH", format!("{}:{}", folder().display(), runc::PROGRAMS));
    command.env(CONTAINER, id.as_str()).env(STAMP, stamp);
    Ok(())
}

/// When the container stood still; `None` if it does not yet.
pub fn paused_at(stamp: &Path) -> Option<SystemTime> {
    let nanos = fs::read_to_string(stamp).ok()?.parse::<u64>().ok()?;
    Some(UNIX_EPOCH + Duration::from_nanos(nanos))
}

/// Runs as CRIU. Returns only when the real one cannot be started.
pub fn main(arguments: &[OsString]) -> u8 {
    let failed = match pause(arguments).and_then(|()| runc::find_program(NAME, None)) {
        Ok(program) => {
            let error = Command::new(&program).args(arguments).exec();
            NodeError::at("start", &program)(error)
        }
        Err(error) => error,
    };
    eprintln!("criu of kubectl-shadow: {failed}");
    1
}

fn pause(arguments: &[OsString]) -> Result<(), NodeError> {
    let (Some(id), Some(stamp)) = (std::env::var(CONTAINER).ok(), std::env::var_os(STAMP)) else {
        return Ok(());
    };
    if !asks_for_dump(arguments)? {
        return Ok(());
    }
    let id = ContainerId::parse(&id).map_err(|error| NodeError::Unfit(error.to_string()))?;
    Freezer::of(&id)?.freeze()?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    // Whole or not at all: the dump waits for this file.
    let (stamp, next) = (Path::new(&stamp), Path::new(&stamp).with_extension("next"));
    fs::write(&next, now.as_nanos().to_string()).map_err(NodeError::at("write", &next))?;
    fs::rename(&next, stamp).map_err(NodeError::at("write", stamp))
}

/// Looks at the request that waits on the socket of `criu swrk <fd>` without taking it.
fn asks_for_dump(arguments: &[OsString]) -> Result<bool, NodeError> {
    let [word, number] = arguments else {
        return Ok(false);
    };
    let number = number.to_str().and_then(|number| number.parse::<i32>().ok());
    let (Some(socket), true) = (number, word == "swrk") else {
        return Ok(false);
    };
    let mut head = [0; 2];
    let read = recv(socket, &mut head, MsgFlags::MSG_PEEK)
        .map_err(NodeError::call("look at runc's request to CRIU"))?;
    Ok(read == head.len() && head == DUMP_REQUEST)
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;

    use nix::sys::socket::{AddressFamily, SockFlag, SockType, send, socketpair};

    use super::*;

    fn asks(request: &[u8]) -> bool {
        let (ours, theirs) =
            socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::empty()).unwrap();
        send(ours.as_raw_fd(), request, MsgFlags::empty()).unwrap();
        let arguments = ["swrk".into(), theirs.as_raw_fd().to_string().into()];
        let answer = asks_for_dump(&arguments).unwrap();
        let mut kept = [0; 16];
        assert_eq!(
            recv(theirs.as_raw_fd(), &mut kept, MsgFlags::empty()).unwrap(),
            request.len()
        );
        answer
    }

    #[test]
    fn only_a_dump_pauses_and_the_request_stays_for_criu() {
        assert!(asks(&[0x08, 0x01, 0x12, 0x00]));
        assert!(!asks(&[0x08, 0x02, 0x12, 0x00]), "a restore");
        assert!(!asks(&[0x08, 0x09]), "a question for the version");
        assert!(!asks_for_dump(&["--version".into()]).unwrap());
    }
}
