//! Premises about what else the pod consumes, and who else reads what is meant for it.

use super::consumers::MONITORING;
use super::world::{Consumer, Known, Process};
use super::{Source, Weight, World};
use crate::api::HoldKind;

/// The pod consumes nothing else at this broker: what it had of another stream in its memory would be handed over in the
/// middle of a message.
pub(super) fn nothing_else(world: &World) -> Weight {
    let process = match &world.process {
        Known::Seen(process) => process,
        Known::NotKnown { why, way_out } => return not_known(Source::ManagementApi, why, way_out),
    };
    if world.held.is_none()
        && let Some(unseen) = unseen(world, process)
    {
        return unseen;
    }
    let mut others: Vec<String> = process
        .consumers
        .iter()
        .filter(|consumer| !is_of_the_handoff(world, consumer))
        .map(|consumer| name(world, consumer))
        .collect();
    others.sort();
    others.dedup();
    if others.is_empty() {
        return Weight::Seen {
            by: Source::ManagementApi,
            what: format!(
                "{} connections of the pod to brokers, all of them listed with what they consume",
                process.ports.len()
            ),
        };
    }
    Weight::Contradicted {
        by: Source::ManagementApi,
        what: format!(
            "the pod also consumes {}, whose messages are not held: those that it has taken and not acknowledged come again, or \
             are lost if it acknowledges automatically",
            others.join(", ")
        ),
        way_out: "let the pod consume one queue only".to_owned(),
    }
}

/// Why the list of what the pod consumes is not all of it.
fn unseen(world: &World, process: &Process) -> Option<Weight> {
    let queue = &world.queue.name;
    if !process
        .consumers
        .iter()
        .any(|consumer| world.queue.is_queue_of(consumer))
    {
        let why = format!("not even the pod's consumer of queue {queue} is among its connections' consumers");
        return Some(not_known(Source::ManagementApi, &why, MONITORING));
    }
    let sockets = match &world.sockets {
        Known::Seen(sockets) => sockets,
        Known::NotKnown { why, way_out } => return Some(not_known(Source::Agent, why, way_out)),
    };
    let unlisted = sockets
        .iter()
        .find(|socket| world.broker_ports.contains(&socket.port) && !process.ports.contains(&socket.local))?;
    let why = format!(
        "the pod is connected from its port {} to {}:{}, a port of a broker, and this broker does not list that \
         connection: it is not known what is consumed over it",
        unlisted.local, unlisted.host, unlisted.port
    );
    let way_out = format!("{MONITORING}. If it is another broker, let the pod consume from one broker only");
    Some(not_known(Source::Agent, &why, &way_out))
}

fn not_known(by: Source, why: &str, way_out: &str) -> Weight {
    Weight::NotKnown {
        by,
        why: why.to_owned(),
        way_out: way_out.to_owned(),
    }
}

fn is_of_the_handoff(world: &World, consumer: &Consumer) -> bool {
    world.queue.is_queue_of(consumer) || is_control(world, consumer) || is_ours(world, consumer)
}

/// The queue on which it waits, or one that it is told to read meanwhile.
fn is_ours(world: &World, consumer: &Consumer) -> bool {
    let ours = world.held.as_ref().map(|held| &held.queues);
    consumer.vhost == world.queue.vhost && ours.is_some_and(|queues| queues.contains(&consumer.queue))
}

/// Of a `Park`; whoever is held without its help has no control queue of ours.
fn is_control(world: &World, consumer: &Consumer) -> bool {
    speaks_control(world.hold)
        && consumer.vhost == world.queue.vhost
        && consumer.queue == world.pod.control_queue
}

fn speaks_control(hold: HoldKind) -> bool {
    match hold {
        HoldKind::Park | HoldKind::Exchange => true,
        HoldKind::SingleActive => false,
    }
}

fn name(world: &World, consumer: &Consumer) -> String {
    if consumer.vhost == world.queue.vhost {
        consumer.queue.clone()
    } else {
        format!("{} of virtual host {}", consumer.queue, consumer.vhost)
    }
}

/// Nobody but the pod reads its control queue: it is named after the pod alone, and a pod of the same name in another
/// namespace may use the same broker. That one would be told to wait.
pub(super) fn own_control_queue(world: &World) -> Option<Weight> {
    if !speaks_control(world.hold) {
        return None;
    }
    let queue = &world.pod.control_queue;
    let control = match &world.control {
        Known::Seen(control) => control,
        Known::NotKnown { why, way_out } => return Some(not_known(Source::ManagementApi, why, way_out)),
    };
    // A client library may restore the consumer in the copy.
    let others = control.consumers.iter().filter(|one| !world.is_of_the_copy(one));
    let readers: Vec<&Consumer> = others.collect();
    let who: Vec<String> = readers.iter().map(|one| one.named()).collect();
    Some(match readers.as_slice() {
        [] if world.held.is_some() => Weight::Seen {
            by: Source::ManagementApi,
            what: format!("no other program reads {queue}"),
        },
        [] => looked_into(world, control.looks),
        [own] if own.is_from(&world.pod) => Weight::Seen {
            by: Source::ManagementApi,
            what: format!("{queue} is read by {}", own.named()),
        },
        [unknown] if unknown.host.is_empty() => Weight::NotKnown {
            by: Source::ManagementApi,
            why: format!("the broker does not tell from where the control queue {queue} is read"),
            way_out: MONITORING.to_owned(),
        },
        _ => Weight::Contradicted {
            by: Source::ManagementApi,
            what: format!(
                "the control queue {queue} is read by {}, and the pod's address is {}",
                who.join(", "),
                world.pod.addresses.join(", ")
            ),
            way_out: ALONE.to_owned(),
        },
    })
}

/// The broker counts looks for each queue and for each channel: if the pod looks as often as somebody looks into the queue, that
/// is the pod.
fn looked_into(world: &World, looks: f64) -> Weight {
    /// The two are counted at different moments.
    const SLACK: f64 = 1.25;
    let queue = &world.pod.control_queue;
    let own = match &world.process {
        Known::Seen(process) => process.looks,
        Known::NotKnown { why, way_out } => return not_known(Source::ManagementApi, why, way_out),
    };
    if looks <= 0.0 || own <= 0.0 {
        let why = format!("no reader of the control queue {queue} is known");
        let way_out = format!(
            "let the application consume it, or poll it at least once in two seconds; or {MONITORING}"
        );
        return not_known(Source::ManagementApi, &why, &way_out);
    }
    if looks > own * SLACK {
        return Weight::Contradicted {
            by: Source::ManagementApi,
            what: format!(
                "the control queue {queue} is polled {looks:.1} times a second, and the pod polls {own:.1} times a second: \
                 another program reads it, too"
            ),
            way_out: ALONE.to_owned(),
        };
    }
    Weight::Seen {
        by: Source::ManagementApi,
        what: format!("the pod polls {queue} {looks:.1} times a second"),
    }
}

const ALONE: &str =
    "let one pod of this name use the virtual host: move the other one to a virtual host of its own";
