//! Types and decisions of kubectl-shadow.
//!
//! Nothing here reads a clock, a socket or a file: what the world looks like comes in as values
//! ([`machine::Observed`]), what should be done about it goes out as values ([`machine::Decision`]).
//!
//! - [`api`]: the custom resource, as users write it and as we report on it
//! - [`names`]: every label, annotation, queue, pod and key name, one function each
//! - [`reason`]: why something is refused, undone or stuck, as data
//! - [`repository`]: where checkpoint images go
//! - [`registry_users`]: users of registries, as Docker writes them down
//! - [`wire`]: messages between controller and agent
//! - [`settings`]: what a migration is told about its stream, from the spec or from annotations
//! - [`validate`]: what is refused, what is defaulted and what is warned of, before anything is touched
//! - [`turns`]: which migrations may be under way at the same time
//! - [`policy`]: what the policies of the namespace and of the cluster say of a move
//! - [`pause`]: what a pause of all moves means for each of them
//! - [`tally`]: what a status adds to the counters, and what is to be said of all of them at one moment
//! - [`waiting`]: for what a migration waits for its turn, as data
//! - [`compat`]: whether a process dumped on one node can be restored on another
//! - [`dialling`]: where brokers and registries may be that a user names
//! - [`restore_pod`]: pods that restore a container
//! - [`image_pod`]: pods that a container runtime restores from a checkpoint image
//! - [`recreation`]: whether a StatefulSet makes a pod anew
//! - [`quantity`]: amounts of memory
//! - [`workload`], [`strategy`]: what owns a pod, and which way of moving it fits
//! - [`readiness`]: how long a moved pod cannot be ready, however soon it runs
//! - [`premise`]: what an exact verdict rests on, and how each of it is weighed
//! - [`freeze`]: how long a source may stand still between its dump and the commit
//! - [`max_pause`]: how long each hold may last, and whether that is expected to be enough
//! - [`rehearsal`]: whether a plan may dump a process once and throw the dump away
//! - [`aside`]: which migrations a controller that keeps dying does not drive
//! - [`gone`]: what a move needs, and when that is gone for good
//! - [`doubt`]: what weakens a verdict, as data
//! - [`unfenced`]: why new messages cannot be kept away from a queue, as data
//! - [`eviction`]: what an eviction is answered, and what becomes of the move that it causes
//! - [`notice`]: what is told of a move while it goes on
//! - [`reference`]: what scripts of the reference system read in a status
//! - [`words`]: what the variants of an enum mean, for people
//! - [`machine`]: the step function that decides what happens next
#![forbid(unsafe_code)]

pub mod api;
pub mod aside;
pub mod compat;
pub mod criu_words;
pub mod dialling;
pub mod doubt;
pub mod eviction;
pub mod forecast;
pub mod freeze;
pub mod gone;
pub mod image_origin;
pub mod image_pod;
pub mod keeping;
pub mod machine;
pub mod max_pause;
pub mod names;
pub mod notice;
pub mod pause;
pub mod policy;
pub mod premise;
pub mod progress;
pub mod quantity;
pub mod readiness;
pub mod reason;
pub mod recreation;
pub mod reference;
pub mod registry_users;
pub mod rehearsal;
pub mod repository;
pub mod requester;
pub mod restore_choice;
pub mod restore_pod;
pub mod settings;
pub mod strategy;
pub mod tally;
pub mod turns;
pub mod unfenced;
pub mod users;
pub mod validate;
pub mod waiting;
pub mod wire;
pub mod words;
pub mod workload;
