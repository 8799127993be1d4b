//! A line of the subject: what the container itself sees.

use std::collections::BTreeMap;

/// One line, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sees(pub(crate) BTreeMap<String, String>);

impl Sees {
    /// From a line of a container's log: time, stream, whether it is whole, and the text.
    pub(crate) fn of_log(line: &str) -> Option<Self> {
        let mut parts = line.splitn(4, ' ');
        let (_time, _stream, whole, text) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let mut words = text.split('\t');
        if whole != "F" || words.next()? != "sees" {
            return None;
        }
        let pairs = words.filter_map(|word| word.split_once('='));
        Some(Self(
            pairs
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        ))
    }

    pub(crate) fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("(not told)", String::as_str)
    }

    pub(crate) fn count(&self) -> Option<u64> {
        self.get("count").parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_log_is_read_and_what_else_is_in_it_is_passed_over() {
        let sees = Sees::of_log("2026-11-30T10:00:00.1Z stdout F sees\tcount=7\tcgroup=0::/").unwrap();
        assert_eq!((sees.count(), sees.get("cgroup")), (Some(7), "0::/"));
        assert_eq!(sees.get("other"), "(not told)");
        assert_eq!(
            Sees::of_log("2026-11-30T10:00:00.1Z stdout P sees\tcount=7"),
            None
        );
        assert_eq!(
            Sees::of_log("2026-11-30T10:00:00.1Z stderr F thread panicked"),
            None
        );
    }
}
