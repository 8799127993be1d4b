//! The sample application of kubectl-shadow: a consumer whose whole worth is its memory.
//!
//! * [`order`]: the messages, and how a publisher's n-th message looks;
//! * [`state`]: what the consumer keeps in memory, and how two such memories are compared by digest;
//! * [`consumer`]: the process that is migrated: AMQP in, state out, control messages obeyed;
//! * [`http`]: how it shows its state, [`process`]: how it runs, with or without the protocol;
//! * [`load`]: publishers that know exactly what the broker has confirmed;
//! * [`oracle`]: a never-migrated control, a prober and the verdict.
//!
//! Nothing here removes duplicates or reorders anything: the sample tells the truth about what was
//! delivered to it, and the oracle judges it.

pub mod beat;
pub mod consumer;
pub mod duration;
pub mod http;
pub mod link;
pub mod load;
mod neighbour;
pub mod oracle;
pub mod order;
pub mod process;
pub mod state;
pub mod stop;
pub mod telemetry;
pub mod topology;
pub mod wall_clock;
