//! CRIU as runc finds it during our dumps and restores: does what belongs to the moment of the request, then becomes the
//! real CRIU.
//!
//! runc also starts CRIU to ask for its version: that passes through.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::socket::{MsgFlags, recv};

use super::{NodeError, pausing_criu, restoring_criu, runc};
use crate::layout;

/// Name of the program that is started as CRIU.
pub const NAME: &str = "criu";

/// What runc asks of CRIU, as far as it concerns us. A request is a protobuf message whose first field, number 1, is its
/// kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Request {
    Dump,
    Restore,
    Other,
}

impl Request {
    fn of(head: [u8; 2]) -> Self {
        match head {
            [0x08, 0x01] => Self::Dump,
            [0x08, 0x02] => Self::Restore,
            [_, _] => Self::Other,
        }
    }
}

/// Folder that comes first on the path of runc.
pub fn folder() -> PathBuf {
    Path::new(layout::INSTALLED).join("bin")
}

/// Lets a run of runc find us as CRIU.
pub fn stand_in(command: &mut Command) -> Result<(), NodeError> {
    let program = folder().join(NAME);
    if !program.exists() {
        return Err(NodeError::Unfit(format!(
            "{} is missing. Delete the pod shadow-agent of this node; the init container of the next one restores it",
            program.display()
        )));
    }
    command.env("PATH", format!("{}:{}", folder().display(), runc::PROGRAMS));
    Ok(())
}

/// Runs as CRIU. Returns only when the real one cannot be started.
pub fn main(arguments: &[OsString]) -> u8 {
    let failed = match prepare(arguments).and_then(|()| runc::find_program(NAME, None)) {
        Ok(program) => {
            let error = Command::new(&program).args(arguments).exec();
            NodeError::at("start", &program)(error)
        }
        Err(error) => error,
    };
    eprintln!("criu of kubectl-shadow: {failed}");
    1
}

fn prepare(arguments: &[OsString]) -> Result<(), NodeError> {
    let (pause, own_cgroup) = (pausing_criu::asked(), restoring_criu::asked());
    // A CRIU that has nothing to do does not wait for its request.
    if pause.is_none() && own_cgroup.is_none() {
        return Ok(());
    }
    match (request(arguments)?, pause, own_cgroup) {
        (Request::Dump, Some(pause), _) => pause.pause(),
        (Request::Restore, _, Some(way)) => way.take(),
        (Request::Dump | Request::Restore | Request::Other, _, _) => Ok(()),
    }
}

/// Looks at the request that waits on the socket of `criu swrk <fd>` without taking it.
fn request(arguments: &[OsString]) -> Result<Request, NodeError> {
    let [word, number] = arguments else {
        return Ok(Request::Other);
    };
    let number = number.to_str().and_then(|number| number.parse::<i32>().ok());
    let (Some(socket), true) = (number, word == "swrk") else {
        return Ok(Request::Other);
    };
    let mut head = [0; 2];
    let read = recv(socket, &mut head, MsgFlags::MSG_PEEK)
        .map_err(NodeError::call("look at runc's request to CRIU"))?;
    Ok(if read == head.len() {
        Request::of(head)
    } else {
        Request::Other
    })
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;

    use nix::sys::socket::{AddressFamily, SockFlag, SockType, send, socketpair};

    use super::*;

    fn asks(message: &[u8]) -> Request {
        let (ours, theirs) =
            socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::empty()).unwrap();
        send(ours.as_raw_fd(), message, MsgFlags::empty()).unwrap();
        let arguments = ["swrk".into(), theirs.as_raw_fd().to_string().into()];
        let answer = request(&arguments).unwrap();
        let mut kept = [0; 16];
        assert_eq!(
            recv(theirs.as_raw_fd(), &mut kept, MsgFlags::empty()).unwrap(),
            message.len()
        );
        answer
    }

    #[test]
    fn dumps_and_restores_are_told_apart_and_the_request_stays_for_criu() {
        assert_eq!(asks(&[0x08, 0x01, 0x12, 0x00]), Request::Dump);
        assert_eq!(asks(&[0x08, 0x02, 0x12, 0x00]), Request::Restore);
        assert_eq!(asks(&[0x08, 0x09]), Request::Other, "a question for the version");
        assert_eq!(request(&["--version".into()]).unwrap(), Request::Other);
    }
}
