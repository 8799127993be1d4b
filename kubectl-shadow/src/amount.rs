//! Amounts as people read them.

/// `3.1 MB`.
pub(crate) fn bytes(bytes: u64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB"];
    let (mut amount, mut unit) = (bytes as f64, 0);
    while amount >= 999.5 && unit + 1 < units.len() {
        amount /= 1000.0;
        unit += 1;
    }
    let unit_name = units.get(unit).copied().unwrap_or_default();
    if unit == 0 || amount >= 99.5 {
        format!("{amount:.0} {unit_name}")
    } else {
        format!("{amount:.1} {unit_name}")
    }
}

/// `80 ms`, `1.2 s`, `14 s`, `2 min 5 s`.
pub(crate) fn millis(millis: u64) -> String {
    match millis {
        0..1_000 => format!("{millis} ms"),
        1_000..10_000 => format!("{:.1} s", millis as f64 / 1_000.0),
        10_000..60_000 => format!("{} s", millis.div_euclid(1_000)),
        _ => format!("{} min {} s", millis / 60_000, millis / 1_000 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_as_exact_as_a_forecast_is() {
        for (given, wanted) in [
            (0, "0 ms"),
            (80, "80 ms"),
            (1_240, "1.2 s"),
            (14_900, "14 s"),
            (125_000, "2 min 5 s"),
        ] {
            assert_eq!(millis(given), wanted);
        }
    }
}
