//! Handoffs that are not known to be exact: refused, unless the policies of the namespace allow them. The migration's
//! verdict says so then.

use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use shadow_core::api::MigrationPolicy;
use shadow_core::machine::Cause;
use shadow_core::policy::{self, OnInexact};

use crate::broker::{QueueFacts, QueueKind};
use crate::context::Context;

/// Why a handoff of this queue by control messages is not known to be exact, and what would make it so. A quorum queue
/// puts messages that an application returns behind newer ones, so only one may be under way there.
pub(crate) fn by_park(facts: &QueueFacts) -> Option<String> {
    let many = facts.consumers.iter().find(|consumer| consumer.prefetch != 1)?;
    match facts.kind {
        QueueKind::Quorum => Some(format!(
            "quorum queue {} is consumed with prefetch {}, and messages that the application returns when it is parked come \
             back out of order, and again if it had applied them",
            facts.name,
            if many.prefetch == 0 {
                "unlimited".to_owned()
            } else {
                many.prefetch.to_string()
            }
        )),
        QueueKind::Classic | QueueKind::Other(_) => None,
    }
}

/// Whether the policies of the pod's namespace allow it: what the verdict will say, or why the move is refused.
pub(crate) async fn tolerated(
    ctx: &Context,
    pod: &Pod,
    why: &str,
) -> Result<Result<String, Cause>, kube::Error> {
    let policies: Api<MigrationPolicy> =
        Api::namespaced(ctx.client.clone(), &pod.namespace().unwrap_or_default());
    let policies = policies.list(&ListParams::default()).await?.items;
    Ok(judged(policy::on_inexact(&policies, pod), why))
}

fn judged(said: Result<OnInexact, policy::Unreadable>, why: &str) -> Result<String, Cause> {
    const WAY_OUT: &str = "use prefetch 1, a classic queue, or a quorum queue with single active consumer";
    let (reason, because) = match said {
        Ok(OnInexact::Allowed(by)) => {
            return Ok(format!(
                "{why}; MigrationPolicy {by} allows the move nevertheless"
            ));
        }
        Ok(OnInexact::Silent) => (
            "InexactHandoff",
            format!("{why}. Either {WAY_OUT}; or allow it by a MigrationPolicy with inexactHandoff: Allow"),
        ),
        Ok(OnInexact::Refused(by)) => (
            "InexactHandoff",
            format!("{why}, and MigrationPolicy {by} refuses such moves. {WAY_OUT}"),
        ),
        Err(unreadable) => ("PolicyUnreadable", format!("{why}. {unreadable}")),
    };
    Err(Cause::new(reason, because))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_who_refuses_and_what_to_do() {
        let why = "it is inexact";
        let allowed = judged(Ok(OnInexact::Allowed("night".into())), why).unwrap();
        assert!(allowed.contains(why) && allowed.contains("night"), "{allowed}");
        for (said, part) in [
            (OnInexact::Silent, "inexactHandoff: Allow"),
            (OnInexact::Refused("strict".into()), "strict"),
        ] {
            let cause = judged(Ok(said), why).unwrap_err();
            assert!(
                cause.reason == "InexactHandoff" && cause.message.contains(part),
                "{cause:?}"
            );
        }
    }
}
