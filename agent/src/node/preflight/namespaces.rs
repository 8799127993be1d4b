//! Processes with namespaces of their own inside the container, as sandboxes make them: CRIU dumps one of each kind, but for
//! networks and mounts.

use std::fs;
use std::path::Path;

use super::process;

/// As `/proc` and CRIU call them.
const ONE_EACH: [&str; 4] = ["pid", "user", "ipc", "uts"];

/// Of the processes of a container whose first one is `init`.
pub(super) fn obstacles(init: &str, pids: &[String]) -> Vec<String> {
    let nested = pids.iter().filter_map(|pid| {
        let kind = ONE_EACH.into_iter().find(|kind| differs(init, pid, kind))?;
        Some(format!(
            "{} has a {kind} namespace of its own, which CRIU cannot dump inside a container; turn off the sandbox that made it",
            process::name(&Path::new("/proc").join(pid))
        ))
    });
    nested.collect()
}

/// A process that has ended has none.
fn differs(one: &str, other: &str, kind: &str) -> bool {
    let of = |pid: &str| fs::read_link(Path::new("/proc").join(pid).join("ns").join(kind)).ok();
    matches!((of(one), of(other)), (Some(one), Some(other)) if one != other)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_process_in_a_namespace_of_its_own_is_named() {
        let mut child = Command::new("unshare")
            .args(["--uts", "cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(b"!").unwrap();
        child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        let (us, them) = (std::process::id().to_string(), child.id().to_string());
        let found = obstacles(&us, &[us.clone(), them]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("(cat) has a uts namespace"), "{found:?}");
        // One that has ended.
        assert_eq!(obstacles(&us, &["0".into()]), Vec::<String>::new());
        drop(input);
        assert!(child.wait().unwrap().success());
    }
}
