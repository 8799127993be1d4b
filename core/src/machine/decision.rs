//! What was decided.

use k8s_openapi::jiff::Timestamp;

use crate::api::Step;
use crate::doubt::Doubt;
use crate::machine::action::Action;
use crate::reason::Reason;

/// What happens next.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// Do this, then look again.
    Run(Action),
    /// The goal of the present step is reached: write that down together with the intent of the next one, unless
    /// [`Next::recorded`] says that this may wait.
    Advance(Next),
    /// Nothing to do until something changes, at the latest until then.
    Wait {
        /// When to look again at the latest; past it the step gives up or warns.
        until: Timestamp,
        /// What is being waited for, for people.
        reason: String,
        /// Whether the application works on it: then it ends by itself.
        works: bool,
    },
    /// Undo the present handoff.
    RollBack(Cause),
    /// The migration has ended.
    Finish(End),
    /// Nothing safe can be decided; both copies are kept and a person is asked.
    Stuck(Cause),
}

/// Where to go next, and what was learned.
#[derive(Clone, Debug, PartialEq)]
pub struct Next {
    /// The next step.
    pub step: Step,
    /// Note for the record of the step that is over.
    pub note: Option<String>,
    /// What was seen that weakens the verdict.
    pub doubts: Vec<Doubt>,
    /// What changes in the record of the present handoff.
    pub change: Change,
    /// The handoff, or the attempt of the present one, that begins after that.
    pub begin: Option<Begin>,
    /// Whether it has to be written down before anything else is done. Where not, a controller that dies begins the
    /// step before anew and finds everything done; a write costs as much as a third of a dump.
    pub recorded: bool,
}

impl Next {
    /// Go to `step`, nothing learned.
    pub fn to(step: Step) -> Self {
        Self {
            step,
            note: None,
            doubts: Vec::new(),
            change: Change::None,
            begin: None,
            recorded: true,
        }
    }

    /// Goes on at once; the next record carries it along. Only for steps in which nothing is done that the record of
    /// the step before would not lead to again.
    #[must_use]
    pub fn unrecorded(mut self) -> Self {
        self.recorded = false;
        self
    }

    /// With a note for people.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    /// With a change of the record.
    #[must_use]
    pub fn change(mut self, change: Change) -> Self {
        self.change = change;
        self
    }

    /// With a new handoff, or a new attempt of the present one.
    #[must_use]
    pub fn begin(mut self, leg: u8, attempt: u32) -> Self {
        self.begin = Some(Begin {
            leg,
            attempt,
            node: None,
        });
        self
    }

    /// The same, to another node than the one that was asked for.
    #[must_use]
    pub fn begin_on(mut self, leg: u8, attempt: u32, node: String) -> Self {
        self.begin = Some(Begin {
            leg,
            attempt,
            node: Some(node),
        });
        self
    }

    /// With a doubt about exactness.
    #[must_use]
    pub fn doubt(mut self, doubt: Doubt) -> Self {
        self.doubts.push(doubt);
        self
    }
}

/// A handoff that begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begin {
    /// 1 or 2.
    pub leg: u8,
    /// From 0.
    pub attempt: u32,
    /// The node that the pod goes to; the one of the attempt before, or of the plan, if none.
    pub node: Option<String>,
}

/// A change in the record of the present handoff.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// None.
    None,
    /// The container that waits belongs to this incarnation of the target pod.
    Staged {
        /// UID of the target pod.
        uid: String,
    },
    /// The hold was proven.
    Parked,
    /// The dumped instance goes on with a copy of the stream.
    Followed,
    /// The copy runs.
    Restored {
        /// UID of its pod.
        uid: String,
        /// Time that the restore took, microseconds.
        micros: u64,
    },
    /// The copy is the truth.
    Committed,
    /// The copy consumes the primary queue.
    Released,
}

/// How a migration ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Moved.
    Completed,
    /// Undone.
    Undone,
}

/// Why something is not done, or is undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// For conditions and decisions.
    pub reason: Reason,
    /// What happened and what to do, for a person.
    pub message: String,
    /// Whether the first handoff is tried again when it is undone: nothing is wrong with what was asked for.
    pub again: bool,
}

impl Cause {
    /// A cause.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
            again: false,
        }
    }

    /// One that another attempt need not meet.
    #[must_use]
    pub fn again(mut self) -> Self {
        self.again = true;
        self
    }
}
