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
pub mod rules;
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
    ExpectedHold, FreezeBound, FreezePlan, HoldKind, ImageOrigin, JudgedBy, Owner, OwnerKind, PauseLimit,
    Plan, PolicyKind, QueuePlan, SourceImage,
};
pub use policy::{
    ClusterMigrationPolicy, ClusterMigrationPolicySpec, MigrationPolicy, MigrationPolicySpec, OnEviction,
    OnNotNow,
};
pub use progress::{Depth, MigrationProgress, MigrationProgressSpec, Sample};
pub use rules::{
    Allowed, Day, InexactHandoff, PolicyDefaults, PolicyLimits, PolicyRules, UrlPassword, Window,
};
pub use status::{
    Fence, Instance, Intent, Leg, LongHold, MigrationStatus, Phase, Reading, Rollback, Step, StepRecord,
    Told, Verdict, Witness,
};
