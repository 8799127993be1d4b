//! What the view wants done outside of it. Whatever comes of it comes back as an [`Event`](super::event::Event).

use crate::drain::Order;

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The migration of this id is to be undone.
    Cancel(String),
    /// The drain is to do this.
    Drain(Order),
    /// Puts a text into the clipboard of the terminal.
    Copy(String),
    /// Looks at the Events of this migration, or of none.
    Open(Option<String>),
    /// Looks at all namespaces, or at one.
    Namespace(Scope),
    /// Begins a recording, or ends it.
    Record(bool),
    /// Stops the program until it is continued.
    Suspend,
    /// Draws everything anew.
    Redraw,
    /// Leaves.
    Leave,
}

/// Which namespaces are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All.
    All,
    /// That of the command.
    Own,
}
