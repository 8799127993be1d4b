//! Every kind of move that the simulated world drives.

use shadow_core::api::{
    FreezeBound, FreezePlan, HoldKind, MigrationStrategy, Owner, OwnerKind, Plan, QueuePlan, RestoreBackend,
    SourceImage, TransferMode,
};
use shadow_core::premise::{self, Outcome, Premise, Source, Told};
use shadow_core::wire::{CheckpointBackend, PodRef};

use crate::world::{Faults, IMAGE, OWNER, SOURCE};

/// What is moved, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mover {
    #[default]
    StatefulSet,
    Sequential,
    Deployment,
    Bare,
    /// Its queue is a single-active one, and it knows no control messages.
    SingleActive,
    SingleActiveSequential,
    SingleActiveDeployment,
    SingleActiveBare,
    /// The source goes on with a copy of the stream.
    Live,
    LiveDeployment,
    LiveBare,
    /// It reads control messages only when it has nothing else to do, and always has.
    Polling,
    PollingSequential,
    PollingDeployment,
    LivePolling,
    /// The container runtime restores it from an image.
    StatefulSetByImage,
    SingleActiveByImage,
    DeploymentByImage,
    BareByImage,
    SingleActiveDeploymentByImage,
}

pub(crate) const ALL: [Mover; 20] = [
    Mover::StatefulSet,
    Mover::Sequential,
    Mover::Deployment,
    Mover::Bare,
    Mover::SingleActive,
    Mover::SingleActiveSequential,
    Mover::SingleActiveDeployment,
    Mover::SingleActiveBare,
    Mover::Live,
    Mover::LiveDeployment,
    Mover::LiveBare,
    Mover::Polling,
    Mover::PollingSequential,
    Mover::PollingDeployment,
    Mover::LivePolling,
    Mover::StatefulSetByImage,
    Mover::SingleActiveByImage,
    Mover::DeploymentByImage,
    Mover::BareByImage,
    Mover::SingleActiveDeploymentByImage,
];

impl Mover {
    pub(crate) fn hold(self) -> HoldKind {
        match self {
            Self::SingleActive
            | Self::SingleActiveSequential
            | Self::SingleActiveDeployment
            | Self::SingleActiveBare
            | Self::SingleActiveByImage
            | Self::SingleActiveDeploymentByImage => HoldKind::SingleActive,
            Self::Live | Self::LiveDeployment | Self::LiveBare | Self::LivePolling => HoldKind::Exchange,
            Self::StatefulSet
            | Self::Sequential
            | Self::Deployment
            | Self::Bare
            | Self::Polling
            | Self::PollingSequential
            | Self::PollingDeployment
            | Self::StatefulSetByImage
            | Self::DeploymentByImage
            | Self::BareByImage => HoldKind::Park,
        }
    }

    fn restore(self) -> RestoreBackend {
        match self {
            Self::StatefulSetByImage
            | Self::SingleActiveByImage
            | Self::DeploymentByImage
            | Self::BareByImage
            | Self::SingleActiveDeploymentByImage => RestoreBackend::Image,
            Self::Live
            | Self::LiveDeployment
            | Self::LiveBare
            | Self::LivePolling
            | Self::Polling
            | Self::PollingSequential
            | Self::PollingDeployment
            | Self::StatefulSet
            | Self::Sequential
            | Self::Deployment
            | Self::Bare
            | Self::SingleActive
            | Self::SingleActiveSequential
            | Self::SingleActiveBare
            | Self::SingleActiveDeployment => RestoreBackend::RuntimeClass,
        }
    }

    /// Whether its image has no digest, so that the copy has to be looked at: a copy that is made later, or from a checkpoint image,
    /// could not be.
    pub(crate) fn shows_its_image(self) -> bool {
        self.restore() == RestoreBackend::RuntimeClass && !self.is_sequential()
    }

    /// An application that polls is always busy.
    pub(crate) fn faults(self, others: Faults) -> Faults {
        match self {
            Self::Polling | Self::PollingSequential | Self::PollingDeployment | Self::LivePolling => Faults {
                polls: true,
                slow: true,
                waiting: others.waiting.max(10),
                ..others
            },
            Self::StatefulSet
            | Self::Sequential
            | Self::Deployment
            | Self::Bare
            | Self::SingleActive
            | Self::SingleActiveSequential
            | Self::SingleActiveDeployment
            | Self::SingleActiveBare
            | Self::StatefulSetByImage
            | Self::SingleActiveByImage
            | Self::DeploymentByImage
            | Self::BareByImage
            | Self::SingleActiveDeploymentByImage
            | Self::Live
            | Self::LiveDeployment
            | Self::LiveBare => others,
        }
    }

    pub(crate) fn is_sequential(self) -> bool {
        self.strategy() == MigrationStrategy::Sequential
    }

    pub(crate) fn strategy(self) -> MigrationStrategy {
        match self {
            Self::Sequential | Self::SingleActiveSequential | Self::PollingSequential => {
                MigrationStrategy::Sequential
            }
            Self::StatefulSet
            | Self::Deployment
            | Self::Bare
            | Self::SingleActive
            | Self::SingleActiveDeployment
            | Self::SingleActiveBare
            | Self::StatefulSetByImage
            | Self::SingleActiveByImage
            | Self::DeploymentByImage
            | Self::BareByImage
            | Self::SingleActiveDeploymentByImage
            | Self::Live
            | Self::LiveDeployment
            | Self::LiveBare
            | Self::Polling
            | Self::PollingDeployment
            | Self::LivePolling => MigrationStrategy::ShadowPod,
        }
    }

    pub(crate) fn owner(self) -> Option<Owner> {
        let kind = match self {
            Self::StatefulSet
            | Self::Sequential
            | Self::SingleActive
            | Self::SingleActiveSequential
            | Self::Live
            | Self::Polling
            | Self::PollingSequential
            | Self::StatefulSetByImage
            | Self::SingleActiveByImage
            | Self::LivePolling => OwnerKind::StatefulSet,
            Self::Deployment
            | Self::SingleActiveDeployment
            | Self::LiveDeployment
            | Self::DeploymentByImage
            | Self::SingleActiveDeploymentByImage
            | Self::PollingDeployment => OwnerKind::ReplicaSet,
            Self::Bare | Self::LiveBare | Self::BareByImage | Self::SingleActiveBare => return None,
        };
        Some(Owner {
            kind,
            name: "orders".into(),
            uid: OWNER.into(),
            deployment: None,
            replicas: None,
        })
    }

    /// The plan of its move.
    pub(crate) fn plan(self) -> Plan {
        Plan {
            strategy: self.strategy(),
            because: "test".into(),
            source: PodRef {
                namespace: "default".into(),
                name: SOURCE.into(),
                uid: "source".into(),
            },
            container: "orders".into(),
            source_node: "node-a".into(),
            target_node: "node-b".into(),
            owner: self.owner(),
            queue: QueuePlan {
                queue: "orders.orders-0".into(),
                quorum: false,
                hold: self.hold(),
                unfenced: None,
                inexact: None,
                ttl_millis: None,
                stream: "broker/%2F/orders.orders-0".into(),
                secret: None,
            },
            checkpoint_backend: CheckpointBackend::Runtime,
            transfer: TransferMode::Direct,
            restore: self.restore(),
            revision: Some("old".into()),
            premises: seen(),
            policies: Vec::new(),
            freeze: self.is_sequential().then_some(FreezePlan {
                limit_millis: 60_000,
                bound: FreezeBound::Heartbeat,
                forecast_millis: 2_000,
            }),
            max_pause: None,
            origin: None,
            image: Some(SourceImage {
                named: "orders:1".into(),
                id: IMAGE.into(),
                pinned: (!self.shows_its_image()).then(|| "orders@sha256:1".into()),
            }),
        }
    }
}

/// Everything was weighed and found so.
fn seen() -> Vec<Told> {
    let told = |premise: &Premise| Told {
        premise: *premise,
        outcome: Outcome::Seen,
        source: Source::ManagementApi,
        what: String::new(),
    };
    premise::ALL.iter().map(told).collect()
}
