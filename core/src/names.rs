//! Every name that we put into a cluster, a broker or a node, one function or constant each.
//!
//! Guarantee: two different migrations, legs or attempts never share a derived name, because each carries
//! the migration's UID, the leg and the attempt.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::repository::Repository;

/// API group of the custom resources and prefix of all labels and annotations.
pub const GROUP: &str = "migration.ms2m.io";
/// Namespace that our own parts run in.
pub const SYSTEM_NAMESPACE: &str = "shadow-system";
/// Secret in [`SYSTEM_NAMESPACE`] with which nodes pull our images, where an installation makes one.
pub const PULL_SECRET: &str = "shadow-registry";
/// Service account of the controller.
pub const CONTROLLER_ACCOUNT: &str = "shadow-controller";
/// Service account of the node agent.
pub const AGENT_ACCOUNT: &str = "shadow-agent";
/// Service account of the admission webhook.
pub const WEBHOOK_ACCOUNT: &str = "shadow-webhook";
/// RuntimeClass and runtime handler that restore announced containers.
pub const RUNTIME_CLASS: &str = "shadow";
/// Port on which an agent serves the controller and other agents (mutual TLS).
pub const AGENT_PORT: u16 = 7443;
/// Signer of the certificates of our parts (CertificateSigningRequest `spec.signerName`).
pub const SIGNER: &str = "migration.ms2m.io/mutual-tls";
/// ConfigMap in [`SYSTEM_NAMESPACE`] with the certificate authority, key `ca.crt`.
pub const CA_CONFIG_MAP: &str = "shadow-ca";
/// Secret in [`SYSTEM_NAMESPACE`] with the key of the certificate authority; read by the controller only.
pub const CA_SECRET: &str = "shadow-ca-key";
/// ConfigMap in [`SYSTEM_NAMESPACE`] with what controllers drove that died.
pub const DEATHS: &str = "shadow-deaths";
/// Service of the admission webhook in [`SYSTEM_NAMESPACE`].
pub const WEBHOOK_SERVICE: &str = "shadow-webhook";
/// Path under which the webhook rewrites announced pods.
pub const WEBHOOK_PODS_PATH: &str = "/mutate/pods";
/// Path under which the webhook judges evictions.
pub const WEBHOOK_EVICTIONS_PATH: &str = "/validate/evictions";
/// Path under which the webhook judges deletions of pods that a move made.
pub const WEBHOOK_DELETIONS_PATH: &str = "/validate/deletions";

/// Label on a namespace and on a pod: an eviction is answered by a move where the value is [`MOVE`].
pub const EVICTIONS: &str = "migration.ms2m.io/evictions";
/// Value of [`EVICTIONS`] that opts in.
pub const MOVE: &str = "move";
/// Label on a pod: what becomes of its eviction while its move may not begin ([`WAIT`], or any other value: it goes through).
pub const EVICTIONS_NOT_NOW: &str = "migration.ms2m.io/evictions-not-now";
/// Value of [`EVICTIONS_NOT_NOW`] that lets evictions wait.
pub const WAIT: &str = "wait";
/// Annotation on a node: when it leaves the cluster, as RFC 3339 has it. No move begins from it that cannot end before.
pub const LEAVES_AT: &str = "migration.ms2m.io/leaves-at";
/// Annotation on a migration that an eviction caused: name of the Evacuation.
pub const EVACUATION: &str = "migration.ms2m.io/evacuation";
/// Annotation on a migration that an eviction caused: who evicted.
pub const EVICTED_BY: &str = "migration.ms2m.io/evicted-by";
/// Annotation on a pod of a move: it may be deleted all the same (value `yes`).
pub const MAY_BE_DELETED: &str = "migration.ms2m.io/may-be-deleted";

/// Annotation on a pod: the restore key its container claims from the agent.
pub const RESTORE_KEY: &str = "migration.ms2m.io/restore";
/// Annotation on a pod: name of the container that is restored.
pub const RESTORE_CONTAINER: &str = "migration.ms2m.io/restore-container";
/// Annotation on a pod: name of the StatefulMigration (same namespace) that announced it.
pub const MIGRATION: &str = "migration.ms2m.io/migration";
/// Annotation on a pod that was restored from a checkpoint image: what its own template says in the fields that this
/// took, as JSON.
pub const OWN_FIELDS: &str = "migration.ms2m.io/own-fields";
/// Annotation on a dry-run pod: the controller proves that the rewriting rule is in force.
pub const RULE_PROBE: &str = "migration.ms2m.io/rule-probe";
/// Label on pods that we created ourselves: the UID of the migration.
pub const MIGRATION_UID: &str = "migration.ms2m.io/migration-uid";
/// Label on a pod that stands in for the source while its name is re-created; the value is `shadow`.
pub const ROLE: &str = "migration.ms2m.io/role";

/// Annotation on a workload or pod: primary queue; `{pod}` and `{ordinal}` are filled in.
pub const QUEUE: &str = "migration.ms2m.io/queue";
/// Annotation on a workload or pod: Secret with `uri` and `managementUri` of the broker.
pub const BROKER_SECRET: &str = "migration.ms2m.io/broker-secret";
/// Annotation on a workload or pod: container to move, for pods with several.
pub const CONTAINER: &str = "migration.ms2m.io/container";

/// Annotation on a checkpoint image: digest of the archive that its first layer holds.
pub const ARCHIVE_DIGEST: &str = "migration.ms2m.io/archive-digest";

/// Label on a node whose runtime handler and agent are ready (value `true`).
pub const NODE_READY: &str = "migration.ms2m.io/ready";
/// Annotation on a node: [`crate::wire::NodeFacts`] as JSON.
pub const NODE_FACTS: &str = "migration.ms2m.io/node-facts";
/// Metric by which alerts on a queue's depth, and scalers, are silenced while its consumer is moved; labels `namespace`, `vhost` and
/// `queue`.
pub const HOLD_METRIC: &str = "shadow_hold_active";
/// Finalizer on a StatefulMigration that still holds something.
pub const FINALIZER: &str = "migration.ms2m.io/handoff";

/// Name of one attempt of one handoff; all that we create for it carries this name.
///
/// Shape: `<migration uid>-<leg>-<attempt>`, lower-case letters, digits and `-`, at most 80 characters, so that
/// it can be part of a path, a queue name, a label value or an argument without quoting.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct Key(String);

/// Why a string is not a [`Key`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "restore key {0:?} is malformed: a key has 1 to 80 characters out of a-z, 0-9 and '-', and begins with a letter or \
    a digit"
)]
pub struct BadKey(String);

impl Key {
    /// The key of `attempt` (from 0) of `leg` (1 or 2) of the migration with this UID.
    pub fn of(uid: &str, leg: u8, attempt: u32) -> Result<Self, BadKey> {
        Self::parse(&format!("{uid}-{leg}-{attempt}"))
    }

    /// Accepts a key that came from outside.
    pub fn parse(text: &str) -> Result<Self, BadKey> {
        let lawful = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let ok = (1..=80).contains(&text.len()) && text.chars().all(lawful) && !text.starts_with('-');
        if ok {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadKey(text.chars().take(100).collect()))
        }
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// UID of its migration.
    pub fn migration(&self) -> &str {
        let mut parts = self.0.rsplitn(3, '-');
        parts.nth(2).unwrap_or(&self.0)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let text = String::deserialize(input)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// Queue on which the parked instance waits. Fresh for every attempt, so that its consumer proves that every
/// earlier control message was read.
pub fn hold_queue(key: &Key) -> String {
    format!("ms2m.hold.{key}")
}

/// Queue in which new messages wait while the primary queue is fenced off. It holds real messages.
pub fn backlog_queue(key: &Key) -> String {
    format!("ms2m.backlog.{key}")
}

/// Queue with copies of what waits in [`backlog_queue`], for a source that goes on meanwhile.
pub fn mirror_queue(key: &Key) -> String {
    format!("ms2m.mirror.{key}")
}

/// Longest queue name, in bytes, whose port's names are within the 255 bytes that AMQP allows.
pub const LONGEST_PORTED_QUEUE: usize = 255 - PORT.len();
const PORT: &str = "ms2m.port.";
const SIDE: &str = "ms2m.side.";

/// Exchange through which an adopted queue gets its messages. Named after the queue and not after a migration: it may
/// be kept for the next one. At most 255 bytes for queues of at most [`LONGEST_PORTED_QUEUE`] bytes; longer ones are
/// refused before.
pub fn port_exchange(queue: &str) -> String {
    format!("{PORT}{queue}")
}

/// Exchange that takes what the port of `queue` cannot deliver while the queue is fenced off. As long as the port's.
pub fn side_exchange(queue: &str) -> String {
    format!("{SIDE}{queue}")
}

/// Queue from which the application in `pod` reads control messages.
pub fn control_queue(pod: &str) -> String {
    format!("ms2m.control.{pod}")
}

/// Pod that stands in for `source`. Does not parse as an ordinal, so a StatefulSet never claims it.
pub fn shadow_pod(source: &str) -> String {
    format!("{source}-shadow")
}

/// Pod that takes over from `source`, which nobody owns: two pods cannot bear one name. Moved again, it has the first
/// name again.
pub fn successor(source: &str) -> String {
    source
        .strip_suffix(SUCCESSOR)
        .filter(|first| !first.is_empty())
        .map_or_else(|| format!("{source}{SUCCESSOR}"), str::to_owned)
}

const SUCCESSOR: &str = "-moved";

/// Pod that takes over from a pod of ReplicaSet `owner`, in a migration with this UID: named like its siblings.
pub fn replica(owner: &str, uid: &str) -> String {
    let digits: String = uid.chars().filter(char::is_ascii_hexdigit).collect();
    let short = digits.get(..SHORT).unwrap_or(&digits).to_ascii_lowercase();
    format!("{owner}-{short}")
}

/// Characters of a UID that tell a pod from its siblings.
const SHORT: usize = 8;

/// Evacuation of a pod that is not moved, with the reason; the name of one that is moved is the pod's UID.
pub fn let_go(uid: &str) -> String {
    format!("{uid}.let-go")
}

/// Migration that an Evacuation with this UID causes. Known before it is created, since the eviction is answered with it.
pub fn evacuating_migration(pod: &str, evacuation: &str) -> String {
    const LONGEST: usize = 200;
    let digits: String = evacuation.chars().filter(char::is_ascii_hexdigit).collect();
    let short = digits.get(..SHORT).unwrap_or(&digits).to_ascii_lowercase();
    // A name that is cut ends with a letter or a digit.
    let pod: String = pod.chars().take(LONGEST).collect();
    format!("{}-evicted-{short}", pod.trim_end_matches(['-', '.']))
}

/// Whether a ReplicaSet tells its pods from those of its siblings by this label (`pod-template-hash`, also with a
/// prefix).
pub fn is_template_hash(label: &str) -> bool {
    label.ends_with("pod-template-hash")
}

/// Annotation by which a ReplicaSet chooses the pod that it gives up: the lowest number goes first.
pub const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";

/// Beginning of [`broker_role`].
pub const BROKER_ROLE: &str = "shadow-broker-";

/// Role and RoleBinding by which the controller reads this Secret of a namespace.
pub fn broker_role(secret: &str) -> String {
    format!("{BROKER_ROLE}{secret}")
}

const RULE: &str = "shadow-rewrite-";

/// Webhook configuration that exists only while the migration with this UID re-creates its pod.
pub fn rewrite_rule(uid: &str) -> String {
    format!("{RULE}{uid}")
}

/// UID of the migration that a rule of ours belongs to; `None` for anything else.
pub fn migration_of_rule(name: &str) -> Option<&str> {
    name.strip_prefix(RULE)
}

/// Tag of the checkpoint image of a key, at most 128 characters. The key alone is unique; the namespace says whose it is.
pub fn checkpoint_tag(namespace: &str, key: &Key) -> String {
    const MAX_TAG: usize = 128;
    let room = MAX_TAG - 1 - key.as_str().len().min(80);
    let lawful = |c: &char| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '-';
    let namespace: String = namespace.chars().filter(lawful).take(room).collect();
    // A tag begins with a letter, a digit or an underscore.
    let namespace = namespace.trim_start_matches('-');
    if namespace.is_empty() {
        key.to_string()
    } else {
        format!("{namespace}.{key}")
    }
}

/// Image of a container that waits for its checkpoint image: no image ever gets this tag.
pub fn awaited_image(repository: &Repository, key: &Key) -> String {
    format!("{repository}:awaits-{key}")
}

/// DNS name in the certificate of the agent on `node`.
pub fn agent_identity(node: &str) -> String {
    format!("{node}.agent.{SYSTEM_NAMESPACE}.shadow")
}

/// DNS name in the certificate of the controller.
pub fn controller_identity() -> String {
    format!("controller.{SYSTEM_NAMESPACE}.shadow")
}

/// DNS name in the certificate of the webhook.
pub fn webhook_identity() -> String {
    format!("{WEBHOOK_SERVICE}.{SYSTEM_NAMESPACE}.svc")
}

/// User name of one of our service accounts.
pub fn account_user(account: &str) -> String {
    format!("system:serviceaccount:{SYSTEM_NAMESPACE}:{account}")
}

/// Fills `{pod}` and `{ordinal}` into a queue, exchange or routing-key template.
pub fn fill_template(template: &str, pod: &str) -> String {
    let ordinal = pod
        .rsplit('-')
        .next()
        .filter(|o| o.chars().all(|c| c.is_ascii_digit()))
        .unwrap_or("");
    template.replace("{pod}", pod).replace("{ordinal}", ordinal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_carries_uid_leg_and_attempt() {
        let key = Key::of("3f0c2a1e-1111-2222-3333-444455556666", 2, 3).unwrap();
        assert_eq!(key.as_str(), "3f0c2a1e-1111-2222-3333-444455556666-2-3");
        assert_eq!(
            hold_queue(&key),
            "ms2m.hold.3f0c2a1e-1111-2222-3333-444455556666-2-3"
        );
    }

    #[test]
    fn tags_are_lawful_and_unique_however_long_the_namespace() {
        let key = Key::of("3f0c2a1e-1111-2222-3333-444455556666", 1, 0).unwrap();
        assert_eq!(
            checkpoint_tag("shop", &key),
            "shop.3f0c2a1e-1111-2222-3333-444455556666-1-0"
        );
        let longest = Key::parse(&"k".repeat(80)).unwrap();
        let tag = checkpoint_tag(&"n".repeat(63), &longest);
        assert_eq!(tag.len(), 128);
        assert!(tag.ends_with(longest.as_str()));
        for namespace in ["../x", "", "-", "a:b@c"] {
            let tag = checkpoint_tag(namespace, &key);
            assert!(
                tag.ends_with(key.as_str()) && !tag.contains(['/', ':', '@']),
                "{tag}"
            );
            assert!(tag.starts_with(|c: char| c.is_ascii_alphanumeric()), "{tag}");
        }
    }

    #[test]
    fn nobody_pushes_under_the_tag_that_is_waited_for() {
        let key = Key::parse(&"k".repeat(80)).unwrap();
        let repository = Repository::parse("registry.example.org:5000/a").unwrap();
        let awaited = awaited_image(&repository, &key);
        let tag = awaited.strip_prefix("registry.example.org:5000/a:").unwrap();
        assert!(tag.len() <= 128);
        // Tags of checkpoints end alike, but what comes before the key is a namespace and a dot.
        assert_ne!(tag, checkpoint_tag("awaits", &key));
        assert_ne!(tag, checkpoint_tag("", &key));
    }

    #[test]
    fn names_of_a_port_are_the_queues_own_and_bounded() {
        let longest = "q".repeat(LONGEST_PORTED_QUEUE);
        for queue in ["orders.orders-0", longest.as_str()] {
            let names = [port_exchange(queue), side_exchange(queue)];
            assert!(names[0] != names[1] && names.iter().all(|n| n.len() <= 255 && n.ends_with(queue)));
        }
        let key = Key::of("3f0c2a1e-1111-2222-3333-444455556666", 2, 3).unwrap();
        let (backlog, mirror) = (backlog_queue(&key), mirror_queue(&key));
        assert!(backlog.ends_with(key.as_str()) && mirror.ends_with(key.as_str()) && backlog != mirror);
    }

    #[test]
    fn key_refuses_what_could_leave_its_folder() {
        for bad in ["", "../x", "a/b", "A", "a b", "-a", &"a".repeat(81)] {
            assert!(Key::parse(bad).is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn templates_take_pod_and_ordinal() {
        assert_eq!(fill_template("orders.{pod}", "orders-12"), "orders.orders-12");
        assert_eq!(fill_template("q{ordinal}", "orders-12"), "q12");
        assert_eq!(fill_template("q{ordinal}", "plain"), "q");
    }

    #[test]
    fn successors_have_names_of_their_own() {
        assert_eq!(successor("orders"), "orders-moved");
        assert_eq!(successor("orders-moved"), "orders");
        assert_eq!(successor("-moved"), "-moved-moved");
        assert_eq!(replica("orders-7d9c", "3f0c2A1e-1111"), "orders-7d9c-3f0c2a1e");
        assert_eq!(replica("orders", "ab"), "orders-ab");
        let evicted = evacuating_migration("orders-0", "3f0c2A1e-1111");
        assert_eq!(evicted, "orders-0-evicted-3f0c2a1e");
        assert!(evacuating_migration(&"p.".repeat(126), "3f0c2a1e").len() < 253);
        assert!(is_template_hash("pod-template-hash") && is_template_hash("rollouts-pod-template-hash"));
    }
}
