//! Amounts of memory and CPU as Kubernetes writes them.

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

const SUFFIXES: [(&str, u64); 12] = [
    ("Ki", 1 << 10),
    ("Mi", 1 << 20),
    ("Gi", 1 << 30),
    ("Ti", 1 << 40),
    ("Pi", 1 << 50),
    ("Ei", 1 << 60),
    ("k", 1_000),
    ("M", 1_000_000),
    ("G", 1_000_000_000),
    ("T", 1_000_000_000_000),
    ("P", 1_000_000_000_000_000),
    ("E", 1_000_000_000_000_000_000),
];

/// Whole bytes; `None` of what is none. The API server writes a whole number with one of these suffixes, or without any.
pub fn bytes(quantity: &Quantity) -> Option<u64> {
    let text = quantity.0.as_str();
    let found = SUFFIXES
        .iter()
        .find_map(|(suffix, factor)| Some((text.strip_suffix(suffix)?, *factor)));
    let (number, factor) = found.unwrap_or((text, 1));
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// Thousandths of a CPU; `None` of what is none. The API server writes `2`, `250m`, or less in `u` and `n`.
pub fn millis(quantity: &Quantity) -> Option<u64> {
    let text = quantity.0.as_str();
    if let Some(millis) = text.strip_suffix('m') {
        return millis.parse().ok();
    }
    for (suffix, per_milli) in [("u", 1_000_u64), ("n", 1_000_000)] {
        if let Some(number) = text.strip_suffix(suffix) {
            return Some(number.parse::<u64>().ok()?.div_ceil(per_milli));
        }
    }
    bytes(quantity)?.checked_mul(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_is_counted_in_thousandths() {
        for (text, wanted) in [
            ("2", Some(2_000)),
            ("250m", Some(250)),
            ("1500u", Some(2)),
            ("1k", Some(1_000_000)),
            ("0", Some(0)),
            ("1.5", None),
            ("m", None),
        ] {
            assert_eq!(millis(&Quantity(text.into())), wanted, "{text}");
        }
    }

    #[test]
    fn memory_is_counted_in_bytes() {
        for (text, wanted) in [
            ("128974848", Some(128_974_848)),
            ("123Mi", Some(128_974_848)),
            ("129M", Some(129_000_000)),
            ("2Gi", Some(2_147_483_648)),
            ("7k", Some(7_000)),
            ("1.5Gi", None),
            ("", None),
            ("20Ei", None),
        ] {
            assert_eq!(bytes(&Quantity(text.into())), wanted, "{text}");
        }
    }
}
