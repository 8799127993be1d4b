//! Gathers what the premises of a move are weighed by (`shadow_core::premise`): the broker's answers, the agent's, the pod's spec.
//! Decides nothing.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{Container, Pod};
use kube::ResourceExt;
use serde_json::{Map, Value};
use shadow_core::api::{HoldKind, SourceImage};
use shadow_core::machine::Cause;
use shadow_core::premise::world::{self, Consumer, Control, CopyStart, Held, Known, Socket, Way, World};
use shadow_core::premise::{self, Finding, Judgement, MONITORING, judge};
use shadow_core::reason::Reason;
use shadow_core::wire::Preflight;
use shadow_core::{image_origin, names, readiness};

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
    /// Container that is moved.
    pub container: &'a str,
    /// How its queue is going to be held.
    pub hold: HoldKind,
    /// When and from what its copy is made.
    pub copy: CopyStart,
    /// The agent's answer; `None` from one that does not know the question.
    pub preflight: Option<&'a Preflight>,
    /// The way to the registry, if the archive takes it.
    pub registry: Option<&'a Way>,
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

/// A pod whose queue is held, and what was known of it before that.
#[derive(Clone, Debug)]
pub struct Meanwhile<'a> {
    /// The pod.
    pub pod: &'a Pod,
    /// How its queue is held.
    pub hold: HoldKind,
    /// Image that it ran from when the move was planned.
    pub image: Option<&'a SourceImage>,
    /// What the plan says of the premises.
    pub planned: &'a [premise::Told],
    /// What else is there now.
    pub held: Held,
}

/// What has come to contradict a premise since the move was planned.
///
/// # Errors
/// When the broker or its management API does not answer.
pub async fn contradicted(
    broker: &Broker,
    queue: &str,
    meanwhile: Meanwhile<'_>,
) -> Result<Option<Cause>, BrokerError> {
    // That it is gone is for the steps, which look at it all the time.
    let Some(facts) = broker.describe(queue).await? else {
        return Ok(None);
    };
    let pod = pod(meanwhile.pod);
    let world = World {
        hold: meanwhile.hold,
        held: Some(meanwhile.held),
        copy: CopyStart::BesideSource,
        image: meanwhile.image.cloned().map_or_else(no_image, Known::Seen),
        consumer_count: facts.consumer_count,
        consumers: consumers(broker.vhost(), &facts.name, &facts.consumers),
        process: Known::Seen(broker.process_so_far(&pod.addresses).await?),
        control: control(broker, meanwhile.hold, &pod.control_queue).await?,
        sockets: Known::Seen(Vec::new()),
        queue: self::queue(broker.vhost(), facts),
        pod,
        broker_ports: Vec::new(),
        ways: Vec::new(),
    };
    Ok(premise::since(meanwhile.planned, &world))
}

async fn world(broker: &Broker, facts: QueueFacts, around: Around<'_>) -> Result<World, BrokerError> {
    let image = image_origin::running(around.pod, around.container);
    let pod = pod(around.pod);
    let mut broker_ports = USUAL_PORTS.to_vec();
    broker_ports.push(broker.port());
    let mut ways = broker.ways();
    ways.extend(around.registry.cloned());
    Ok(World {
        hold: around.hold,
        held: None,
        copy: around.copy,
        image: image.map_or_else(no_image, Known::Seen),
        consumer_count: facts.consumer_count,
        consumers: consumers(broker.vhost(), &facts.name, &facts.consumers),
        process: broker.process_at(&pod.addresses).await?,
        control: control(broker, around.hold, &pod.control_queue).await?,
        sockets: sockets(around.preflight),
        queue: queue(broker.vhost(), facts),
        pod,
        broker_ports,
        ways,
    })
}

fn no_image() -> Known<SourceImage> {
    Known::NotKnown {
        why: "the pod's status does not tell the image that its container runs from".to_owned(),
        way_out: "wait until kubelet has written it (kubectl get pod NAME -o jsonpath='{.status.containerStatuses[*].imageID}')"
            .to_owned(),
    }
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
    let (beside, ends): (Vec<&Container>, Vec<&Container>) =
        init.partition(|container| container.restart_policy.as_deref() == Some("Always"));
    let named = |containers: Vec<&Container>| containers.into_iter().map(|one| one.name.clone()).collect();
    let name = pod.name_any();
    world::Pod {
        addresses: addresses(pod),
        init_containers: named(ends),
        sidecars: named(beside),
        unready: readiness::delay(pod),
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
            timeout_millis: consumer.timeout_millis,
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
