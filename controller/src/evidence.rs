//! Gathers what the premises of a move are weighed by (`shadow_core::premise`): the broker's answers, the agent's, the pod's spec.
//! Decides nothing.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use serde_json::{Map, Value};
use shadow_core::api::HoldKind;
use shadow_core::names;
use shadow_core::premise::world::{self, Consumer, Control, Known, Socket, World};
use shadow_core::premise::{Finding, Judgement, MONITORING, judge};
use shadow_core::reason::Reason;
use shadow_core::wire::Preflight;

use crate::broker::{Broker, BrokerError, ConsumerFacts, QueueFacts, QueueKind, QueueSeen};

/// A broker gathers statistics every five seconds: what it does not tell yet it tells within this time.
const STATISTICS: Duration = Duration::from_secs(6);
const LOOK_AGAIN: Duration = Duration::from_millis(300);
/// Where brokers usually serve, beside the port of this one.
const USUAL_PORTS: [u16; 2] = [5_671, 5_672];

/// What was asked of others than the broker.
#[derive(Clone, Copy)]
pub struct Around<'a> {
    /// The pod.
    pub pod: &'a Pod,
    /// How its queue is going to be held.
    pub hold: HoldKind,
    /// The agent's answer; `None` from one that does not know the question.
    pub preflight: Option<&'a Preflight>,
}

/// Weighs the premises, and again for one statistics interval while something is not known yet. `None` when the queue is gone.
pub async fn judged(
    broker: &Broker,
    queue: &str,
    around: Around<'_>,
) -> Result<Option<Judgement>, BrokerError> {
    let deadline = Instant::now() + STATISTICS;
    loop {
        let Some(facts) = broker.describe(queue).await? else {
            return Ok(None);
        };
        let judgement = judge(&world(broker, facts, around).await?);
        let waits = matches!(&judgement.finding, Finding::Refused(cause) if cause.reason == Reason::NotKnown);
        if !waits || Instant::now() >= deadline {
            return Ok(Some(judgement));
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

async fn world(broker: &Broker, facts: QueueFacts, around: Around<'_>) -> Result<World, BrokerError> {
    let pod = pod(around.pod);
    let mut broker_ports = USUAL_PORTS.to_vec();
    broker_ports.push(broker.port());
    Ok(World {
        hold: around.hold,
        consumer_count: facts.consumer_count,
        consumers: consumers(broker.vhost(), &facts.name, &facts.consumers),
        process: broker.process_at(&pod.addresses).await?,
        control: control(broker, around.hold, &pod.control_queue).await?,
        sockets: sockets(around.preflight),
        queue: queue(broker.vhost(), facts),
        pod,
        broker_ports,
    })
}

/// All addresses of a pod.
pub(crate) fn addresses(pod: &Pod) -> Vec<String> {
    let status = pod.status.as_ref();
    let listed = status
        .and_then(|status| status.pod_ips.as_ref())
        .into_iter()
        .flatten();
    let one = status.and_then(|status| status.pod_ip.clone());
    let mut addresses: Vec<String> = listed.map(|address| address.ip.clone()).chain(one).collect();
    addresses.sort();
    addresses.dedup();
    addresses
}

fn pod(pod: &Pod) -> world::Pod {
    let init = pod
        .spec
        .iter()
        .flat_map(|spec| spec.init_containers.iter().flatten());
    let ends = init.filter(|container| container.restart_policy.as_deref() != Some("Always"));
    let name = pod.name_any();
    world::Pod {
        addresses: addresses(pod),
        init_containers: ends.map(|container| container.name.clone()).collect(),
        control_queue: names::control_queue(&name),
        name,
    }
}

fn queue(vhost: &str, facts: QueueFacts) -> world::Queue {
    world::Queue {
        vhost: vhost.to_owned(),
        name: facts.name,
        quorum: facts.kind == QueueKind::Quorum,
        arguments: table(facts.arguments),
        policy: if facts.policy_known {
            Known::Seen(table(facts.policy_definition))
        } else {
            Known::NotKnown {
                why: "the management API does not say which policies apply to the queue".to_owned(),
                way_out: "ask it yourself: the answer to GET /api/queues/VHOST/QUEUE?disable_stats=true has to contain \
                    effective_policy_definition"
                    .to_owned(),
            }
        },
    }
}

fn table(map: Map<String, Value>) -> BTreeMap<String, Value> {
    map.into_iter().collect()
}

/// All but holds of ours.
fn consumers(vhost: &str, queue: &str, listed: &[ConsumerFacts]) -> Vec<Consumer> {
    let applications = listed.iter().filter(|consumer| !consumer.is_hold());
    applications
        .map(|consumer| Consumer {
            vhost: vhost.to_owned(),
            queue: queue.to_owned(),
            tag: consumer.tag.clone(),
            manual_ack: consumer.manual_ack,
            prefetch: consumer.prefetch,
            exclusive: consumer.exclusive,
            host: consumer.peer_host.clone(),
            port: consumer.peer_port,
        })
        .collect()
}

async fn control(broker: &Broker, hold: HoldKind, queue: &str) -> Result<Known<Control>, BrokerError> {
    match hold {
        HoldKind::SingleActive => return Ok(Known::Seen(Control::default())),
        HoldKind::Park | HoldKind::Exchange => {}
    }
    let counted = match broker.queue(queue).await? {
        QueueSeen::Present { consumers, .. } => consumers,
        QueueSeen::Absent => 0,
    };
    let consumers = consumers(broker.vhost(), queue, &broker.consumers(queue).await?);
    if u64::try_from(consumers.len()) != Ok(counted) {
        return Ok(Known::NotKnown {
            why: format!(
                "control queue {queue} has {counted} consumers, and {} are listed",
                consumers.len()
            ),
            way_out: MONITORING.to_owned(),
        });
    }
    let looks = if consumers.is_empty() {
        broker.looks_into(queue).await?
    } else {
        0.0
    };
    Ok(Known::Seen(Control { consumers, looks }))
}

fn sockets(preflight: Option<&Preflight>) -> Known<Vec<Socket>> {
    let Some(peers) = preflight.and_then(|found| found.peers.as_ref()) else {
        return Known::NotKnown {
            why: "the agent on the pod's node does not list the pod's connections: it has an earlier version, or there are \
                more than 512"
                .to_owned(),
            way_out: "update the agents (kubectl shadow install), or let the pod use fewer connections".to_owned(),
        };
    };
    let sockets = peers.iter().map(|peer| Socket {
        local: peer.local,
        host: peer.address.to_string(),
        port: peer.port,
    });
    Known::Seen(sockets.collect())
}
