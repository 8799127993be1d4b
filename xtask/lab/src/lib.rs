//! The lab: everything real that a developer's machine needs to run the product. A local two-node Kubernetes, a RabbitMQ, an
//! image registry, the images, and the stage on which a sample is moved under load while an oracle watches.

pub mod addons;
pub mod broker;
pub mod cargo_tools;
pub mod cluster;
pub mod criu;
mod debian;
pub mod fed;
pub mod images;
mod network;
pub mod prometheus;
pub mod stage;
pub mod terminal;
pub mod yardstick;
