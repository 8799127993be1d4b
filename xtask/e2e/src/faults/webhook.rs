//! The webhook does not answer when the StatefulSet makes the moved pod anew: no pod gets past it unchanged, the stand-in serves
//! meanwhile, and the move goes on when it is back. Pods that are none of ours are not stopped.

use anyhow::Result;

use super::super::{Bench, bystanders};
use super::stopped::Stopped;
use super::{POD, SOON, Trial};
use xtask_lab::cluster::{Cluster, wait_for};
use xtask_lab::stage::{self, get};

pub(in super::super) fn is_away(bench: &Bench) -> Result<()> {
    let trial = Trial::begin(bench)?;
    let cluster = trial.cluster();
    let (ordered, agent) = trial.order_and_hold()?;
    let webhook = Stopped::webhook(cluster)?;
    agent.go_on();
    let refused = wait_for("the StatefulSet to be refused its pod", SOON, || refusal(cluster))?;
    println!("     {refused}");
    bystanders::plain_pod(cluster, "while-the-webhook-is-away")?;
    webhook.go_on();
    trial.completed_exactly(&ordered, "webhook away at the re-creation")?;
    trial.exact()
}

/// What the API server told the StatefulSet's controller since the move was ordered.
fn refusal(cluster: &Cluster) -> Result<Option<String>> {
    let migration = stage::migration(cluster, POD)?;
    let since = migration["metadata"]["creationTimestamp"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let selector = "--field-selector=reason=FailedCreate,involvedObject.kind=StatefulSet";
    let events = get(cluster, &["events", selector])?;
    let ours = events["items"]
        .as_array()
        .into_iter()
        .flatten()
        .find_map(|event| {
            let message = event["message"].as_str()?;
            let recent = event["lastTimestamp"].as_str()? >= since.as_str();
            (recent && message.contains("webhook")).then(|| message.to_owned())
        });
    Ok(ours)
}
