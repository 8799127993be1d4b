//! The checks: code, what is looked at, why it matters, the way out. docs/check.md is made of this table, and `explain` prints it.

/// A check. `SH` and three digits: 0 is the cluster, 1 nodes, 2 a pod, 3 what is before an installation. A code keeps its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code {
    /// `SH004`.
    pub code: &'static str,
    /// What is looked at.
    pub title: &'static str,
    /// What does not work otherwise.
    pub why: &'static str,
    /// What to do.
    pub way_out: &'static str,
}

/// Constants, and the table of all of them: none can be left out of it.
macro_rules! checks {
    ($($name:ident $code:literal $title:literal $why:literal $way_out:literal)*) => {
        $(#[doc = $title]
        pub const $name: Code = Code { code: $code, title: $title, why: $why, way_out: $way_out };)*
        /// All of them, in the order of their codes.
        pub const ALL: &[Code] = &[$($name),*];
    };
}

checks! {
    SERVER "SH001" "The API server answers, and has a version with all that is needed"
        "The admission policies that reserve the marks of a restore need Kubernetes 1.30. Only 1.36 was run."
        "Use another cluster, or update the control plane."
    KINDS "SH002" "The custom resources are there and served"
        "Without StatefulMigration nothing can be asked for. Without MigrationProgress the live view shows no queues."
        "Type: kubectl shadow install --registry REGISTRY"
    FIELDS "SH003" "The custom resources have the fields that this plugin knows"
        "A field that the cluster does not know is dropped without a word."
        "Use the plugin of the version that is installed, or install this version."
    CONTROLLER "SH004" "The controller is available"
        "It decides each step. Without it no move begins, and a move that is under way stands still."
        "Type: kubectl -n shadow-system describe deployment shadow-controller"
    LEASE "SH005" "A controller holds the Lease, and renews it"
        "A controller acts only while it sees its own Lease. Without a Lease it does nothing."
        "Type: kubectl -n shadow-system logs deployment/shadow-controller"
    WEBHOOK "SH006" "The admission webhook is available"
        "Without it no migration is accepted. Other objects are not touched by that."
        "Type: kubectl -n shadow-system describe deployment shadow-webhook"
    AUTHORITY "SH007" "The webhook configurations hold a certificate authority that is valid"
        "The API server calls the webhook over TLS, and trusts only this authority. The controller puts it in."
        "If the controller runs, it puts the authority in within seconds. Else see SH004."
    ADMISSION "SH008" "The webhook answers"
        "A creation of a migration that is only tried (dry run) has to be judged by it."
        "Look at the network between the API server and namespace shadow-system, port 8443 of the webhook's pods."
    POLICIES "SH009" "The admission policies are there and bound"
        "They keep others from making a pod a restore, and the controller from writing other webhook configurations."
        "Install this version again: kubectl shadow install --registry REGISTRY"
    ROLES "SH010" "The roles for users are there"
        "Users with the roles view, edit and admin may see and order moves by them."
        "Install this version again: kubectl shadow install --registry REGISTRY"
    RUNTIME_CLASS "SH011" "The RuntimeClass shadow is there"
        "The pod of a copy names it, so that its container is restored and not started."
        "Install this version again: kubectl shadow install --registry REGISTRY"
    VERSIONS "SH012" "All parts run from images of one tag"
        "Parts of two versions may not understand each other."
        "Wait for the end of an update, or install again with one tag."
    PAUSE "SH013" "Moves are not paused"
        "While an administrator has paused them, no new move begins. Moves under way go on, and plans are made."
        "Ask the user that paused them, or type: kubectl shadow resume"
    NODE_UP "SH101" "The node is Ready"
        "No pod is moved from or to a node that does not answer."
        "Type: kubectl describe node NODE"
    CORDON "SH102" "The node takes pods"
        "A cordoned node is no target. Pods can be moved away from it."
        "Type: kubectl uncordon NODE"
    PLATFORM "SH103" "The node runs Linux on amd64"
        "The images of the agent are built for linux/amd64 only, and CRIU needs Linux."
        "Keep pods that are to be moved on other nodes."
    AGENT "SH104" "The agent runs on the node"
        "It dumps, sends and restores. A node without it takes no part."
        "Type: kubectl -n shadow-system describe pod AGENT, and read its last words."
    READY_LABEL "SH105" "The node has the label migration.ms2m.io/ready=true"
        "The controller sets it when the agent has answered. Only such a node is a target."
        "Wait some seconds after an installation. Then look at the controller (SH004, SH005) and at NetworkPolicies between it and port 7443."
    FACTS "SH106" "The node publishes versions, and its agent has the version of this plugin"
        "Kernel, CRIU, runtime and CPU features are compared before a move. Without them a node cannot be judged."
        "Install this version again: kubectl shadow install --registry REGISTRY"
    HANDLER "SH107" "The container runtime of the node has the runtime handler shadow"
        "Without it copies are restored from checkpoint images only, by some versions of containerd, through a registry."
        "Install without --no-runtime-handler, and read the last words of the agent's init container."
    CAPABILITIES "SH108" "CRIU has the capabilities that it uses"
        "Without CAP_SYS_RESOURCE it dumps processes of user 0 only."
        "Run the container as root, or look for what takes the capability away from privileged pods of this node."
    PARTNER "SH109" "Another node can restore what runs on this one"
        "A process is restored where kernel, CRIU and runtime are not older and the CPU has the same features."
        "Bring the nodes to one version, or add a node of the same kind."
    POD "SH201" "The pod can be moved"
        "Owner, volumes, containers and the state of the pod have to allow that a copy takes over."
        "The line says it, in the words of the admission."
    RIGHTS "SH202" "You may move pods in this namespace"
        "A move creates and deletes a pod in your name, and is asked for by a StatefulMigration."
        "Ask an administrator for the role edit in the namespace."
    ALONE "SH203" "No other migration moves this pod or its queue"
        "Two moves of one stream would take each other's messages."
        "Wait for the end of the other one, or type: kubectl shadow cancel NAME"
    CONTAINER "SH204" "The container to move is known and runs"
        "Of a pod with several containers one is moved, and it has to be named."
        "Type: kubectl shadow setup WORKLOAD --container NAME"
    QUEUE "SH205" "The queue is named"
        "The stream that the pod consumes is held during the move."
        "Type: kubectl shadow setup WORKLOAD --queue QUEUE"
    SECRET "SH206" "The Secret of the broker is named and there"
        "It holds the addresses uri (amqp) and managementUri (http) with user and password."
        "Type: kubectl shadow setup WORKLOAD --broker-secret SECRET"
    SECRET_ACCESS "SH207" "The controller may read the Secret of the broker"
        "It reads only Secrets that were allowed by name."
        "Type: kubectl shadow allow --secret SECRET -n NAMESPACE"
    TARGET "SH208" "The pod fits another node"
        "A target is up, takes pods, has an agent, can restore what runs there, and obeys the pod's own rules about its place."
        "The line says what speaks against each node. Type: kubectl shadow check nodes"
    WAYS "SH209" "The ways of moving go together"
        "The pod's owner and volumes decide which strategy and which restore are possible."
        "The line says it, in the words of the admission."
    SURPRISE "SH210" "Nothing of the move surprises"
        "A move is accepted, and something will not be as some expect, such as the files of an emptyDir."
        "Read the line, and decide."
    INSTALL_RIGHTS "SH301" "You may create what an installation creates"
        "An installation creates roles, webhook configurations, a DaemonSet and more. Roles may be created by a user with all rights in them, or with the verb escalate."
        "Ask an administrator of the cluster, or install as one."
    RUNTIME "SH302" "The container runtime of the node can get a runtime handler"
        "The installation writes a drop-in for containerd 2.0 or newer, or for CRI-O, and restarts the runtime once. CRI-O was not run."
        "Update the runtime, or keep pods that are to be moved on other nodes."
    INSTALLED "SH303" "Nothing is installed yet"
        "An installation over another one updates it, and restarts the agents."
        "To look at the installation, type: kubectl shadow check"
}

/// The check of this code, in whatever letters it is typed.
pub fn of(code: &str) -> Option<Code> {
    ALL.iter()
        .copied()
        .find(|one| one.code.eq_ignore_ascii_case(code))
}

/// The table for docs/check.md.
pub fn page() -> String {
    let cell = |text: &str| text.replace('|', "\\|");
    let rows = ALL.iter().map(|one| {
        let (title, why, way_out) = (cell(one.title), cell(one.why), cell(one.way_out));
        format!("| `{}` | {title}. | {why} | {way_out} |\n", one.code)
    });
    let head = "| code | what is looked at | why it matters | the way out |\n|---|---|---|---|\n";
    [head.to_owned()].into_iter().chain(rows).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_in_order_and_none_is_used_twice() {
        assert!(ALL.windows(2).all(|pair| pair[0].code < pair[1].code));
        let lawful = |code: &str| {
            code.len() == 5 && code.starts_with("SH") && code[2..].bytes().all(|b| b.is_ascii_digit())
        };
        assert!(ALL.iter().all(|one| lawful(one.code)));
    }

    #[test]
    fn a_code_is_found_in_any_letters() {
        assert_eq!(of("sh104"), Some(AGENT));
        assert_eq!(of("SH999"), None);
    }

    /// `UPDATE_SCREENS=1 cargo test -p kubectl-shadow --lib codes` writes it anew.
    #[test]
    fn the_page_of_the_checks_holds_this_table() {
        const MARK: &str = "<!-- made from kubectl-shadow/src/check/codes.rs -->\n";
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/check.md");
        let text = std::fs::read_to_string(&path).unwrap();
        let (before, _) = text.split_once(MARK).unwrap();
        let wanted = format!("{before}{MARK}{}", page());
        if std::env::var_os("UPDATE_SCREENS").is_some() {
            std::fs::write(&path, &wanted).unwrap();
        }
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(
            text == wanted,
            "docs/check.md is old; write it with UPDATE_SCREENS=1"
        );
    }
}
