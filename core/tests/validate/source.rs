//! What speaks against a source: the field, and what the refusal says.

use serde_json::{Value, json};
use shadow_core::names;

use crate::world::*;

/// What breaks the rule, the field named, and words of the message (reason and way out).
pub(super) const SOURCE: &[(Break, &str, &[&str])] = &[
    (
        |w| w.pod = Value::Null,
        "spec.sourcePod",
        &[
            "\"orders-0\" does not exist in namespace \"default\"",
            "kubectl -n default get pods",
        ],
    ),
    (
        |w| w.pod["status"]["phase"] = "Pending".into(),
        "spec.sourcePod",
        &["is Pending, not Running"],
    ),
    (
        |w| w.pod["metadata"]["deletionTimestamp"] = "2026-11-21T10:00:00Z".into(),
        "spec.sourcePod",
        &["is being deleted", "wait"],
    ),
    (
        |w| second_of_two(w, "Pending", "OrderedReady"),
        "spec.sourcePod",
        &[
            "OrderedReady",
            "\"orders-0\" is not ready",
            "kubectl describe pod orders-0",
        ],
    ),
    (
        |w| {
            second_of_two(w, "Running", "Parallel");
            w.owner["spec"]["replicas"] = 1.into();
        },
        "spec.sourcePod",
        &["wants 1 pods", "scale it up"],
    ),
    (
        |w| resized(w, "128Mi"),
        "spec.sourcePod",
        &[
            "limit of 128Mi",
            "gives the pod that is made anew 64Mi",
            "--subresource resize",
        ],
    ),
    (
        |w| owned_by(w, "DaemonSet"),
        "spec.sourcePod",
        &["DaemonSet \"orders\"", "nothing to move"],
    ),
    (
        |w| rolled_out(w, 1),
        "spec.sourcePod",
        &["\"orders-5f7d9c8b6d\"", "\"orders-new\"", "rollout"],
    ),
    (
        |w| rolled_out(w, 2),
        "spec.sourcePod",
        &["changed a moment ago", "again"],
    ),
    (
        |w| owned_by(w, "Job"),
        "spec.sourcePod",
        &["Job \"orders\"", "run to their end"],
    ),
    (
        |w| {
            deployed(w);
            w.owner["status"]["readyReplicas"] = 1.into();
        },
        "spec.sourcePod",
        &["1 of 2 pods of ReplicaSet \"orders-7d9c\" are ready"],
    ),
    (
        |w| {
            deployed(w);
            w.owner["spec"]["selector"] = json!({"matchLabels": {"app": "orders"}});
        },
        "spec.sourcePod",
        &["pod-template-hash", "through a Deployment"],
    ),
    (
        |w| {
            deployed(w);
            w.owner = Value::Null;
        },
        "spec.sourcePod",
        &["ReplicaSet", "is gone"],
    ),
    (
        |w| w.owner["metadata"]["uid"] = "another".into(),
        "spec.sourcePod",
        &[
            "another StatefulSet \"orders\"",
            "ownerReferences",
            "Delete the pod",
        ],
    ),
    (
        |w| w.pod["metadata"]["ownerReferences"][0]["uid"] = "') || true || ('".into(),
        "spec.sourcePod",
        &["another StatefulSet \"orders\""],
    ),
    (
        |w| {
            deployed(w);
            w.owner["metadata"]["uid"] = "another".into();
        },
        "spec.sourcePod",
        &["another ReplicaSet"],
    ),
    (
        |w| {
            w.spec["migrationStrategy"] = "Sequential".into();
            w.spec["strategyReason"] = "once it had a volume".into();
        },
        "spec.migrationStrategy",
        &[
            "chosen when the migration was created",
            "ShadowPod",
            "Create the migration again",
        ],
    ),
    (
        |w| {
            deployed(w);
            w.spec["migrationStrategy"] = "Sequential".into();
        },
        "spec.migrationStrategy",
        &["StatefulSet", "Use ShadowPod"],
    ),
    (
        |w| {
            deployed(w);
            claimed(w, json!(["ReadWriteOnce"]));
        },
        "spec.migrationStrategy",
        &["StatefulSet", "ReadWriteMany"],
    ),
    (
        |w| {
            bare(w);
            w.spec["migrationStrategy"] = "Sequential".into();
        },
        "spec.migrationStrategy",
        &["pod orders-0 has no owner", "ShadowPod"],
    ),
    (|w| owned_by(w, "Node"), "spec.sourcePod", &["static pod"]),
    (
        |w| owned_by(w, "Workflow"),
        "spec.sourcePod",
        &["Workflow", "not known here"],
    ),
    (
        |w| w.pod["metadata"]["annotations"]["kubernetes.io/config.mirror"] = "x".into(),
        "spec.sourcePod",
        &["static pod"],
    ),
    (
        |w| w.pod["metadata"]["labels"][names::ROLE] = "shadow".into(),
        "spec.sourcePod",
        &["is the stand-in of"],
    ),
    (
        |w| w.migrations.push(other("first", "orders-0", "Restoring")),
        "spec.sourcePod",
        &["\"first\"", "Restoring", "kubectl shadow cancel first"],
    ),
    (
        |w| {
            w.migrations
                .push(other_of_queue("orders-1", "orders.orders-0", "orders-broker"))
        },
        "annotation migration.ms2m.io/queue",
        &["\"first\"", "pod \"orders-1\"", "wait"],
    ),
    (
        |w| w.requester.may_delete_pods = false,
        "spec.sourcePod",
        &["\"alice\" may not delete pods", "Role"],
    ),
    (
        |w| w.requester.may_create_pods = false,
        "spec.sourcePod",
        &["may not create pods"],
    ),
    (
        |w| w.pod["spec"]["runtimeClassName"] = "gvisor".into(),
        "spec.sourcePod",
        &["RuntimeClass \"gvisor\""],
    ),
    (
        |w| w.pod["spec"]["hostNetwork"] = true.into(),
        "spec.sourcePod",
        &["node's network"],
    ),
    (
        |w| w.pod["spec"]["hostPID"] = true.into(),
        "spec.sourcePod",
        &["hostPID"],
    ),
    (
        |w| w.pod["spec"]["hostIPC"] = true.into(),
        "spec.sourcePod",
        &["hostIPC"],
    ),
    (
        |w| w.pod["spec"]["shareProcessNamespace"] = true.into(),
        "spec.sourcePod",
        &["shareProcessNamespace"],
    ),
    (
        |w| w.pod["spec"]["hostUsers"] = false.into(),
        "spec.sourcePod",
        &["hostUsers"],
    ),
    (
        |w| w.pod["spec"]["containers"][0]["ports"][0]["hostPort"] = 80.into(),
        "spec.sourcePod",
        &["host port 80", "Service"],
    ),
    (
        |w| w.pod["metadata"]["name"] = "a".repeat(60).into(),
        "spec.sourcePod",
        &["more than 63 characters"],
    ),
    (
        |w| anti_affinity(w, json!({"matchLabels": {"app": "orders"}})),
        "spec.sourcePod",
        &["podAntiAffinity", "preferred"],
    ),
    (
        |w| {
            anti_affinity(
                w,
                json!({"matchExpressions": [{"key": "app", "operator": "Exists"}]}),
            )
        },
        "spec.sourcePod",
        &["podAntiAffinity"],
    ),
    (
        |w| {
            claimed(w, json!(["ReadWriteOnce"]));
            w.spec["migrationStrategy"] = "ShadowPod".into();
        },
        "spec.migrationStrategy",
        &["\"data-orders-0\"", "one node at a time", "Sequential"],
    ),
    (
        |w| bound_to(w, json!({"hostPath": {"path": "/x"}})),
        "spec.sourcePod",
        &["\"data-orders-0\"", "node's own disk"],
    ),
    (
        |w| bound_to(w, json!({"local": {"path": "/x"}})),
        "spec.sourcePod",
        &["node's own disk"],
    ),
    (
        |w| {
            let terms =
                json!([{"matchExpressions": [{"key": "disk", "operator": "In", "values": ["slow"]}]}]);
            bound_to(
                w,
                json!({"nodeAffinity": {"required": {"nodeSelectorTerms": terms}}}),
            );
        },
        "spec.sourcePod",
        &["cannot be mounted on node \"node-b\""],
    ),
    (
        |w| w.pod["spec"]["volumes"][0] = json!({"name": "host", "hostPath": {"path": "/x"}}),
        "spec.sourcePod",
        &["\"host\"", "hostPath"],
    ),
    (
        |w| w.pod["spec"]["containers"][0]["tty"] = true.into(),
        "spec.sourcePod",
        &["terminal", "without tty"],
    ),
    (
        |w| w.pod["spec"]["containers"][0]["resources"] = json!({"limits": {"example.com/gpu": "1"}}),
        "spec.sourcePod",
        &["device example.com/gpu"],
    ),
    (
        |w| w.pod["spec"]["resourceClaims"] = json!([{"name": "gpu"}]),
        "spec.sourcePod",
        &["resourceClaims"],
    ),
    (
        |w| {
            claimed(w, json!([]));
            w.claims.clear();
        },
        "spec.sourcePod",
        &["cannot be found"],
    ),
    (
        second_container,
        "spec.containerName",
        &["2 containers and none is named", "choose one of orders, sidecar"],
    ),
    (
        |w| w.spec["containerName"] = "nope".into(),
        "spec.containerName",
        &["no container \"nope\"", "orders"],
    ),
    (
        |w| {
            w.pod["status"]["containerStatuses"][0]["state"] =
                json!({"waiting": {"reason": "CrashLoopBackOff"}})
        },
        "spec.containerName",
        &["is not running"],
    ),
];
