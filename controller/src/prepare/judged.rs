//! What validation and the policies of the pod say of a move before it begins.

use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use shadow_core::api::StatefulMigration;
use shadow_core::machine::Cause;
use shadow_core::policy::{self, Selected};
use shadow_core::reason::Reason;
use shadow_core::validate::{self, Facts, Refusal};

use super::{Prepared, Refusal as Refused, refused};

/// What speaks against its spec.
pub(super) fn spec(migration: &StatefulMigration, facts: &Facts) -> Option<Prepared> {
    let (namespace, spec) = (migration.namespace().unwrap_or_default(), &migration.spec);
    let (policies, now) = (&facts.policies, Timestamp::now());
    let mut report = validate::check(&migration.name_any(), &namespace, spec, facts);
    policy::admit_now(policies, spec, now, &mut report);
    if report.is_ok() {
        return None;
    }
    let denials = policy::judge(policies, spec).into_iter();
    let of_policies: Vec<Refusal> = denials
        .chain(policy::closed(policies, now))
        .map(Refusal::from)
        .collect();
    let is_of_policies = report
        .refusals
        .iter()
        .all(|refusal| of_policies.contains(refusal));
    let reason = if is_of_policies {
        Reason::RefusedByPolicy
    } else {
        Reason::Refused
    };
    Some(Prepared::Refused(Refused {
        lacks_node: report.lacks_only_a_node(),
        ..Cause::new(reason, report.reasons()).into()
    }))
}

/// The plan, unless the policies do not allow what was chosen. They are asked for the last time: what they allowed is kept with it.
pub(super) fn plan(prepared: Prepared, policies: &Selected) -> Prepared {
    let Prepared::Planned(mut draft) = prepared else {
        return prepared;
    };
    let denials: Vec<String> = policy::judge_plan(policies, &draft.plan)
        .into_iter()
        .map(|denial| Refusal::from(denial).to_string())
        .collect();
    if !denials.is_empty() {
        return refused(Reason::RefusedByPolicy, denials.join("; "));
    }
    draft.plan.policies = policies.record();
    draft.standing = policies.standing();
    Prepared::Planned(draft)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use shadow_core::policy::{InForce, Labels};
    use shadow_core::turns::Standing;

    use super::super::Draft;
    use super::*;

    fn planned(strategy: &str) -> Prepared {
        let plan = json!({"strategy": strategy, "because": "", "container": "c", "sourceNode": "node-a", "targetNode": "node-b",
            "source": {"namespace": "shop", "name": "orders-0", "uid": "u"}, "checkpointBackend": "Runtime",
            "queue": {"queue": "q", "quorum": false}});
        Prepared::Planned(Box::new(Draft {
            plan: serde_json::from_value(plan).unwrap(),
            restarts: 0,
            outlook: None,
            layer: None,
            standing: Standing::default(),
        }))
    }

    fn selected(spec: &Value) -> Selected {
        let policy = json!({"apiVersion": "migration.ms2m.io/v1alpha1", "kind": "MigrationPolicy", "metadata": {"name": "team"},
            "spec": spec});
        let in_force = InForce {
            of_namespace: vec![serde_json::from_value(policy).unwrap()],
            ..InForce::default()
        };
        policy::select(&in_force, &Labels::new()).unwrap()
    }

    #[test]
    fn what_was_chosen_is_refused_or_keeps_what_allowed_it() {
        let policies = selected(
            &json!({"allowed": {"strategies": ["ShadowPod"], "targetNodes": {"matchLabels": {"pool": "state"}}},
            "limits": {"movesPerNode": 1}}),
        );
        match plan(planned("Sequential"), &policies) {
            Prepared::Refused(Refused { cause, .. }) => {
                assert_eq!(cause.reason, Reason::RefusedByPolicy);
                assert!(
                    cause.message.contains("MigrationPolicy team"),
                    "{}",
                    cause.message
                );
            }
            Prepared::Planned(_) => panic!("not refused"),
        }
        match plan(planned("ShadowPod"), &policies) {
            Prepared::Planned(draft) => {
                assert_eq!(draft.plan.policies.len(), 1);
                assert!(draft.plan.policies[0].target_nodes.is_some());
                assert_eq!(draft.standing.per_node.map(|bound| bound.most), Some(1));
            }
            Prepared::Refused(refusal) => panic!("refused: {}", refusal.cause.message),
        }
    }
}
