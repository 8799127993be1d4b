//! The admission webhook: looks up, and writes nothing but Evacuations.
//!
//! | path | does | when nothing answers |
//! |---|---|---|
//! | `POST /mutate/migrations` | defaults of a StatefulMigration | migrations wait |
//! | `POST /validate/migrations` | refuses what cannot work, with the field and the way out | migrations wait |
//! | `POST /mutate/pods` | turns the pod that a migration re-creates into a restore | that one pod waits |
//! | `POST /validate/evictions` | answers evictions by moves, where that is wanted | evictions go as ever |
//! | `POST /validate/deletions` | keeps the pods of a move, where evictions become moves | deletions go as ever |
//!
//! Guarantees: pods reach it only through a rule that one migration puts up for the time it re-creates its pod; a
//! pod that no migration announced is answered unchanged; what cannot be looked up is
//! refused, never guessed; but evictions and deletions go through then.
#![forbid(unsafe_code)]

pub mod cluster;
pub mod deletions;
pub mod evictions;
pub mod health;
pub mod migrations;
pub mod pods;
mod policies;
mod review;
pub mod rewrite;
mod room;
pub mod router;
