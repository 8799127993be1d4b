//! The custom resource: what users write ([`migration`]) and what we report ([`status`]).

pub mod migration;
pub mod status;

pub use migration::{
    Handoff, IdentitySwapMode, MessageQueueConfig, MigrationStrategy, ReplayMode, RestoreBackend,
    StatefulMigration, StatefulMigrationSpec, TransferMode,
};
pub use status::{
    HoldKind, Instance, Intent, Leg, MigrationStatus, Owner, OwnerKind, Phase, Plan, QueuePlan, Rollback,
    Step, StepRecord, Verdict, Witness,
};
