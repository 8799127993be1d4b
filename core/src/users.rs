//! Users whose processes CRIU may dump on a node.
//!
//! CRIU reads the resource limits of each process (`prlimit`). The kernel allows that for processes of CRIU's own user and group,
//! root; of others only with the capability CAP_SYS_RESOURCE, which virtual machines and nested nodes may lack.

use crate::wire::{NodeFacts, NotRoot};

/// The capability that CRIU needs for processes of other users.
pub const READ_LIMITS: &str = "CAP_SYS_RESOURCE";

/// Why a pod with these processes cannot be dumped on one of these nodes, all of which dump it in the course of its move.
pub fn refused(processes: &[NotRoot], nodes: &[(&str, NodeFacts)]) -> Option<String> {
    let process = processes.first()?;
    let lacking = |(_, facts): &&(&str, NodeFacts)| facts.lacks.iter().any(|lacked| lacked == READ_LIMITS);
    let (node, _) = nodes.iter().find(lacking)?;
    let NotRoot { process, user, group } = process;
    Some(format!(
        "{process} runs as user {user} and group {group}, and on node {node} CRIU may dump processes of user 0 and group 0 only, \
         since the node has not the capability {READ_LIMITS}; let the container run as root (securityContext: runAsUser: 0, \
         runAsGroup: 0), or use nodes that have the capability"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(lacks: &[&str]) -> NodeFacts {
        NodeFacts {
            agent: "0.1.0".into(),
            architecture: "x86_64".into(),
            kernel: "6.18.5".into(),
            criu: "4.2.1".into(),
            runtime: "runc 1.3.6".into(),
            cpu_features: "ab".into(),
            handler: true,
            lacks: lacks.iter().map(|&lacked| lacked.to_owned()).collect(),
            cgroups: None,
        }
    }

    fn process() -> NotRoot {
        NotRoot {
            process: "process 1 (orders)".into(),
            user: 1000,
            group: 0,
        }
    }

    #[test]
    fn a_process_of_another_user_is_refused_where_its_limits_cannot_be_read() {
        let able = ("node-a", node(&[]));
        let unable = ("node-b", node(&[READ_LIMITS]));
        let said = refused(&[process()], &[able.clone(), unable.clone()]).unwrap();
        for word in [
            "process 1 (orders)",
            "user 1000",
            "node-b",
            "CAP_SYS_RESOURCE",
            "runAsUser: 0",
        ] {
            assert!(said.contains(word), "{said}");
        }
        assert_eq!(refused(&[process()], &[able]), None);
        assert_eq!(refused(&[], &[unable]), None);
        assert_eq!(
            refused(&[process()], &[("node-b", node(&["CAP_WAKE_ALARM"]))]),
            None
        );
    }
}
