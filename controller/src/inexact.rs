//! Handoffs that are not known to be exact: refused, unless the policies of the namespace allow them. The migration's
//! verdict says so then.

use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use shadow_core::api::MigrationPolicy;
use shadow_core::machine::Cause;
use shadow_core::policy::{self, OnInexact};
use shadow_core::reason::Reason;

use crate::broker::{QueueFacts, QueueKind};
use crate::context::Context;

/// Why a handoff is not known to be exact, and what would make it so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Doubt {
    why: String,
    way_out: &'static str,
}

impl Doubt {
    fn and(self, other: Self) -> Self {
        Self {
            why: format!("{}; {}", self.why, other.why),
            way_out: "mend both",
        }
    }
}

/// Everything that speaks against a handoff by control messages.
pub(crate) fn by_park(facts: &QueueFacts) -> Option<Doubt> {
    match (returned_out_of_order(facts), while_waiting(facts)) {
        (Some(order), Some(length)) => Some(order.and(length)),
        (doubt, None) | (None, doubt) => doubt,
    }
}

/// A quorum queue puts messages that an application returns behind newer ones, so only one may be under way there.
fn returned_out_of_order(facts: &QueueFacts) -> Option<Doubt> {
    let many = facts.consumers.iter().find(|consumer| consumer.prefetch != 1)?;
    match facts.kind {
        QueueKind::Quorum => Some(Doubt {
            why: format!(
                "quorum queue {} is consumed with prefetch {}, and messages that the application returns when it is parked come \
                 back out of order, and again if it had applied them",
                facts.name,
                if many.prefetch == 0 {
                    "unlimited".to_owned()
                } else {
                    many.prefetch.to_string()
                }
            ),
            way_out: "use prefetch 1, a classic queue, or a quorum queue with single active consumer",
        }),
        QueueKind::Classic | QueueKind::Other(_) => None,
    }
}

/// Messages wait in the queue during a handoff, whoever holds it.
pub(crate) fn while_waiting(facts: &QueueFacts) -> Option<Doubt> {
    let limits = [
        (&facts.arguments, "x-max-length"),
        (&facts.arguments, "x-max-length-bytes"),
        (&facts.policy_definition, "max-length"),
        (&facts.policy_definition, "max-length-bytes"),
    ];
    let (set, name) = limits.into_iter().find(|(set, name)| set.contains_key(*name))?;
    let limit = &set[name];
    Some(Doubt {
        why: format!(
            "queue {} has {name} {limit}, and what waits beyond it while the pod is moved is dropped, or refused to its publisher",
            facts.name
        ),
        way_out: "take the limit away while the pod is moved",
    })
}

/// Whether the policies of the pod's namespace allow it: what the verdict will say, or why the move is refused.
pub(crate) async fn tolerated(
    ctx: &Context,
    pod: &Pod,
    doubt: &Doubt,
) -> Result<Result<String, Cause>, kube::Error> {
    let policies: Api<MigrationPolicy> =
        Api::namespaced(ctx.client.clone(), &pod.namespace().unwrap_or_default());
    let policies = policies.list(&ListParams::default()).await?.items;
    Ok(judged(policy::on_inexact(&policies, pod), doubt))
}

fn judged(said: Result<OnInexact, policy::Unreadable>, doubt: &Doubt) -> Result<String, Cause> {
    let Doubt { why, way_out } = doubt;
    let (reason, because) = match said {
        Ok(OnInexact::Allowed(by)) => {
            return Ok(format!(
                "{why}; MigrationPolicy {by} allows the move nevertheless"
            ));
        }
        Ok(OnInexact::Silent) => (
            Reason::InexactHandoff,
            format!("{why}. Either {way_out}; or allow it by a MigrationPolicy with inexactHandoff: Allow"),
        ),
        Ok(OnInexact::Refused(by)) => (
            Reason::InexactHandoff,
            format!("{why}, and MigrationPolicy {by} refuses such moves; {way_out}"),
        ),
        Err(unreadable) => (Reason::PolicyUnreadable, format!("{why}. {unreadable}")),
    };
    Err(Cause::new(reason, because))
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::*;

    fn queue(kind: QueueKind, arguments: &Value, policy: &Value) -> QueueFacts {
        QueueFacts {
            policy_definition: policy.as_object().cloned().unwrap_or_default(),
            ..QueueFacts::of_a_test(kind, arguments)
        }
    }

    #[test]
    fn a_queue_that_may_overflow_while_its_messages_wait_is_no_exact_one() {
        for name in ["max-length", "max-length-bytes"] {
            let argument = Map::from_iter([(format!("x-{name}"), json!(1_000_000))]);
            let policy = Map::from_iter([(name.to_owned(), json!(1_000_000))]);
            for (arguments, policy) in [(argument.into(), json!({})), (json!({}), policy.into())] {
                for kind in [QueueKind::Classic, QueueKind::Quorum] {
                    let facts = queue(kind, &arguments, &policy);
                    let doubt = while_waiting(&facts).unwrap();
                    assert_eq!(by_park(&facts), Some(doubt.clone()));
                    assert!(
                        doubt.why.contains(name) && doubt.why.contains("1000000"),
                        "{}",
                        doubt.why
                    );
                }
            }
        }
        let others = json!({"x-max-priority": 5, "x-message-ttl": 600_000, "x-overflow": "reject-publish"});
        assert_eq!(
            while_waiting(&queue(QueueKind::Classic, &others, &json!({}))),
            None
        );
    }

    #[test]
    fn a_refusal_says_who_refuses_and_what_to_do() {
        let doubt = Doubt {
            why: "it is inexact".to_owned(),
            way_out: "use another",
        };
        let allowed = judged(Ok(OnInexact::Allowed("night".into())), &doubt).unwrap();
        assert!(
            allowed.contains(&doubt.why) && allowed.contains("night"),
            "{allowed}"
        );
        for (said, part) in [
            (OnInexact::Silent, "inexactHandoff: Allow"),
            (OnInexact::Refused("strict".into()), "strict"),
        ] {
            let cause = judged(Ok(said), &doubt).unwrap_err();
            assert!(
                cause.reason == Reason::InexactHandoff
                    && cause.message.contains(part)
                    && cause.message.contains("use another"),
                "{cause:?}"
            );
        }
    }
}
