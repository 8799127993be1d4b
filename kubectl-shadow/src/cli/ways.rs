//! Which pods, and in which way they are moved: the same for `migrate` and `plan`.

use clap::{Args, ValueEnum};
use shadow_core::api::MigrationStrategy;
use shadow_core::max_pause::{self, NotATime};

/// Which pods.
#[derive(Args, Clone, Debug)]
pub struct Which {
    /// Pods to move: POD, sts/NAME, deploy/NAME
    #[arg(value_name = "POD|TYPE/NAME", required_unless_present = "selector")]
    pub pods: Vec<String>,
    /// Move the pods with these labels
    #[arg(short = 'l', long, value_name = "SELECTOR", conflicts_with = "pods")]
    pub selector: Option<String>,
}

/// In which way.
#[derive(Args, Clone, Debug)]
pub struct Ways {
    /// Node to move it to [default: the one that fits and has the most room]
    #[arg(long, value_name = "NODE")]
    pub to: Option<String>,
    /// Queue it consumes; {pod} and {ordinal} are filled in [default: the workload's annotation]
    #[arg(long)]
    pub queue: Option<String>,
    /// Secret with the broker's `uri` and `managementUri` [default: the workload's annotation]
    #[arg(long, value_name = "SECRET")]
    pub broker_secret: Option<String>,
    /// Container to move, for pods with several
    #[arg(long)]
    pub container: Option<String>,
    /// Undo the move if messages were held for this long before its commit, such as 1500ms or 2s [default: the deadline]
    #[arg(long, value_parser = max_pause, value_name = "TIME")]
    pub max_pause: Option<String>,
    /// Let the copy take over before the source goes, or the source go first [default: what owner and volumes need]
    #[arg(long)]
    pub strategy: Option<Strategy>,
    /// Let the source go on with a copy of the stream while its own copy is made: what it does then counts for nothing
    #[arg(long)]
    pub live: bool,
    /// Registry repository for checkpoint images, host[:port]/path; used with --through-registry and --by-image, and where the
    /// target node has no runtime handler
    #[arg(long, value_name = "REPOSITORY")]
    pub checkpoint_repository: Option<String>,
    /// Secret with the registry's user and password (kubernetes.io/dockerconfigjson)
    #[arg(long, value_name = "SECRET", requires = "checkpoint_repository")]
    pub checkpoint_secret: Option<String>,
    /// Send the memory by way of the registry: for nodes whose agents may not reach each other
    #[arg(long, requires = "checkpoint_repository")]
    pub through_registry: bool,
    /// Let the container runtime restore the copy from a checkpoint image, although the node has a runtime handler
    #[arg(long, requires = "checkpoint_repository")]
    pub by_image: bool,
}

/// As it is typed: the object shows it so.
pub(super) fn max_pause(text: &str) -> Result<String, NotATime> {
    max_pause::parse(text).map(|_| text.to_owned())
}

/// How the pod's owner is dealt with.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Strategy {
    /// The copy takes over before the source goes
    ShadowPod,
    /// The source goes before its copy starts (StatefulSets)
    Sequential,
}

impl From<Strategy> for MigrationStrategy {
    fn from(strategy: Strategy) -> Self {
        match strategy {
            Strategy::ShadowPod => Self::ShadowPod,
            Strategy::Sequential => Self::Sequential,
        }
    }
}
