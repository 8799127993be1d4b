//! Selectors of labels, as pods, nodes and policies have them.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};

/// Whether a label's `value` meets a requirement; `None` for an operator that is not known here.
pub(super) fn meets(operator: &str, values: Option<&Vec<String>>, value: Option<&String>) -> Option<bool> {
    let listed = value.is_some_and(|value| values.into_iter().flatten().any(|one| one == value));
    match operator {
        "In" => Some(listed),
        "NotIn" => Some(!listed),
        "Exists" => Some(value.is_some()),
        "DoesNotExist" => Some(value.is_none()),
        _ => None,
    }
}

/// Whether a selector selects what has these labels. An empty one selects everything.
pub(super) fn matches(selector: &LabelSelector, labels: &BTreeMap<String, String>) -> bool {
    let has = |(name, value): (&String, &String)| labels.get(name) == Some(value);
    selector.match_labels.iter().flatten().all(has)
        && selector.match_expressions.iter().flatten().all(|requirement| {
            // The API server admits no other operator; if it ever does, whoever obeys the selector decides.
            meets(
                &requirement.operator,
                requirement.values.as_ref(),
                labels.get(&requirement.key),
            ) == Some(true)
        })
}

/// As `kubectl --selector` has it.
pub(super) fn shown(selector: &LabelSelector) -> String {
    let equal = selector.match_labels.iter().flatten();
    let equal = equal.map(|(name, value)| format!("{name}={value}"));
    let others = selector.match_expressions.iter().flatten().map(requirement);
    let parts: Vec<String> = equal.chain(others).collect();
    if parts.is_empty() {
        "any label".to_owned()
    } else {
        parts.join(",")
    }
}

fn requirement(one: &LabelSelectorRequirement) -> String {
    let (key, values) = (&one.key, one.values.iter().flatten().cloned().collect::<Vec<_>>());
    let values = values.join(",");
    match one.operator.as_str() {
        "In" => format!("{key} in ({values})"),
        "NotIn" => format!("{key} notin ({values})"),
        "Exists" => key.clone(),
        "DoesNotExist" => format!("!{key}"),
        other => format!("{key} {other} ({values})"),
    }
}
