//! What the policies of the namespace and of the cluster say of a move. Pure.
//!
//! - `selecting`: which policies speak of a pod, and how specific they are
//! - `merging`: how several of them combine
//! - `judging`: why a move is refused
//! - `filling`: what is filled in where a migration leaves it out
//! - `afterwards`: what would have become of migrations that are there
//! - `windows`: when moves may begin
//! - `turn`: what is said of the turn of a move
//! - `words`: the words of all of it
//!
//! Guarantee: where no policy selects the pod, a move is what it is without policies. A move that has begun is judged no more.

mod afterwards;
mod filling;
mod judging;
mod merging;
mod pause;
mod selecting;
mod turn;
mod windows;
pub mod words;

pub use afterwards::{Would, would};
pub use filling::{Filled, fill};
pub use judging::{Denial, Rule, admit_now, closed, judge, judge_plan};
pub use merging::OnInexact;
pub(crate) use selecting::selects;
pub use selecting::{InForce, Labels, Name, Selected, Unreadable, select};
pub use turn::limits_turns;
