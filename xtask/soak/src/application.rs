//! The applications that are moved, deployed by the stage.

use std::time::Duration;

use anyhow::Result;

use super::plan::{Application, Setting};
use xtask_lab::cluster::{Cluster, wait_for};
use xtask_lab::stage::{self, Sample, Single};

/// An application whose broker was killed has its connection again by then: kubelet waits up to five minutes before it starts a
/// container again that has ended often.
const CONSUMES: Duration = Duration::from_secs(360);
/// A pod on its way out takes no longer.
const ALONE: Duration = Duration::from_secs(60);
const SET_POD: &str = "orders-0";

impl Application {
    fn single(self) -> Option<Single> {
        match self {
            Self::StatefulSet => None,
            Self::Deployment => Some(Single::Deployment),
            Self::LonePod => Some(Single::Pod),
            Self::Plain => Some(Single::Plain),
        }
    }

    /// Name of its Service and its stream.
    pub(crate) fn stream(self) -> &'static str {
        self.single().map_or(SET_POD, Single::stream)
    }

    /// The one pod that is moved.
    pub(crate) fn pod(self, cluster: &Cluster) -> Result<String> {
        let Some(single) = self.single() else {
            return Ok(SET_POD.to_owned());
        };
        wait_for("the application to have one pod", ALONE, || {
            Ok(single.pod(cluster).ok())
        })
    }

    /// Waits until it reads its own queue.
    pub(crate) fn consumes(self, cluster: &Cluster) -> Result<()> {
        let queue = format!("orders.{}", self.stream());
        wait_for("the application to read its own queue", CONSUMES, || {
            let read = stage::consumed_queue(cluster, self.stream()).ok().flatten();
            Ok((read.as_ref() == Some(&queue)).then_some(()))
        })
    }

    /// Takes it away.
    pub(crate) fn remove(self, cluster: &Cluster) -> Result<()> {
        self.single()
            .map_or_else(|| Sample::remove(cluster), |single| single.remove(cluster))
    }
}

/// A new incarnation, which consumes.
pub(crate) fn deploy(cluster: &Cluster, setting: &Setting) -> Result<()> {
    match setting.application.single() {
        Some(single) => single.deploy_with(cluster, setting.consumer),
        None => Sample::deploy(cluster, setting.consumer),
    }
}
