//! Runs a program that may hang, with everything that it has started.

use std::fs;
use std::io;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use wait_timeout::ChildExt;

/// Its exit status; `None` if it had not ended after `limit`: then it was killed, and whatever it had started.
///
/// # Errors
/// When it cannot be started, waited for or killed.
pub fn run(command: &mut Command, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let mut child = command.spawn()?;
    if let Some(status) = child.wait_timeout(limit)? {
        return Ok(Some(status));
    }
    for process in family(child.id())? {
        let pid = i32::try_from(process).map_err(io::Error::other)?;
        match kill(Pid::from_raw(pid), Signal::SIGKILL) {
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    child.wait()?;
    Ok(None)
}

/// A process and all that descend from it, parents first, so that none is replaced by its parent.
fn family(first: u32) -> io::Result<Vec<u32>> {
    let mut all = vec![first];
    let mut next = 0;
    while let Some(process) = all.get(next).copied() {
        all.extend(children(process)?);
        next += 1;
    }
    Ok(all)
}

/// None of a process that has ended meanwhile. A kernel that can restore lists them (`CONFIG_CHECKPOINT_RESTORE` selects
/// `CONFIG_PROC_CHILDREN`).
fn children(process: u32) -> io::Result<Vec<u32>> {
    let mut all = Vec::new();
    let Some(tasks) = unless_ended(fs::read_dir(format!("/proc/{process}/task")))? else {
        return Ok(all);
    };
    for task in tasks {
        let task = task?.path();
        let Some(listed) = unless_ended(fs::read_to_string(task.join("children")))? else {
            continue;
        };
        for pid in listed.split_whitespace() {
            all.push(pid.parse().map_err(io::Error::other)?);
        }
    }
    Ok(all)
}

/// What was read of a process or thread; `None` if it has ended meanwhile.
fn unless_ended<T>(read: io::Result<T>) -> io::Result<Option<T>> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.raw_os_error() == Some(nix::libc::ESRCH) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Instant;

    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn who_ends_in_time_says_how() {
        let status = run(&mut shell("exit 3"), Duration::from_secs(60)).unwrap();
        assert_eq!(status.and_then(|status| status.code()), Some(3));
    }

    #[test]
    fn who_hangs_goes_with_all_that_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let pids = folder.path().join("pids");
        // A grandchild in a session of its own, and one that waits for it.
        let script = format!(
            "sh -c 'setsid sleep 600 & echo $! >> {0}; wait' & echo $! >> {0}; wait",
            pids.display()
        );
        assert_eq!(run(&mut shell(&script), Duration::from_secs(1)).unwrap(), None);
        let listed = fs::read_to_string(&pids).unwrap();
        assert_eq!(listed.lines().count(), 2, "{listed}");
        let lives = |pid: &str| {
            let stat = fs::read_to_string(Path::new("/proc").join(pid).join("stat")).unwrap_or_default();
            // Nobody may have waited for it yet.
            !stat.is_empty() && !stat.contains(") Z ")
        };
        let deadline = Instant::now() + Duration::from_secs(10);
        while listed.lines().any(lives) {
            assert!(Instant::now() < deadline, "one of {listed:?} lives");
            std::thread::yield_now();
        }
    }
}
