//! Reports of moves: from recordings, against the files in `tests/screens`, and from an API server of ours. After a wanted change:
//! `UPDATE_SCREENS=1 cargo test -p kubectl-shadow --test report`, then read the difference before committing it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail the test")]

mod cluster;
mod drain;
mod recording;
#[path = "../stub/mod.rs"]
mod stub;
