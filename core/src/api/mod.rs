//! The custom resources: what users write ([`migration`], [`policy`]) and what we report
//! ([`plan`], [`outlook`], [`status`]).

mod blank;
pub mod evacuation;
pub mod migration;
pub mod outlook;
pub mod pause;
pub mod plan;
pub mod policy;
pub mod progress;
pub mod status;

pub use evacuation::{
    Evacuation, EvacuationSpec, EvacuationState, EvacuationStatus, EvacuationWait, EvacuationWaitsFor,
    EvictedBy,
};
pub use migration::{
    Handoff, IdentitySwapMode, MessageQueueConfig, MigrationStrategy, ReplayMode, RestoreBackend,
    StatefulMigration, StatefulMigrationSpec, TransferMode,
};
pub use outlook::{
    Candidate, ExpectedStep, ForecastBasis, Outlook, Rehearsal, RehearsalCost, RehearsalFailure,
};
pub use pause::{Pause, PauseSpec};
pub use plan::{
    ExpectedHold, FreezeBound, FreezePlan, HoldKind, ImageOrigin, Owner, OwnerKind, PauseLimit, Plan,
    QueuePlan, SourceImage,
};
pub use policy::{InexactHandoff, MigrationPolicy, MigrationPolicySpec, OnEviction, OnNotNow};
pub use progress::{Depth, MigrationProgress, MigrationProgressSpec, Sample};
pub use status::{
    Fence, Instance, Intent, Leg, LongHold, MigrationStatus, Phase, Reading, Rollback, Step, StepRecord,
    Told, Verdict, Witness,
};
