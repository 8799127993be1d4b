//! `logs`.

use clap::Args;

use super::time::{Limit, limit};

/// `logs`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  kubectl shadow logs orders-0              of the latest migration of a pod
  kubectl shadow logs orders-0-x7k2p -f     and what comes
  kubectl shadow logs orders-0 --since=5m   of the last five minutes

Shown are the lines of controller, webhook and agents that name the migration or its UID. Users who may not read the logs of namespace \
shadow-system are told so, and get its conditions and Events.")]
pub struct Logs {
    /// Migration, or pod (its latest migration)
    #[arg(value_name = "NAME|TYPE/NAME")]
    pub name: String,
    /// Go on with what comes, until you interrupt it
    #[arg(short, long)]
    pub follow: bool,
    /// Only of the last, such as 5m [default: since its creation]
    #[arg(long, value_parser = limit, value_name = "TIME")]
    pub since: Option<Limit>,
}
