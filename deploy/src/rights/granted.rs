//! Roles and bindings, as the API server judges them.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::rbac::v1::{
    ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject,
};
use kube::ResourceExt;
use kube::core::DynamicObject;
use serde::de::DeserializeOwned;

use super::{Holder, Place, THEIRS, Thing};

/// Label of a role whose rules another role takes in.
const AGGREGATES: &str = "rbac.authorization.k8s.io/aggregate-to-";
/// Kubernetes' own role takes in the next one.
const CHAIN: [&str; 3] = ["admin", "edit", "view"];

/// A rule, where it holds, and for whom.
struct Grant {
    holder: Holder,
    place: Option<String>,
    rule: PolicyRule,
}

pub(super) struct Grants(Vec<Grant>);

/// Roles by namespace and name; those of the cluster have no namespace.
type Roles = BTreeMap<(Option<String>, String), Vec<PolicyRule>>;

impl Grants {
    /// What these holders are granted.
    pub(super) fn read(objects: &[DynamicObject], holders: &[Holder]) -> Result<Self, serde_json::Error> {
        let mut roles = Roles::new();
        let mut aggregated: BTreeMap<String, Vec<PolicyRule>> = BTreeMap::new();
        for role in all::<ClusterRole>(objects, "ClusterRole")? {
            let rules = role.rules.clone().unwrap_or_default();
            for (label, _) in role.labels().iter().filter(|(_, value)| *value == "true") {
                if let Some(into) = label.strip_prefix(AGGREGATES) {
                    aggregated
                        .entry(into.to_owned())
                        .or_default()
                        .extend(rules.clone());
                }
            }
            roles.insert((None, role.name_any()), rules);
        }
        for role in all::<Role>(objects, "Role")? {
            let rules = role.rules.clone().unwrap_or_default();
            roles.insert((role.namespace(), role.name_any()), rules);
        }
        let mut grants = Vec::new();
        for &holder in holders {
            for (place, rule) in bound(objects, &roles, holder)? {
                grants.push(Grant { holder, place, rule });
            }
            for (place, rule) in given(&roles, &aggregated, holder) {
                grants.push(Grant { holder, place, rule });
            }
        }
        Ok(Self(grants))
    }

    /// Whether one of them lets `holder` do it.
    pub(super) fn allow(&self, holder: Holder, thing: &Thing, verb: &str) -> bool {
        let mut own = self.0.iter().filter(|grant| grant.holder == holder);
        own.any(|grant| grant.covers(thing) && grant.rule.verbs.iter().any(|one| one == verb || one == "*"))
    }

    /// Verbs of a thing that somebody is granted.
    pub(super) fn verbs(&self, thing: &Thing) -> BTreeSet<String> {
        let covering = self.0.iter().filter(|grant| grant.covers(thing));
        covering.flat_map(|grant| grant.rule.verbs.clone()).collect()
    }

    /// Everything that somebody is granted.
    pub(super) fn things(&self) -> BTreeSet<Thing> {
        self.0.iter().flat_map(Grant::things).collect()
    }
}

impl Grant {
    fn covers(&self, thing: &Thing) -> bool {
        let there = match &self.place {
            None => true,
            Some(place) => thing.place.namespace() == Some(place),
        };
        let names = self.rule.resource_names.as_deref().unwrap_or_default();
        let named = names.is_empty() || thing.name.as_ref().is_some_and(|name| names.contains(name));
        there
            && named
            && has(self.rule.api_groups.as_deref(), &thing.group)
            && has(self.rule.resources.as_deref(), &thing.resource)
    }

    fn things(&self) -> Vec<Thing> {
        let names = self.rule.resource_names.clone().unwrap_or_default();
        let names: Vec<Option<String>> = match names.is_empty() {
            true => vec![None],
            false => names.into_iter().map(Some).collect(),
        };
        let mut things = Vec::new();
        for group in self.rule.api_groups.iter().flatten() {
            for resource in self.rule.resources.iter().flatten() {
                things.extend(names.iter().map(|name| Thing {
                    group: group.clone(),
                    resource: resource.clone(),
                    place: Place::of(self.place.as_deref()),
                    name: name.clone(),
                }));
            }
        }
        things
    }
}

fn has(all: Option<&[String]>, one: &str) -> bool {
    all.unwrap_or_default()
        .iter()
        .any(|each| each == one || each == "*")
}

fn all<T: DeserializeOwned>(objects: &[DynamicObject], kind: &str) -> Result<Vec<T>, serde_json::Error> {
    let of_kind = |object: &&DynamicObject| object.types.as_ref().is_some_and(|types| types.kind == kind);
    objects
        .iter()
        .filter(of_kind)
        .map(|object| serde_json::from_value(serde_json::to_value(object)?))
        .collect()
}

type Bound = Vec<(Option<String>, PolicyRule)>;

/// What the manifests bind to this holder.
fn bound(objects: &[DynamicObject], roles: &Roles, holder: Holder) -> Result<Bound, serde_json::Error> {
    let mut found = Vec::new();
    let mut add = |place: Option<String>, role: &RoleRef, subjects: Option<&[Subject]>| {
        if subjects
            .unwrap_or_default()
            .iter()
            .any(|subject| means(subject, holder))
        {
            let defined = place.clone().filter(|_| role.kind == "Role");
            let rules = roles
                .get(&(defined, role.name.clone()))
                .cloned()
                .unwrap_or_default();
            found.extend(rules.into_iter().map(|rule| (place.clone(), rule)));
        }
    };
    for binding in all::<ClusterRoleBinding>(objects, "ClusterRoleBinding")? {
        add(None, &binding.role_ref, binding.subjects.as_deref());
    }
    for binding in all::<RoleBinding>(objects, "RoleBinding")? {
        add(
            binding.namespace(),
            &binding.role_ref,
            binding.subjects.as_deref(),
        );
    }
    Ok(found)
}

fn means(subject: &Subject, holder: Holder) -> bool {
    match subject.kind.as_str() {
        "ServiceAccount" => {
            let namespace = subject.namespace.as_deref().unwrap_or_default();
            format!("system:serviceaccount:{namespace}:{}", subject.name) == holder.user()
        }
        "Group" => holder.groups().contains(&subject.name),
        _ => subject.name == holder.user(),
    }
}

/// What an administrator binds to it, and no manifest.
fn given(roles: &Roles, aggregated: &BTreeMap<String, Vec<PolicyRule>>, holder: Holder) -> Bound {
    match holder {
        Holder::Account(_) | Holder::Anybody => Vec::new(),
        Holder::ClusterRole(name) => {
            let rules = roles.get(&(None, name.to_owned())).cloned().unwrap_or_default();
            rules.into_iter().map(|rule| (None, rule)).collect()
        }
        Holder::Role(name) => CHAIN
            .iter()
            .skip_while(|role| **role != name)
            .flat_map(|role| aggregated.get(*role).cloned().unwrap_or_default())
            .map(|rule| (Some(THEIRS.to_owned()), rule))
            .collect(),
    }
}
