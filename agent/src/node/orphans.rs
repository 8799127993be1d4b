//! What a dead dump left running: runc and CRIU. They are given time to finish, since a process whose dumper dies half-way
//! may not survive it, and since CRIU puts the freezer back into the state it found when it ends.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tracing::warn;

use super::NodeError;

const PATIENCE: Duration = Duration::from_secs(8);
const LOOK_AGAIN: Duration = Duration::from_millis(10);
/// Process group numbers are used again; only these programs can be ours.
const OURS: [&str; 4] = ["runc", "criu", "tar", "gzip"];

/// Waits until the process group of a dump is gone; ends what does not go.
pub fn settle(group: i32) -> Result<(), NodeError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let members = members(group)?;
        if members.is_empty() {
            return Ok(());
        }
        if Instant::now() > deadline {
            warn!(group, ?members, "ending a dump that does not end");
            for pid in members {
                match kill(Pid::from_raw(pid), Signal::SIGKILL) {
                    Ok(()) | Err(Errno::ESRCH) => {}
                    Err(errno) => return Err(NodeError::call("end a dump that does not end")(errno)),
                }
            }
        }
        thread::sleep(LOOK_AGAIN);
    }
}

fn members(group: i32) -> Result<Vec<i32>, NodeError> {
    let proc = Path::new("/proc");
    let mut found = Vec::new();
    for entry in fs::read_dir(proc).map_err(NodeError::at("read folder", proc))? {
        let entry = entry.map_err(NodeError::at("read folder", proc))?;
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        if let Some((pid, name, state, process_group)) = parse(&stat)
            && process_group == group
            && state != "Z"
            && OURS.contains(&name)
        {
            found.push(pid);
        }
    }
    Ok(found)
}

/// `pid (name) state parent group …`; the name may hold anything, the last parenthesis ends it.
fn parse(stat: &str) -> Option<(i32, &str, &str, i32)> {
    let (pid, rest) = stat.split_once(" (")?;
    let (name, rest) = rest.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    let state = fields.next()?;
    Some((pid.parse().ok()?, name, state, fields.nth(1)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    use super::*;

    #[test]
    fn a_process_line_is_read_even_with_an_odd_name() {
        assert_eq!(parse("12 (a) b (c) S 1 34 5"), Some((12, "a) b (c", "S", 34)));
        assert_eq!(parse(""), None);
    }

    #[test]
    fn a_group_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("runc");
        fs::copy("/bin/sleep", &program).unwrap();
        let mut child = Command::new(&program)
            .arg("0.3")
            .process_group(0)
            .spawn()
            .unwrap();
        let group = i32::try_from(child.id()).unwrap();
        assert_eq!(members(group).unwrap(), [group]);
        let begun = Instant::now();
        settle(group).unwrap();
        assert!(begun.elapsed() > Duration::from_millis(100));
        assert!(
            child.wait().unwrap().success(),
            "it was ended instead of waited for"
        );
    }
}
