//! Claim, compare, restore files, restore processes, report.

use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::Value;
use shadow_core::criu_words;
use shadow_core::machine::limits;
use shadow_core::wire::Cgroups;

use super::agent::AgentLink;
use super::args::Invocation;
use super::{Next, RestoreError, compare, confinement};
use crate::archive::{IMAGES, LAYER, SPEC, apply};
use crate::claim::{Answer, ClaimRequest, RestoreOutcome};
use crate::layout::Layout;
use crate::node::facts::cgroups;
use crate::node::{NodeError, criu_log, quiet, restoring_criu, runc, within};
use crate::pace::stretched;

/// In the runtime's folder of a restored container, which goes with the container.
const MARK: &str = "shadow-restored";

/// Whether `start` has nothing to do.
pub fn was_restored(call: &Invocation, id: &str) -> bool {
    !id.contains('/') && call.root.join(id).join(MARK).exists()
}

/// Claims and restores; `Next::Runc` if the agent says that the container starts fresh.
pub(super) fn restore(
    call: &Invocation,
    bundle: &Path,
    spec: &Value,
    claim: ClaimRequest,
) -> Result<Next, RestoreError> {
    // Long after a move the pod still names its key, and its agent may be away when the container starts again.
    if Layout::node().over_marker(&claim.key).exists() {
        return Ok(Next::Runc);
    }
    if !call.lost.is_empty() {
        return Err(RestoreError::Annotations(format!(
            "a restore cannot honour {:?}",
            call.lost
        )));
    }
    let mut agent = AgentLink::new();
    let dir = match agent.claim(claim.clone())? {
        Answer::Restore { dir } => dir,
        Answer::Fresh { .. } => return Ok(Next::Runc),
        Answer::Refused { why } => return Err(RestoreError::Refused(why)),
        Answer::Recorded => {
            return Err(RestoreError::Refused(
                "the agent gave another answer than expected".to_owned(),
            ));
        }
    };
    let begun = Instant::now();
    let restored = restore_from(call, bundle, spec, &dir, &claim.container_id);
    let outcome = RestoreOutcome {
        key: claim.key,
        container_id: claim.container_id.clone(),
        ok: restored.is_ok(),
        message: restored
            .as_ref()
            .err()
            .map(ToString::to_string)
            .unwrap_or_default(),
        micros: u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX),
    };
    let reported = agent.report(outcome);
    restored?;
    if let Err(error) = reported {
        // Running, but not known as restored: it could be restored a second time. It must not stay.
        remove(call, &claim.container_id)?;
        return Err(error);
    }
    Ok(Next::Exit)
}

fn restore_from(
    call: &Invocation,
    bundle: &Path,
    spec: &Value,
    dir: &Path,
    id: &str,
) -> Result<(), RestoreError> {
    let path = dir.join(SPEC);
    let json = fs::read(&path).map_err(NodeError::at("read", &path))?;
    let dumped: Value = serde_json::from_slice(&json)
        .map_err(|error| NodeError::Unfit(format!("{} is not as expected: {error}", path.display())))?;
    if let Some(why) = compare::difference(&dumped, spec) {
        return Err(RestoreError::Different(why));
    }
    let layer = dir.join(LAYER);
    if layer.exists() {
        let file = File::open(&layer).map_err(NodeError::at("open", &layer))?;
        apply::apply(BufReader::with_capacity(256 * 1024, file), &rootfs(bundle, spec))?;
    }
    let images = dir.join(IMAGES);
    let work = dir.with_file_name("work");
    fs::create_dir_all(&work).map_err(NodeError::at("make folder", &work))?;
    run_restore(call, spec, &images, &work, id)?;
    confined(call, spec, id)?;
    let mark = call.root.join(id).join(MARK);
    if let Err(error) = fs::write(&mark, "") {
        // It runs by now, and without its mark it would be restored again at its next start.
        remove(call, id)?;
        return Err(NodeError::at("write", &mark)(error).into());
    }
    Ok(())
}

fn rootfs(bundle: &Path, spec: &Value) -> PathBuf {
    bundle.join(
        spec.pointer("/root/path")
            .and_then(Value::as_str)
            .unwrap_or("rootfs"),
    )
}

/// A copy that shares with the node what a fresh container would not does not stay. On cgroup v1, where runc mounts the node's
/// cgroups into each copy, this is a known limit and not looked at.
fn confined(call: &Invocation, spec: &Value, id: &str) -> Result<(), RestoreError> {
    if cgroups()? == Cgroups::V1 {
        return Ok(());
    }
    let looked = quiet::first_process(&call.root.join(id).join("state.json"))
        .and_then(|pid| confinement::fault(spec, pid));
    let failed = match looked {
        Ok(None) => return Ok(()),
        Ok(Some(why)) => RestoreError::Open(why),
        Err(error) => error.into(),
    };
    remove(call, id)?;
    Err(failed)
}

fn run_restore(
    call: &Invocation,
    spec: &Value,
    images: &Path,
    work: &Path,
    id: &str,
) -> Result<(), RestoreError> {
    let program = runc::find()?;
    let mut command = Command::new(&program);
    if cgroups()? == Cgroups::V2 {
        restoring_criu::prepare(&mut command, spec)?;
    }
    command
        .args(&call.globals)
        .args(["restore", "--detach", "--no-subreaper"]);
    command
        .args(runc::criu_args(images, work))
        .args(&call.options)
        .arg(id);
    // One that hangs keeps its pod from going away.
    let limit = stretched(limits::restore(size(images)?).unsigned_abs());
    // Standard input, output and error are the container's.
    let ended = within::run(&mut command, limit).map_err(NodeError::at("run", &program))?;
    if ended.is_some_and(|status| status.success()) {
        return Ok(());
    }
    let status = ended.map_or_else(
        || format!("not ready after {} s, so it was ended", limit.as_secs()),
        |status| status.to_string(),
    );
    let said = call.log.as_deref().and_then(runc::last_error).unwrap_or_default();
    let criu = criu_log::of_restore(&work.join("restore.log")).message;
    let hint = hint(ended.is_none(), &said, &criu);
    let message = format!("{status} ({said}); {criu}{hint}");
    Err(NodeError::Program {
        program: "runc restore".to_owned(),
        message,
    }
    .into())
}

/// Bytes of all files in a folder of CRIU's, which has no folders.
fn size(images: &Path) -> Result<u64, NodeError> {
    let files = fs::read_dir(images).map_err(NodeError::at("read folder", images))?;
    files
        .map(|file| file.and_then(|file| file.metadata()).map(|facts| facts.len()))
        .sum::<io::Result<u64>>()
        .map_err(NodeError::at("read folder", images))
}

/// What usually is behind a restore that was killed or hung: CRIU itself only sees that it happened. The kernel kills
/// who gets too little memory, or now and then lets them wait for it for ever.
fn hint(hung: bool, said: &str, criu: &str) -> &'static str {
    let killed = criu_words::was_killed(&[said, criu]);
    if killed || hung {
        ". The pod's memory limit may be too small for the dump"
    } else {
        ""
    }
}

fn remove(call: &Invocation, id: &str) -> Result<(), RestoreError> {
    let program = runc::find()?;
    let mut command = Command::new(&program);
    command
        .args(&call.globals)
        .args(["delete", "--force", id])
        .stdin(Stdio::null());
    let status = command.status().map_err(NodeError::at("start", &program))?;
    if status.success() {
        Ok(())
    } else {
        let message = format!("{status}; a restored container may still run that kubelet does not know");
        Err(NodeError::Program {
            program: format!("runc delete --force {id}"),
            message,
        }
        .into())
    }
}

#[cfg(test)]
mod tests {
    use super::hint;

    #[test]
    fn a_restore_that_was_killed_or_hung_names_the_memory_limit() {
        let nothing = "CRIU says nothing (restore.log is missing)";
        for (hung, said) in [(true, ""), (false, "read unixpacket @->@: EOF")] {
            assert!(hint(hung, said, nothing).contains("memory limit"), "{said}");
        }
        let other = "File etc/hosts has bad size 26 (expect 23)";
        assert_eq!(hint(false, "criu failed: type RESTORE errno 0", other), "");
    }
}
