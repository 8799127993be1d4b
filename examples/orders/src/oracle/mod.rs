//! The judge: a control that never moves, a prober that never stops asking, and the comparison.
//!
//! The oracle trusts nobody's counters but what follows from the messages themselves: two consumers
//! that were given the same messages in the same order have the same hash chains.

mod compare;
mod control;
mod http_get;
mod plan;
mod pod;
mod prober;
mod report;
mod rest;
mod run;
mod status;

pub use compare::{Comparison, PublisherComparison, compare};
pub use control::Control;
pub use http_get::{HttpGet, ProbeFailure};
pub use plan::RunPlan;
pub use pod::{PodClient, PodError};
pub use prober::{BadAnswer, ProbeReport, ProbeSettings, Prober};
pub use report::{Report, Verdict};
pub use rest::RestError;
pub use run::{OracleError, run};
