//! What the policies say of one move: why it is refused, and what is filled in. Pure.
//!
//! Guarantee: a move is judged by the same rules at its creation, as far as it is known then, and when its plan is made. Each refusal
//! names every policy that decided, the rule and the way out.

use k8s_openapi::api::core::v1::Node;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;
use kube::core::SelectorExt;

use super::merging::Lists;
use super::selecting::{Name, Selected};
use super::{pause, windows};
use crate::api::{
    Handoff, HoldKind, MigrationStrategy, Plan, RestoreBackend, StatefulMigrationSpec, TransferMode,
};
use crate::validate::{DEADLINE_SECONDS, Refusal, Report};

/// A rule that lists what is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// `allowed.strategies`.
    Strategies,
    /// `allowed.holds`.
    Holds,
    /// `allowed.handoffs`.
    Handoffs,
    /// `allowed.transferModes`.
    TransferModes,
    /// `allowed.restoreBackends`.
    RestoreBackends,
}

/// Why policies refuse a move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denial {
    /// A list does not hold what the move is.
    NotAllowed {
        /// The rule.
        rule: Rule,
        /// What the move is.
        is: String,
        /// Policies whose lists do not hold it.
        by: Vec<Name>,
        /// All policies that have such a list: only what all of them allow is left.
        of: Vec<Name>,
        /// What all of them allow.
        left: Vec<String>,
    },
    /// The deadline is longer than it may be.
    Deadline {
        /// That of the move, in seconds.
        is: u32,
        /// The longest one.
        most: u32,
        /// Policies with this limit.
        by: Vec<Name>,
    },
    /// The pause may be longer than it may be.
    MaxPause {
        /// What the move says; absent: nothing.
        is: Option<String>,
        /// The longest one.
        most: SignedDuration,
        /// Policies with this limit.
        by: Vec<Name>,
    },
    /// The broker's URL holds a password.
    UrlPassword {
        /// Policies that refuse that.
        by: Vec<Name>,
    },
    /// No move begins at this time.
    Closed {
        /// Policies that are closed, with their windows.
        by: Vec<(Name, Vec<String>)>,
        /// All policies that have windows, where they open together at last.
        opens: Option<Timestamp>,
    },
}

/// What is known of a move.
#[derive(Clone, Debug, Default)]
struct Known {
    strategy: Option<MigrationStrategy>,
    hold: Option<HoldKind>,
    handoff: Handoff,
    transfer: Option<TransferMode>,
    restore: Option<RestoreBackend>,
}

impl Known {
    /// At its creation. What is left out and chosen later is not known yet.
    fn of_spec(spec: &StatefulMigrationSpec) -> Self {
        let transfer = match (spec.restore_backend, spec.transfer_mode) {
            (Some(RestoreBackend::Image), _) | (_, Some(TransferMode::Registry)) => {
                Some(TransferMode::Registry)
            }
            (Some(RestoreBackend::RuntimeClass), Some(TransferMode::Direct) | None) => {
                Some(TransferMode::Direct)
            }
            (None, Some(TransferMode::Direct) | None) => None,
        };
        Self {
            strategy: spec.migration_strategy,
            hold: None,
            handoff: spec.handoff.unwrap_or_default(),
            transfer,
            restore: spec.restore_backend,
        }
    }

    fn of_plan(plan: &Plan) -> Self {
        Self {
            strategy: Some(plan.strategy),
            hold: Some(plan.queue.hold),
            handoff: match plan.queue.hold {
                HoldKind::Exchange => Handoff::Live,
                HoldKind::Park | HoldKind::SingleActive => Handoff::Hold,
            },
            transfer: Some(plan.transfer),
            restore: Some(plan.restore),
        }
    }
}

/// Everything that policies hold against a move of this spec.
pub fn judge(selected: &Selected, spec: &StatefulMigrationSpec) -> Vec<Denial> {
    let mut denials = lists(selected, &Known::of_spec(spec));
    denials.extend(deadline(selected, spec));
    denials.extend(max_pause(selected, spec));
    denials.extend(url_password(selected, spec));
    denials
}

/// The same for a plan: what was chosen is known by now.
pub fn judge_plan(selected: &Selected, plan: &Plan) -> Vec<Denial> {
    lists(selected, &Known::of_plan(plan))
}

fn lists(selected: &Selected, known: &Known) -> Vec<Denial> {
    let strategies = selected.lists(|allowed| allowed.strategies.as_ref());
    let holds = selected.lists(|allowed| allowed.holds.as_ref());
    let handoffs = selected.lists(|allowed| allowed.handoffs.as_ref());
    let transfers = selected.lists(|allowed| allowed.transfer_modes.as_ref());
    let restores = selected.lists(|allowed| allowed.restore_backends.as_ref());
    let all = [
        known
            .strategy
            .and_then(|is| not_allowed(Rule::Strategies, &strategies, is)),
        known.hold.and_then(|is| not_allowed(Rule::Holds, &holds, is)),
        not_allowed(Rule::Handoffs, &handoffs, known.handoff),
        known
            .transfer
            .and_then(|is| not_allowed(Rule::TransferModes, &transfers, is)),
        known
            .restore
            .and_then(|is| not_allowed(Rule::RestoreBackends, &restores, is)),
    ];
    all.into_iter().flatten().collect()
}

fn not_allowed<T>(rule: Rule, lists: &Lists<'_, T>, is: T) -> Option<Denial>
where
    T: PartialEq + Copy + std::fmt::Debug,
{
    let by = lists.against(is);
    (!by.is_empty()).then(|| Denial::NotAllowed {
        rule,
        is: format!("{is:?}"),
        by: owned(&by),
        of: lists.of.iter().map(|(name, _)| (*name).clone()).collect(),
        left: lists.left().iter().map(|value| format!("{value:?}")).collect(),
    })
}

fn deadline(selected: &Selected, spec: &StatefulMigrationSpec) -> Option<Denial> {
    let limit = selected.least(|policy| policy.limits.deadline_seconds)?;
    let is = spec.deadline_seconds.unwrap_or(DEADLINE_SECONDS);
    (is > limit.most).then(|| Denial::Deadline {
        is,
        most: limit.most,
        by: owned(&limit.by),
    })
}

fn max_pause(selected: &Selected, spec: &StatefulMigrationSpec) -> Option<Denial> {
    let limit = selected.least(|policy| policy.max_pause)?;
    let is = spec.max_pause.clone();
    // A text that is no time is refused by itself.
    let keeps = match is.as_deref() {
        Some(text) => pause::read(text).is_ok_and(|time| time <= limit.most),
        None => false,
    };
    (!keeps).then(|| Denial::MaxPause {
        is,
        most: limit.most,
        by: owned(&limit.by),
    })
}

fn url_password(selected: &Selected, spec: &StatefulMigrationSpec) -> Option<Denial> {
    let by = selected.refuse_url_password();
    let url = spec.message_queue_config.as_ref()?.broker_url.as_deref()?;
    (!by.is_empty() && has_password(url)).then(|| Denial::UrlPassword { by: owned(&by) })
}

/// `scheme://user:password@host`. No client may be able to read it: what looks like a password counts as one.
fn has_password(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let by_authority = authority.rsplit_once('@');
    // A password may hold a `/` that was not escaped.
    let user = by_authority
        .or_else(|| rest.rsplit_once('@'))
        .map(|(user, _)| user);
    user.is_some_and(|user| user.contains(':'))
}

/// At the creation of a migration, and when its plan is made: a move is refused outside the windows, a plan is warned.
pub fn admit_now(selected: &Selected, spec: &StatefulMigrationSpec, now: Timestamp, report: &mut Report) {
    let Some(denial) = closed(selected, now) else {
        return;
    };
    if spec.plan_only {
        report.warnings.push(format!(
            "{}; the plan is made, and the move would be refused now",
            denial.cause()
        ));
    } else {
        report.refusals.push(Refusal::from(denial));
    }
}

/// Why no move begins now.
pub fn closed(selected: &Selected, now: Timestamp) -> Option<Denial> {
    let all = selected.windows();
    let closed: Vec<_> = all
        .iter()
        .filter(|(_, windows)| !windows::is_open(windows, now))
        .map(|(name, windows)| ((*name).clone(), windows.iter().map(ToString::to_string).collect()))
        .collect();
    if closed.is_empty() {
        return None;
    }
    let windows: Vec<_> = all.iter().map(|(_, windows)| *windows).collect();
    Some(Denial::Closed {
        by: closed,
        opens: windows::next(&windows, now),
    })
}

impl Selected {
    /// The policies that let no pod of theirs be moved to this node.
    pub fn bar(&self, node: &Node) -> Vec<&Name> {
        let bars = |selector: &kube::core::Selector| !selector.matches(node.labels());
        let those = self.0.iter();
        those
            .filter(|policy| policy.targets.as_ref().is_some_and(bars))
            .map(|policy| &policy.name)
            .collect()
    }
}

pub(super) fn owned(names: &[&Name]) -> Vec<Name> {
    names.iter().map(|name| (*name).clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_seen_wherever_it_may_stand() {
        for (url, has) in [
            ("amqp://mq", false),
            ("amqp://mq:5672/%2f", false),
            ("amqp://user@mq:5672", false),
            ("amqp://user:secret@mq", true),
            ("amqp://user:se/cret@mq:5672/%2f", true),
            ("amqp://user:s@cret@mq", true),
            ("user:secret@mq", true),
            ("amqp://:@mq", true),
        ] {
            assert_eq!(has_password(url), has, "{url}");
        }
    }
}
