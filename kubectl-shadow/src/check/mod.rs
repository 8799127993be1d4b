//! Whether a cluster, its nodes or a pod are as a move needs them: one line for each thing that was looked at.
//!
//! - [`codes`]: each check with its code, why it matters and the way out, as data
//! - [`gather`]: facts, one module for each source; what may not be read is a fact, too
//! - [`judge`]: facts to findings, pure
//! - [`render`]: findings to lines and JSON, pure
//!
//! Guarantee: a rule of the admission is never repeated here: `shadow_core::validate` says what it refuses, in its own words. A line
//! that only follows from an earlier failure is left out.

pub mod codes;
pub mod gather;
pub mod judge;
pub mod render;

use codes::Code;

/// What was found of one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which check.
    pub code: Code,
    /// What was looked at, such as a node; empty if the code says it.
    pub about: String,
    /// How it stands.
    pub grade: Grade,
    /// What was found.
    pub found: String,
    /// What to type, if something is to be done or seen.
    pub command: Option<String>,
}

/// How a thing stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grade {
    /// As it should be.
    Pass,
    /// A move may work. A person should know.
    Warn,
    /// A move does not work so.
    Fail,
}

impl Grade {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "FAIL",
        }
    }
}

impl Finding {
    /// As it should be.
    pub fn pass(code: Code, about: impl Into<String>, found: impl Into<String>) -> Self {
        Self::of(code, about, Grade::Pass, found)
    }

    /// Worth to be known.
    pub fn warn(code: Code, about: impl Into<String>, found: impl Into<String>) -> Self {
        Self::of(code, about, Grade::Warn, found)
    }

    /// In the way.
    pub fn fail(code: Code, about: impl Into<String>, found: impl Into<String>) -> Self {
        Self::of(code, about, Grade::Fail, found)
    }

    /// Something that could not be looked at.
    pub fn unseen(code: Code, about: impl Into<String>, why: &gather::Unseen) -> Self {
        Self::warn(code, about, format!("not known: {why}"))
    }

    /// The same with what to type.
    #[must_use]
    pub fn typed(mut self, command: impl Into<String>) -> Self {
        self.command = Some(command.into());
        self
    }

    fn of(code: Code, about: impl Into<String>, grade: Grade, found: impl Into<String>) -> Self {
        Self {
            code,
            about: about.into(),
            grade,
            found: found.into(),
            command: None,
        }
    }
}
