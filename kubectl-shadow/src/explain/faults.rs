//! Faults that end with a reason, from docs/faults.md.

use super::glossary::{cells, plain};

const TEXT: &str = include_str!("../../../docs/faults.md");

/// A sentence for each row that names this reason.
pub(super) fn that_end_with(reason: &str) -> Vec<String> {
    let named = format!("`{reason}`");
    let of_row = |line: &str| {
        let cells = cells(line)?;
        let [what, end, why, after, _] = cells.as_slice() else {
            return None;
        };
        let time = match plain(after).as_str() {
            "–" => String::new(),
            after => format!(" Time: {after}."),
        };
        why.contains(&named)
            .then(|| format!("Such as: {} End: {}.{time}", plain(what), plain(end)))
    };
    TEXT.lines().filter_map(of_row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_told_with_its_end_and_its_time() {
        let told = that_end_with("DiskFull");
        assert!(
            told.iter()
                .any(|line| line.contains("has no room for the memory")),
            "{told:?}"
        );
        assert!(that_end_with("NoSuchReasonAtAll").is_empty());
    }
}
