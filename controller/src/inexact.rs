//! Handoffs that are not known to be exact: refused, unless the policies of the namespace allow them. The migration's
//! verdict says so then.

use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use shadow_core::api::MigrationPolicy;
use shadow_core::machine::Cause;
use shadow_core::policy::{self, OnInexact};
use shadow_core::reason::Reason;

use crate::context::Context;

/// Whether the policies of the pod's namespace allow it: what the verdict will say, or why the move is refused.
pub(crate) async fn tolerated(
    ctx: &Context,
    pod: &Pod,
    why: &str,
    way_out: &str,
) -> Result<Result<String, Cause>, kube::Error> {
    let policies: Api<MigrationPolicy> =
        Api::namespaced(ctx.client.clone(), &pod.namespace().unwrap_or_default());
    let policies = policies.list(&ListParams::default()).await?.items;
    Ok(judged(policy::on_inexact(&policies, pod), why, way_out))
}

fn judged(said: Result<OnInexact, policy::Unreadable>, why: &str, way_out: &str) -> Result<String, Cause> {
    let (reason, because) = match said {
        Ok(OnInexact::Allowed(by)) => {
            return Ok(format!(
                "{why}; MigrationPolicy {by} allows the move nevertheless"
            ));
        }
        Ok(OnInexact::Silent) => (
            Reason::InexactHandoff,
            format!(
                "{why}. Either {way_out}; or allow the move: create a MigrationPolicy with inexactHandoff: Allow"
            ),
        ),
        Ok(OnInexact::Refused(by)) => (
            Reason::InexactHandoff,
            format!("{why}, and MigrationPolicy {by} refuses such moves. Way out: {way_out}"),
        ),
        Err(unreadable) => (Reason::PolicyUnreadable, format!("{why}. {unreadable}")),
    };
    Err(Cause::new(reason, because))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_who_refuses_and_what_to_do() {
        let (why, way_out) = ("it is inexact", "use another");
        let allowed = judged(Ok(OnInexact::Allowed("night".into())), why, way_out).unwrap();
        assert!(allowed.contains(why) && allowed.contains("night"), "{allowed}");
        for (said, part) in [
            (OnInexact::Silent, "inexactHandoff: Allow"),
            (OnInexact::Refused("strict".into()), "strict"),
        ] {
            let cause = judged(Ok(said), why, way_out).unwrap_err();
            assert!(
                cause.reason == Reason::InexactHandoff
                    && cause.message.contains(part)
                    && cause.message.contains("use another"),
                "{cause:?}"
            );
        }
    }
}
