//! Protocol tests of the port before a queue, of parks that a fence helps, and of live moves, against a real RabbitMQ.
//!
//! Run by `cargo xtask broker run -- cargo test -p shadow-controller --test protocol_exchange`. Scene and application are
//! those of the `Park` tests.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "in a test, a failed step is the verdict"
)]

mod adoption;
#[allow(dead_code, reason = "the tests of Park use the rest")]
#[path = "../protocol_park/application.rs"]
mod application;
mod crashes;
mod driver;
mod feeding;
#[path = "../shared/guard.rs"]
mod guard;
mod helped;
mod ledger;
mod live;
mod load;
mod polling;
mod poured;
mod refusals;
#[allow(dead_code, reason = "the tests of Park use the rest")]
#[path = "../protocol_park/scene.rs"]
mod scene;
mod strays;
