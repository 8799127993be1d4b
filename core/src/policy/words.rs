//! The words of what policies say: refusals, what was filled in, and what the audit log is told. They stand here alone.

use std::collections::BTreeMap;
use std::fmt::{self, Display};

use super::filling::Filled;
use super::judging::{Denial, Rule};
use super::pause;
use super::selecting::{Name, Selected};
use crate::validate::Refusal;

/// Characters of a text in the audit log.
const AUDITED: usize = 2_000;

/// `A`, `A and B`, `A, B and C`.
pub fn joined<T: Display>(all: &[T]) -> String {
    match all {
        [] => String::new(),
        [one] => one.to_string(),
        [first @ .., last] => {
            let first: Vec<String> = first.iter().map(ToString::to_string).collect();
            format!("{} and {last}", first.join(", "))
        }
    }
}

/// The verb for one or several.
pub fn verb(names: &[Name], one: &'static str, several: &'static str) -> &'static str {
    match names {
        [_] => one,
        [] | [_, _, ..] => several,
    }
}

impl Rule {
    /// As a policy spells it.
    fn key(self) -> &'static str {
        match self {
            Self::Strategies => "allowed.strategies",
            Self::Holds => "allowed.holds",
            Self::Handoffs => "allowed.handoffs",
            Self::TransferModes => "allowed.transferModes",
            Self::RestoreBackends => "allowed.restoreBackends",
        }
    }

    /// What of a migration it is about.
    fn field(self) -> &'static str {
        match self {
            Self::Strategies => "spec.migrationStrategy",
            Self::Holds | Self::Handoffs => "spec.handoff",
            Self::TransferModes => "spec.transferMode",
            Self::RestoreBackends => "spec.restoreBackend",
        }
    }

    /// How to get what is left.
    fn way_out(self, left: &str) -> String {
        match self {
            Self::Strategies => format!("Write migrationStrategy: {left}"),
            Self::Handoffs => format!("Write handoff: {left}"),
            Self::TransferModes => format!(
                "Write transferMode: {left}; a restore from a checkpoint image (restoreBackend: Image) always goes through a registry"
            ),
            Self::RestoreBackends => format!("Write restoreBackend: {left}"),
            Self::Holds => format!(
                "A quorum queue with single active consumer is held by SingleActive, any other queue by Park, and with handoff: Live by \
                 Exchange. Use a queue or a handoff that is held by {left}"
            ),
        }
    }
}

impl Denial {
    /// Path of the field.
    fn field(&self) -> &'static str {
        match self {
            Self::NotAllowed { rule, .. } => rule.field(),
            Self::Deadline { .. } => "spec.deadlineSeconds",
            Self::MaxPause { .. } => "spec.maxPause",
            Self::UrlPassword { .. } => "spec.messageQueueConfig.brokerUrl",
            Self::Closed { .. } => "spec.planOnly",
        }
    }

    /// What is wrong, and by which policies and rules.
    pub(super) fn cause(&self) -> String {
        match self {
            Self::NotAllowed { rule, is, by, .. } => {
                format!("{is} is not allowed by {} ({})", joined(by), rule.key())
            }
            Self::Deadline { is, most, by } => format!(
                "{is} s is longer than the {most} s that are allowed by {} (limits.deadlineSeconds)",
                joined(by)
            ),
            Self::MaxPause {
                is: Some(is),
                most,
                by,
            } => format!(
                "{is} is longer than the {} that are allowed by {} (limits.maxPause)",
                pause::told(*most),
                joined(by)
            ),
            Self::MaxPause { is: None, most, by } => format!(
                "it is left out, and at most {} are allowed by {} (limits.maxPause)",
                pause::told(*most),
                joined(by)
            ),
            Self::UrlPassword { by } => format!(
                "a password in this field is not allowed by {} (brokerUrlPassword)",
                joined(by)
            ),
            Self::Closed { by, .. } => {
                let told: Vec<String> = by
                    .iter()
                    .map(|(name, windows)| format!("{name} (windows: {})", windows.join(", ")))
                    .collect();
                format!("no move may begin now by {}", joined(&told))
            }
        }
    }

    fn way_out(&self) -> String {
        match self {
            Self::NotAllowed { of, left, .. } if left.is_empty() => format!(
                "{} allow nothing in common. Ask the owner of one of them to change it",
                joined(of)
            ),
            Self::NotAllowed { rule, left, .. } => rule.way_out(&left.join(" or ")),
            Self::Deadline { most, .. } => format!("Write deadlineSeconds: {most} or less, or leave it out"),
            Self::MaxPause { is: Some(_), most, .. } => {
                format!("Write maxPause: {} or less, or leave it out", pause::told(*most))
            }
            Self::MaxPause { is: None, .. } => {
                "The policy is newer than the migration. Create the migration again: maxPause is filled in then".to_owned()
            }
            Self::UrlPassword { .. } => "Put user and password into a Secret with the keys uri and managementUri, and name the Secret \
                                         in spec.brokerSecretRef"
                .to_owned(),
            Self::Closed { opens: Some(at), .. } => format!(
                "The next opening is {at:.0}. Order the move then, or only make a plan: kubectl shadow plan"
            ),
            Self::Closed { opens: None, .. } => {
                "The policies of the pod are never open at the same time. Ask the owner of one of them to change it".to_owned()
            }
        }
    }
}

impl From<Denial> for Refusal {
    fn from(denial: Denial) -> Self {
        Self {
            field: denial.field(),
            message: format!("{}. {}", denial.cause(), denial.way_out()),
        }
    }
}

impl Display for Filled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            field,
            value,
            by,
            passed_over,
            barred_by,
        } = self;
        let by = joined(by);
        if !barred_by.is_empty() {
            return write!(
                f,
                "{by} would fill in {field}: {value}, which is not allowed by {}, so the field stays left out",
                joined(barred_by)
            );
        }
        write!(f, "{field}: {value} is filled in by {by}")?;
        if !passed_over.is_empty() {
            write!(
                f,
                "; {} would fill in another value and {} as specific, so the first name counts",
                joined(passed_over),
                verb(passed_over, "is", "are")
            )?;
        }
        Ok(())
    }
}

impl Selected {
    /// For the user whose move is allowed; `None`: no policy says anything of moves.
    pub fn allowed(&self) -> Option<String> {
        let speaking = self.speaking();
        (!speaking.is_empty()).then(|| format!("the move is allowed by {}", joined(&speaking)))
    }

    /// What the audit log is told: the policies, and what they did. Empty where none says anything of moves.
    pub fn audit(&self, filled: &[Filled], refused: Option<&str>) -> BTreeMap<&'static str, String> {
        let speaking = self.speaking();
        if speaking.is_empty() {
            return BTreeMap::new();
        }
        let mut told = BTreeMap::from([("policies", joined(&speaking))]);
        if !filled.is_empty() {
            let filled: Vec<String> = filled.iter().map(ToString::to_string).collect();
            told.insert("filled-in", filled.join("; "));
        }
        if let Some(refused) = refused {
            told.insert("refused", refused.to_owned());
        }
        for text in told.values_mut() {
            *text = text.chars().take(AUDITED).collect();
        }
        told
    }
}
