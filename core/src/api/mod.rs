//! The custom resource: what users write ([`migration`]) and what we report ([`status`]).

pub mod migration;
pub mod status;

pub use migration::{
    Handoff, IdentitySwapMode, MessageQueueConfig, MigrationStrategy, ReplayMode, RestoreBackend,
    StatefulMigration, StatefulMigrationSpec, TransferMode,
};
pub use status::{
    Fence, HoldKind, Instance, Intent, Leg, MigrationStatus, Owner, OwnerKind, Phase, Plan, QueuePlan,
    Reading, Rollback, Step, StepRecord, Told, Verdict, Witness,
};
