//! shadow-runc: runc, but the creation of an announced container is a restore.
//!
//! Guarantees: a container without our annotation reaches runc untouched, also when the agent is down; one with it is
//! restored, started fresh on the agent's word, or fails: on every error it fails, with the reason in the runtime's log
//! and so in the pod's events. A restored container that the agent does not know as restored does not stay alive.

pub mod agent;
pub mod annotations;
pub mod args;
pub mod compare;
mod confinement;
pub mod perform;
pub mod report;

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::archive::ArchiveError;
use crate::node::{NodeError, runc};
use args::{Call, Invocation};

/// Why a container was not created.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The node is not as it has to be, or runc failed.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// The rw layer cannot be applied.
    #[error("the container's files could not be restored: {0}")]
    Files(#[from] ArchiveError),
    /// No word from the agent.
    #[error("the agent of this node does not answer: {0}. Kubelet tries again")]
    Agent(std::io::Error),
    /// The agent's "no".
    #[error("restore refused: {0}")]
    Refused(String),
    /// The pod's annotations are incomplete.
    #[error("{0}")]
    Annotations(String),
    /// What came out is not shut off from the node.
    #[error("the restored container is not shut off from the node as its pod asks for, so it was ended: {0}")]
    Open(String),
    /// The new container differs from the dumped one.
    #[error("the new container differs from the one that was dumped: {0}")]
    Different(String),
}

/// Runs shadow-runc with the arguments after the program's name. Returns only with an exit code of its own.
pub fn main(arguments: Vec<OsString>) -> u8 {
    let call = Invocation::parse(&arguments);
    let done = match &call.call {
        Call::Create { bundle, id } => create(&call, bundle, id),
        Call::Start { id } if perform::was_restored(&call, id) => Ok(Next::Exit),
        Call::Start { .. } | Call::Other => Ok(Next::Runc),
    };
    let failed = match done {
        Ok(Next::Exit) => return 0,
        // exec returns only when it failed.
        Ok(Next::Runc) => match runc::find() {
            Ok(program) => {
                let error = Command::new(&program).args(&arguments).exec();
                RestoreError::Node(NodeError::at("start", &program)(error))
            }
            Err(error) => error.into(),
        },
        Err(error) => error,
    };
    report::fail(&call, &failed.to_string());
    1
}

enum Next {
    Runc,
    Exit,
}

fn create(call: &Invocation, bundle: &Path, id: &str) -> Result<Next, RestoreError> {
    // A spec that cannot be read is runc's to complain about.
    let Some(spec) = annotations::read_spec(bundle) else {
        return Ok(Next::Runc);
    };
    match annotations::claim_of(&spec, id)? {
        Some(claim) => perform::restore(call, bundle, &spec, claim),
        None => Ok(Next::Runc),
    }
}
