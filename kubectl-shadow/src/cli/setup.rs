//! `setup`: what a workload has to say of itself before its pods can be moved.

use clap::Args;

use super::DryRun;

/// `setup`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  kubectl shadow setup sts/orders --queue 'orders.{pod}' --broker-secret orders-broker
  kubectl shadow setup deploy/carts --queue carts --broker-secret carts-broker --container carts
  kubectl shadow setup sts/orders --queue 'orders.{pod}' --dry-run=server    change nothing, ask the API server
  kubectl shadow setup pod/orders-0                                          check again, and allow what is annotated

It writes annotations of the workload itself, never of its pod template: no pod is restarted. It says each thing that it changed,
and how to take it back. Done twice, it is done once. The exit code is that of check.")]
pub struct Setup {
    /// sts/NAME, deploy/NAME or pod/NAME; of a pod with an owner, the owner is set up
    pub workload: String,
    /// Queue that its pods consume; {pod} and {ordinal} are filled in
    #[arg(long)]
    pub queue: Option<String>,
    /// Secret with the broker's `uri` and `managementUri`; the controller is allowed to read it
    #[arg(long, value_name = "SECRET")]
    pub broker_secret: Option<String>,
    /// Container to move, for pods with several
    #[arg(long)]
    pub container: Option<String>,
    /// Change nothing: say what would be changed (client), or ask the API server whether it would accept it (server)
    #[arg(long, value_name = "WHERE")]
    pub dry_run: Option<DryRun>,
}
