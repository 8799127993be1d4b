//! What policies say of moves: each rule allowed, denied and defaulted, and two policies at once.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail the test")]

mod combined;
mod evictions_apart;
mod properties;
mod turns;

use serde_json::{Value, json};
use shadow_core::api::{Plan, StatefulMigrationSpec};
use shadow_core::policy::{self, InForce, Labels, Selected, Unreadable};
use shadow_core::validate::Refusal;

/// A policy of the namespace.
fn own(name: &str, spec: Value) -> Value {
    json!({"apiVersion": "migration.ms2m.io/v1alpha1", "kind": "MigrationPolicy", "metadata": {"name": name, "namespace": "shop"},
        "spec": spec})
}

/// One of the cluster.
fn cluster(name: &str, spec: Value) -> Value {
    json!({"apiVersion": "migration.ms2m.io/v1alpha1", "kind": "ClusterMigrationPolicy", "metadata": {"name": name}, "spec": spec})
}

fn labels(all: &[(&str, &str)]) -> Labels {
    all.iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

fn in_force(policies: &[Value]) -> InForce {
    fn of<T: serde::de::DeserializeOwned>(kind: &str, policies: &[Value]) -> Vec<T> {
        let all = policies.iter().filter(|policy| policy["kind"] == kind);
        all.map(|policy| serde_json::from_value(policy.clone()).unwrap())
            .collect()
    }
    InForce {
        of_namespace: of("MigrationPolicy", policies),
        of_cluster: of("ClusterMigrationPolicy", policies),
        namespace: labels(&[("env", "production")]),
    }
}

/// Those that select a pod `app: orders` of a namespace `env: production`.
fn selected(policies: &[Value]) -> Selected {
    tried(policies).unwrap()
}

fn tried(policies: &[Value]) -> Result<Selected, Unreadable> {
    policy::select(&in_force(policies), &labels(&[("app", "orders")]))
}

fn spec(fields: Value) -> StatefulMigrationSpec {
    let mut spec = json!({"sourcePod": "orders-0"});
    for (name, value) in fields.as_object().unwrap() {
        spec[name] = value.clone();
    }
    serde_json::from_value(spec).unwrap()
}

fn plan(strategy: &str, hold: &str, transfer: &str, restore: &str) -> Plan {
    serde_json::from_value(
        json!({"strategy": strategy, "because": "", "container": "c", "sourceNode": "node-a", "targetNode": "node-b",
        "source": {"namespace": "shop", "name": "orders-0", "uid": "u"}, "checkpointBackend": "Runtime", "transfer": transfer,
        "restore": restore, "queue": {"queue": "q", "quorum": false, "hold": hold}}),
    )
    .unwrap()
}

/// What is said against a move of this spec.
fn against(policies: &[Value], fields: Value) -> Vec<String> {
    said(policy::judge(&selected(policies), &spec(fields)))
}

fn said(denials: Vec<policy::Denial>) -> Vec<String> {
    denials
        .into_iter()
        .map(|denial| Refusal::from(denial).to_string())
        .collect()
}

/// The spec after it was filled in, and what was said.
fn filled(policies: &[Value], fields: Value) -> (Value, Vec<String>) {
    let mut spec = spec(fields);
    let told = policy::fill(&selected(policies), &mut spec);
    (
        serde_json::to_value(&spec).unwrap(),
        told.iter().map(ToString::to_string).collect(),
    )
}

/// Rule, what is allowed, a spec that is allowed, one that is denied, and what the denial says.
#[test]
#[expect(clippy::too_many_lines, reason = "a table: one row for each rule")]
fn each_rule_of_a_spec_allows_and_denies() {
    for (rules, allowed, denied, says) in [
        (
            json!({"allowed": {"strategies": ["Sequential"]}}),
            json!({"migrationStrategy": "Sequential"}),
            json!({"migrationStrategy": "ShadowPod"}),
            "spec.migrationStrategy: ShadowPod is not allowed by MigrationPolicy a (allowed.strategies). Write migrationStrategy: \
             Sequential",
        ),
        (
            json!({"allowed": {"handoffs": ["Hold"]}}),
            json!({}),
            json!({"handoff": "Live"}),
            "spec.handoff: Live is not allowed by MigrationPolicy a (allowed.handoffs). Write handoff: Hold",
        ),
        (
            json!({"allowed": {"handoffs": ["Live"]}}),
            json!({"handoff": "Live"}),
            json!({}),
            "spec.handoff: Hold is not allowed by MigrationPolicy a (allowed.handoffs). Write handoff: Live",
        ),
        (
            json!({"allowed": {"transferModes": ["Direct"]}}),
            json!({"transferMode": "Direct", "restoreBackend": "RuntimeClass"}),
            json!({"transferMode": "Registry"}),
            "spec.transferMode: Registry is not allowed by MigrationPolicy a (allowed.transferModes). Write transferMode: Direct; a \
             restore from a checkpoint image (restoreBackend: Image) always goes through a registry",
        ),
        (
            json!({"allowed": {"restoreBackends": ["Image"]}}),
            json!({"restoreBackend": "Image"}),
            json!({"restoreBackend": "RuntimeClass"}),
            "spec.restoreBackend: RuntimeClass is not allowed by MigrationPolicy a (allowed.restoreBackends). Write restoreBackend: \
             Image",
        ),
        (
            json!({"limits": {"deadlineSeconds": 60}}),
            json!({"deadlineSeconds": 60}),
            json!({"deadlineSeconds": 61}),
            "spec.deadlineSeconds: 61 s is longer than the 60 s that are allowed by MigrationPolicy a (limits.deadlineSeconds). Write \
             deadlineSeconds: 60 or less, or leave it out",
        ),
        (
            json!({"limits": {"maxPause": "2s"}}),
            json!({"maxPause": "1500ms"}),
            json!({"maxPause": "2001ms"}),
            "spec.maxPause: 2001ms is longer than the 2s that are allowed by MigrationPolicy a (limits.maxPause). Write maxPause: 2s or \
             less, or leave it out",
        ),
        (
            json!({"limits": {"maxPause": "2500ms"}}),
            json!({"maxPause": "2500ms"}),
            json!({}),
            "spec.maxPause: it is left out, and at most 2500ms are allowed by MigrationPolicy a (limits.maxPause). The policy is newer \
             than the migration. Create the migration again: maxPause is filled in then",
        ),
        (
            json!({"brokerUrlPassword": "Refuse"}),
            json!({"messageQueueConfig": {"brokerUrl": "amqp://mq"}}),
            json!({"messageQueueConfig": {"brokerUrl": "amqp://u:p@mq"}}),
            "spec.messageQueueConfig.brokerUrl: a password in this field is not allowed by MigrationPolicy a (brokerUrlPassword). Put \
             user and password into a Secret with the keys uri and managementUri, and name the Secret in spec.brokerSecretRef",
        ),
    ] {
        let policies = [own("a", rules.clone())];
        assert_eq!(against(&policies, allowed), Vec::<String>::new(), "{rules}");
        assert_eq!(against(&policies, denied), [says], "{rules}");
    }
}

#[test]
fn what_is_chosen_later_is_judged_with_the_plan() {
    let left_out = json!({});
    for (rules, chosen, says) in [
        (
            json!({"allowed": {"strategies": ["Sequential"]}}),
            plan("ShadowPod", "Park", "Direct", "RuntimeClass"),
            "spec.migrationStrategy: ShadowPod is not allowed",
        ),
        (
            json!({"allowed": {"holds": ["SingleActive", "Exchange"]}}),
            plan("ShadowPod", "Park", "Direct", "RuntimeClass"),
            "spec.handoff: Park is not allowed by MigrationPolicy a (allowed.holds). A quorum queue with single active consumer is held \
             by SingleActive, any other queue by Park, and with handoff: Live by Exchange. Use a queue or a handoff that is held by \
             SingleActive or Exchange",
        ),
        (
            json!({"allowed": {"handoffs": ["Hold"]}}),
            plan("ShadowPod", "Exchange", "Direct", "RuntimeClass"),
            "spec.handoff: Live is not allowed",
        ),
        (
            json!({"allowed": {"transferModes": ["Direct"]}}),
            plan("ShadowPod", "Park", "Registry", "Image"),
            "spec.transferMode: Registry is not allowed",
        ),
        (
            json!({"allowed": {"restoreBackends": ["RuntimeClass"]}}),
            plan("ShadowPod", "Park", "Registry", "Image"),
            "spec.restoreBackend: Image is not allowed",
        ),
    ] {
        let policies = [own("a", rules.clone())];
        if rules["allowed"]["handoffs"].is_null() {
            assert_eq!(
                against(&policies, left_out.clone()),
                Vec::<String>::new(),
                "{rules}"
            );
        }
        let denials = said(policy::judge_plan(&selected(&policies), &chosen));
        assert!(
            denials.len() == 1 && denials[0].starts_with(says),
            "{rules}: {denials:?}"
        );
        let none = policy::judge_plan(&Selected::default(), &chosen);
        assert_eq!(none, [], "without policies");
    }
}

#[test]
fn each_default_is_filled_in_where_the_spec_leaves_it_out() {
    for (field, default, written) in [
        ("migrationStrategy", json!("Sequential"), json!("ShadowPod")),
        ("handoff", json!("Live"), json!("Hold")),
        ("transferMode", json!("Registry"), json!("Direct")),
        ("checkpointBackend", json!("Kubelet"), json!("Runtime")),
        ("restoreBackend", json!("Image"), json!("RuntimeClass")),
        ("deadlineSeconds", json!(300), json!(30)),
        ("maxPause", json!("2s"), json!("1s")),
        ("ttlSecondsAfterFinished", json!(3600), json!(60)),
        (
            "checkpointImageRepository",
            json!("r.example.org/c"),
            json!("r.example.org/d"),
        ),
        ("checkpointImageSecretRef", json!("login"), json!("other")),
    ] {
        let policies = [cluster("base", json!({"defaults": {field: default}}))];
        let (spec, told) = filled(&policies, json!({}));
        assert_eq!(spec[field], default);
        let value = default.as_str().map_or(default.to_string(), str::to_owned);
        assert_eq!(
            told,
            [format!(
                "spec.{field}: {value} is filled in by ClusterMigrationPolicy base"
            )]
        );
        let (spec, told) = filled(&policies, json!({ field: written }));
        assert_eq!((&spec[field], told.len()), (&written, 0), "{field}");
        let (_, again) = filled(&policies, filled(&policies, json!({})).0);
        assert_eq!(again, Vec::<String>::new(), "{field}: filled in once");
    }
}

#[test]
fn a_limit_is_filled_in_where_it_is_shorter_than_the_default() {
    for (rules, wanted) in [
        (json!({"limits": {"deadlineSeconds": 60}}), Some(60)),
        (json!({"limits": {"deadlineSeconds": 600}}), None),
        (
            json!({"limits": {"deadlineSeconds": 60}, "defaults": {"deadlineSeconds": 30}}),
            Some(30),
        ),
        (
            json!({"limits": {"deadlineSeconds": 60}, "defaults": {"deadlineSeconds": 300}}),
            Some(60),
        ),
        (json!({}), None),
    ] {
        let (spec, _) = filled(&[own("a", rules.clone())], json!({}));
        assert_eq!(spec["deadlineSeconds"].as_u64(), wanted, "{rules}");
    }
}

#[test]
fn a_pause_is_bound_where_a_policy_bounds_it() {
    for (rules, wanted) in [
        (json!({"limits": {"maxPause": "2s"}}), json!("2s")),
        (
            json!({"limits": {"maxPause": "2s"}, "defaults": {"maxPause": "1500ms"}}),
            json!("1500ms"),
        ),
        (
            json!({"limits": {"maxPause": "1500ms"}, "defaults": {"maxPause": "2s"}}),
            json!("1500ms"),
        ),
        (json!({}), Value::Null),
    ] {
        let (spec, _) = filled(&[own("a", rules.clone())], json!({}));
        assert_eq!(spec["maxPause"], wanted, "{rules}");
    }
}

#[test]
fn a_plan_keeps_its_short_life() {
    let policies = [own("a", json!({"defaults": {"ttlSecondsAfterFinished": 3600}}))];
    let (spec, told) = filled(&policies, json!({"planOnly": true}));
    assert_eq!((&spec["ttlSecondsAfterFinished"], told.len()), (&Value::Null, 0));
}

#[test]
fn outside_its_windows_a_move_is_refused_and_a_plan_is_warned() {
    let night = [own(
        "night",
        json!({"windows": [{"days": ["Mon"], "from": "22:00", "to": "06:00"}]}),
    )];
    let at = |moment: &str, plan_only: bool| {
        let mut report = shadow_core::validate::Report::default();
        let spec = spec(json!({ "planOnly": plan_only }));
        policy::admit_now(&selected(&night), &spec, moment.parse().unwrap(), &mut report);
        (report.reasons(), report.warnings)
    };
    assert_eq!(at("2026-12-01T05:00:00Z", false), (String::new(), Vec::new()));
    let (reasons, _) = at("2026-12-01T06:00:00Z", false);
    assert_eq!(
        reasons,
        "spec.planOnly: no move may begin now by MigrationPolicy night (windows: Mon 22:00-06:00 UTC). The next opening is \
         2026-12-07T22:00:00Z. Order the move then, or only make a plan: kubectl shadow plan"
    );
    let (reasons, warnings) = at("2026-12-01T06:00:00Z", true);
    assert_eq!(reasons, "");
    assert!(warnings[0].ends_with("the plan is made, and the move would be refused now"));
}

#[test]
fn windows_that_are_never_open_together_say_whom_to_ask() {
    let never = [
        own("day", json!({"windows": [{"from": "08:00", "to": "16:00"}]})),
        cluster("night", json!({"windows": [{"from": "22:00", "to": "06:00"}]})),
    ];
    let denial = policy::closed(&selected(&never), "2026-12-01T09:00:00Z".parse().unwrap()).unwrap();
    assert_eq!(
        Refusal::from(denial).message,
        "no move may begin now by ClusterMigrationPolicy night (windows: 22:00-06:00 UTC). The policies of the pod are never open at \
         the same time. Ask the owner of one of them to change it"
    );
}

#[test]
fn nodes_are_barred_by_their_labels() {
    let policies = [own(
        "a",
        json!({"allowed": {"targetNodes": {"matchLabels": {"pool": "state"}}}}),
    )];
    let node = |pool: &str| {
        serde_json::from_value(json!({"metadata": {"name": "n", "labels": {"pool": pool}}})).unwrap()
    };
    assert_eq!(
        selected(&policies).bar(&node("state")),
        Vec::<&policy::Name>::new()
    );
    let bar: Vec<String> = selected(&policies)
        .bar(&node("web"))
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(bar, ["MigrationPolicy a"]);
    // What was allowed is kept with the plan, and holds though the policy is another one by now.
    let mut plan = plan("ShadowPod", "Park", "Direct", "RuntimeClass");
    plan.policies = selected(&policies).record();
    let kept: Plan = serde_json::from_value(serde_json::to_value(&plan).unwrap()).unwrap();
    assert_eq!(Selected::kept(&kept).bar(&node("web")).len(), 1);
    assert_eq!(Selected::kept(&kept).bar(&node("state")).len(), 0);
}

#[test]
fn a_policy_that_cannot_be_read_lets_nothing_begin() {
    for (rules, field) in [
        (
            json!({"podSelector": {"matchExpressions": [{"key": "k", "operator": "Like"}]}}),
            "spec.podSelector",
        ),
        (
            json!({"allowed": {"targetNodes": {"matchExpressions": [{"key": "k", "operator": "Like"}]}}}),
            "spec.allowed.targetNodes",
        ),
        (
            json!({"windows": [{"from": "8:00", "to": "09:00"}]}),
            "spec.windows",
        ),
        (json!({"limits": {"maxPause": "soon"}}), "spec.limits.maxPause"),
    ] {
        let why = tried(&[own("odd", rules)]).unwrap_err().to_string();
        for part in [
            "MigrationPolicy odd",
            field,
            "Correct the field, or delete the policy",
        ] {
            assert!(why.contains(part), "{why}");
        }
    }
}

#[test]
fn without_a_policy_that_selects_the_pod_nothing_is_said() {
    let others = [
        own(
            "billing",
            json!({"podSelector": {"matchLabels": {"app": "billing"}}, "allowed": {"strategies": ["Sequential"]},
            "defaults": {"handoff": "Live"}, "windows": [{"from": "00:00", "to": "00:01"}]}),
        ),
        cluster(
            "staging",
            json!({"namespaceSelector": {"matchLabels": {"env": "staging"}}, "brokerUrlPassword": "Refuse", "priority": 5}),
        ),
    ];
    let none = selected(&others);
    assert!(none.is_empty() && none.allowed().is_none() && none.audit(&[], None).is_empty());
    let (spec, told) = filled(&others, json!({"migrationStrategy": "ShadowPod"}));
    assert_eq!(
        (spec, told),
        (
            json!({"sourcePod": "orders-0", "migrationStrategy": "ShadowPod"}),
            Vec::new()
        )
    );
    assert_eq!(
        against(&others, json!({"migrationStrategy": "ShadowPod"})),
        Vec::<String>::new()
    );
    assert_eq!(none.standing(), shadow_core::turns::Standing::default());
}
