//! The sample against a real RabbitMQ: `cargo xtask broker run -- cargo test -p orders`.
//!
//! Every test has an exchange, queues and a pod name of its own and deletes them at its end, so they
//! run side by side on one broker.

mod broker;
mod duplicates;
mod load;
mod oracle;
mod park;
mod plain;
mod polling;
mod proxy;
mod reconnect;
mod stage;
