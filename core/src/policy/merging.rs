//! How several policies that select the same pod combine. Pure.
//!
//! Guarantee: one more policy never allows more than before. A value is allowed if each list holds it, of limits the smaller one counts,
//! and of defaults that of the most specific policy; only `inexactHandoff: Allow` adds something, where no policy refuses.

use super::selecting::{Chosen, Name, Selected};
use super::windows::Opening;
use crate::api::{Allowed, InexactHandoff, PolicyDefaults, UrlPassword};

/// A list of one rule, of all policies that have one.
pub(super) struct Lists<'a, T> {
    pub(super) of: Vec<(&'a Name, &'a [T])>,
}

impl<T: PartialEq + Copy> Lists<'_, T> {
    pub(super) fn allows(&self, value: T) -> bool {
        self.of.iter().all(|(_, list)| list.contains(&value))
    }

    /// Policies whose list does not hold it.
    pub(super) fn against(&self, value: T) -> Vec<&Name> {
        let those = self.of.iter().filter(|(_, list)| !list.contains(&value));
        those.map(|(name, _)| *name).collect()
    }

    /// What all of them allow, in the order of the first list.
    pub(super) fn left(&self) -> Vec<T> {
        let first = self.of.first().map_or(&[][..], |(_, list)| list);
        first
            .iter()
            .copied()
            .filter(|value| self.allows(*value))
            .collect()
    }
}

/// The smallest value of a limit, and all policies that have that value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Least<'a, T> {
    pub(super) most: T,
    pub(super) by: Vec<&'a Name>,
}

/// A value of the most specific policy that has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Foremost<'a, T> {
    pub(super) value: T,
    pub(super) by: &'a Name,
    /// Policies that are as specific and have another value; they come later by name.
    pub(super) passed_over: Vec<&'a Name>,
}

/// What the policies say of a handoff that is not known to be exact. The strictest one counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OnInexact {
    /// No policy says anything of it.
    Silent,
    /// These policies refuse it.
    Refused(Vec<Name>),
    /// All that speak of it allow it.
    Allowed(Vec<Name>),
}

impl Selected {
    pub(super) fn lists<T>(&self, list: impl Fn(&Allowed) -> Option<&Vec<T>>) -> Lists<'_, T>
    where
        T: PartialEq + Copy,
    {
        let of = self.0.iter();
        Lists {
            of: of
                .filter_map(|policy| Some((&policy.name, list_of(&policy.allowed, &list)?)))
                .collect(),
        }
    }

    pub(super) fn least<T: Ord + Copy>(&self, limit: impl Fn(&Chosen) -> Option<T>) -> Option<Least<'_, T>> {
        let most = self.0.iter().filter_map(&limit).min()?;
        let by = self.0.iter().filter(|policy| limit(policy) == Some(most));
        Some(Least {
            most,
            by: by.map(|policy| &policy.name).collect(),
        })
    }

    pub(super) fn default_of<T: PartialEq>(
        &self,
        value: impl Fn(&PolicyDefaults) -> Option<T>,
    ) -> Option<Foremost<'_, T>> {
        self.foremost(|policy| value(&policy.defaults))
    }

    /// They stand in the order of how specific they are.
    pub(super) fn foremost<T: PartialEq>(
        &self,
        value: impl Fn(&Chosen) -> Option<T>,
    ) -> Option<Foremost<'_, T>> {
        let mut with = self.0.iter().filter_map(|policy| Some((policy, value(policy)?)));
        let (first, value) = with.next()?;
        let equals =
            with.filter(|(policy, other)| policy.specificity == first.specificity && *other != value);
        let passed_over = equals.map(|(policy, _)| &policy.name).collect();
        Some(Foremost {
            value,
            by: &first.name,
            passed_over,
        })
    }

    /// Those that say when moves may begin.
    pub(super) fn windows(&self) -> Vec<(&Name, &[Opening])> {
        let those = self.0.iter();
        those
            .filter_map(|policy| Some((&policy.name, policy.windows.as_deref()?)))
            .collect()
    }

    /// What they say of a handoff that is not known to be exact.
    pub fn on_inexact(&self) -> OnInexact {
        let say = |what: InexactHandoff| -> Vec<Name> {
            let those = self.0.iter().filter(|policy| policy.inexact == Some(what));
            those.map(|policy| policy.name.clone()).collect()
        };
        let (refuse, allow) = (say(InexactHandoff::Refuse), say(InexactHandoff::Allow));
        match (refuse.is_empty(), allow.is_empty()) {
            (false, _) => OnInexact::Refused(refuse),
            (true, false) => OnInexact::Allowed(allow),
            (true, true) => OnInexact::Silent,
        }
    }

    /// Policies that refuse a password in `brokerUrl`.
    pub(super) fn refuse_url_password(&self) -> Vec<&Name> {
        let refuse = |policy: &&Chosen| policy.url_password == Some(UrlPassword::Refuse);
        self.0.iter().filter(refuse).map(|policy| &policy.name).collect()
    }
}

fn list_of<'a, T>(allowed: &'a Allowed, list: impl Fn(&'a Allowed) -> Option<&'a Vec<T>>) -> Option<&'a [T]> {
    list(allowed).map(Vec::as_slice)
}
