//! Which part of the scenarios: `2/6`, or `3` for one fifth.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context as _, Result, ensure};

/// Parts into which the scenarios outside the fixed core are divided in an ordinary run.
const FIFTHS: u32 = 5;

/// One of several parts, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Which.
    pub part: u32,
    /// Of how many.
    pub of: u32,
}

impl Share {
    /// Everything at once.
    pub const WHOLE: Self = Self { part: 1, of: 1 };

    /// The fifth that the number of commits chooses, so that five commits in a row run everything.
    #[must_use]
    pub fn by_commits(commits: u32) -> Self {
        Self {
            part: commits % FIFTHS + 1,
            of: FIFTHS,
        }
    }

    /// The same, where a fifth is meant.
    ///
    /// # Errors
    ///
    /// It is a part of something else.
    pub fn fifth(self) -> Result<Self> {
        ensure!(
            self.of == FIFTHS,
            "--part {self}: without --all the part is one of {FIFTHS}, such as `--part 3`; `--all --part {self}` runs a part of everything"
        );
        Ok(self)
    }
}

impl FromStr for Share {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let wanted = || format!("{text:?} is no part; type `3` for the third fifth, or `2/6`");
        let number = |text: &str| text.parse::<u32>().with_context(wanted);
        let share = match text.split_once('/') {
            Some((part, of)) => Self {
                part: number(part)?,
                of: number(of)?,
            },
            None => Self {
                part: number(text)?,
                of: FIFTHS,
            },
        };
        ensure!((1..=share.of).contains(&share.part), wanted());
        Ok(share)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.part, self.of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn part_is_read_and_what_is_none_is_refused() {
        assert_eq!("2/6".parse::<Share>().unwrap(), Share { part: 2, of: 6 });
        assert_eq!("5".parse::<Share>().unwrap(), Share { part: 5, of: 5 });
        for wrong in ["0", "6", "0/3", "4/3", "a", "1/", ""] {
            let error = wrong.parse::<Share>().unwrap_err().to_string();
            assert!(error.contains("2/6"), "{wrong}: {error}");
        }
    }

    #[test]
    fn five_commits_in_a_row_run_every_fifth() {
        let mut parts: Vec<u32> = (215..220)
            .map(|commits| Share::by_commits(commits).part)
            .collect();
        parts.sort_unstable();
        assert_eq!(parts, [1, 2, 3, 4, 5]);
    }

    #[test]
    fn part_of_everything_needs_all() {
        let error = "2/6".parse::<Share>().unwrap().fifth().unwrap_err().to_string();
        assert!(error.contains("--all"), "{error}");
    }
}
