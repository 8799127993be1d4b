//! Handoffs that are not known to be exact: refused, unless the policies of the pod allow them. The migration's
//! verdict says so then.

use shadow_core::machine::Cause;
use shadow_core::policy::OnInexact;
use shadow_core::policy::words::{joined, verb};
use shadow_core::reason::Reason;

/// Whether the policies of the pod allow it: what the verdict will say, or why the move is refused.
pub(crate) fn tolerated(said: &OnInexact, why: &str, way_out: &str) -> Result<String, Cause> {
    match said {
        OnInexact::Allowed(by) => Ok(format!(
            "{why}; {} {} the move nevertheless",
            joined(by),
            verb(by, "allows", "allow")
        )),
        OnInexact::Silent => Err(Cause::new(
            Reason::InexactHandoff,
            format!(
                "{why}. Either {way_out}; or allow the move: create a MigrationPolicy with inexactHandoff: Allow"
            ),
        )),
        OnInexact::Refused(by) => Err(Cause::new(
            Reason::InexactHandoff,
            format!(
                "{why}, and {} {} such moves (inexactHandoff). Way out: {way_out}",
                joined(by),
                verb(by, "refuses", "refuse")
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    use shadow_core::api::PolicyKind;
    use shadow_core::policy::Name;

    use super::*;

    fn named(kind: PolicyKind, name: &str) -> Name {
        Name {
            kind,
            name: name.to_owned(),
        }
    }

    #[test]
    fn a_refusal_says_who_refuses_and_what_to_do() {
        let (why, way_out) = ("it is inexact", "use another");
        let both = || {
            vec![
                named(PolicyKind::MigrationPolicy, "strict"),
                named(PolicyKind::ClusterMigrationPolicy, "all"),
            ]
        };
        let night = vec![named(PolicyKind::MigrationPolicy, "night")];
        let allowed = tolerated(&OnInexact::Allowed(night), why, way_out).unwrap();
        assert_eq!(
            allowed,
            "it is inexact; MigrationPolicy night allows the move nevertheless"
        );
        for (said, part) in [
            (OnInexact::Silent, "inexactHandoff: Allow"),
            (
                OnInexact::Refused(both()),
                "MigrationPolicy strict and ClusterMigrationPolicy all refuse such moves",
            ),
        ] {
            let cause = tolerated(&said, why, way_out).unwrap_err();
            assert!(
                cause.reason == Reason::InexactHandoff
                    && cause.message.contains(part)
                    && cause.message.contains("use another"),
                "{cause:?}"
            );
        }
    }
}
