//! The webhook does not answer when the StatefulSet makes the moved pod anew: no pod gets past it unchanged, the stand-in serves
//! meanwhile, and the move goes on when it is back. Pods that are none of ours are not stopped. A move can be cancelled without it.

use anyhow::{Result, ensure};

use super::super::{Bench, bystanders};
use super::stopped::Stopped;
use super::{POD, SOON, Trial};
use xtask_lab::cluster::{Cluster, wait_for};
use xtask_lab::stage::{self, Cancelled, get};

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
    cancelled_without(&trial)?;
    trial.exact()
}

/// The rules of the custom resource say what may change: nobody has to answer for it.
fn cancelled_without(trial: &Trial<'_>) -> Result<()> {
    let cluster = trial.cluster();
    let (ordered, agent) = trial.order_and_hold()?;
    let webhook = Stopped::webhook(cluster)?;
    let answer = stage::cancel(cluster, trial.product(), POD)?;
    ensure!(answer == Cancelled::Accepted, "cancel was answered {answer:?}");
    agent.go_on();
    let what = "cancelled while the webhook is away";
    let ended = trial.ended(&ordered, what)?;
    webhook.go_on();
    let phase = &ended["status"]["phase"];
    ensure!(phase == "Cancelled", "{what}: it ended {phase}");
    trial.stayed(&ordered, what)
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
