//! Requirements of selectors, which label selectors and node selectors have in common.

/// Whether a label's `value` meets a requirement; `None` for an operator that is not known here.
pub(in crate::validate) fn meets(
    operator: &str,
    values: Option<&Vec<String>>,
    value: Option<&String>,
) -> Option<bool> {
    let listed = value.is_some_and(|value| values.into_iter().flatten().any(|one| one == value));
    match operator {
        "In" => Some(listed),
        "NotIn" => Some(!listed),
        "Exists" => Some(value.is_some()),
        "DoesNotExist" => Some(value.is_none()),
        _ => None,
    }
}
