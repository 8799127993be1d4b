//! Each premise that does not hold, each piece of evidence that is taken away: never exact.

use serde_json::json;

use super::judge::{Finding, judge_by};
use super::world::{Consumer, Control, Pod, Process, Queue, Socket};
use super::*;
use crate::api::HoldKind;

fn consumer(queue: &str) -> Consumer {
    Consumer {
        vhost: "/".to_owned(),
        queue: queue.to_owned(),
        tag: "app".to_owned(),
        manual_ack: true,
        prefetch: 1,
        exclusive: false,
        host: "10.1.0.7".to_owned(),
        port: 40_000,
    }
}

/// A pod that can be moved exactly.
fn good(hold: HoldKind) -> World {
    let control = consumer("ms2m.control.orders-0");
    let mut consumers = vec![consumer("orders")];
    if hold != HoldKind::SingleActive {
        consumers.push(control.clone());
    }
    World {
        hold,
        pod: Pod {
            name: "orders-0".to_owned(),
            addresses: vec!["10.1.0.7".to_owned()],
            init_containers: Vec::new(),
            control_queue: control.queue.clone(),
        },
        queue: Queue {
            vhost: "/".to_owned(),
            name: "orders".to_owned(),
            quorum: hold != HoldKind::Exchange,
            arguments: [("x-queue-type".to_owned(), json!("quorum"))].into(),
            policy: Known::Seen([("delivery-limit".to_owned(), json!(20))].into()),
        },
        consumer_count: 1,
        consumers: vec![consumer("orders")],
        process: Known::Seen(Process {
            ports: vec![40_000],
            consumers,
            looks: 0.0,
        }),
        control: Known::Seen(Control {
            consumers: vec![control],
            looks: 0.0,
        }),
        sockets: Known::Seen(vec![socket(40_000, 5_672), socket(40_001, 5_432)]),
        broker_ports: vec![5_671, 5_672],
    }
}

fn socket(local: u16, port: u16) -> Socket {
    Socket {
        local,
        host: "10.96.0.5".to_owned(),
        port,
    }
}

fn blind<T>() -> Known<T> {
    Known::NotKnown {
        why: "it was not seen".to_owned(),
        way_out: "look".to_owned(),
    }
}

type Change = (&'static str, fn(&mut World));

fn seen<T>(known: &mut Known<T>) -> &mut T {
    match known {
        Known::Seen(seen) => seen,
        Known::NotKnown { .. } => panic!("the good world knows everything"),
    }
}

/// What makes a premise untrue: the moves after which messages were lost, doubled or reordered in the field, and their kinds.
const FALSE: [Change; 14] = [
    ("a standby consumes", |world| {
        world.consumer_count = 2;
        let standby = Consumer {
            host: "10.1.0.8".to_owned(),
            ..consumer("orders")
        };
        world.consumers.push(standby);
    }),
    ("a second consumer is counted", |world| world.consumer_count = 2),
    ("another pod consumes", |world| {
        world.consumers[0].host = "10.1.0.8".to_owned();
    }),
    ("automatic acknowledgement", |world| {
        world.consumers[0].manual_ack = false;
    }),
    ("exclusive", |world| world.consumers[0].exclusive = true),
    ("a limit of length", |world| {
        world
            .queue
            .arguments
            .insert("x-max-length".to_owned(), json!(100));
    }),
    ("a limit of bytes", |world| {
        world
            .queue
            .arguments
            .insert("x-max-length-bytes".to_owned(), json!(100));
    }),
    ("an operator policy limits the length", |world| {
        seen(&mut world.queue.policy).insert("max-length".to_owned(), json!(100));
    }),
    ("a policy limits the bytes", |world| {
        seen(&mut world.queue.policy).insert("max-length-bytes".to_owned(), json!(100));
    }),
    ("a second queue", |world| {
        seen(&mut world.process).consumers.push(consumer("second"));
    }),
    ("a queue of the same name elsewhere", |world| {
        let elsewhere = Consumer {
            vhost: "shop".to_owned(),
            ..consumer("orders")
        };
        seen(&mut world.process).consumers.push(elsewhere);
    }),
    ("another pod's control queue", |world| {
        seen(&mut world.process)
            .consumers
            .push(consumer("ms2m.control.orders-1"));
    }),
    ("a connection that nobody lists", |world| {
        seen(&mut world.sockets).push(socket(40_002, 5_671));
    }),
    ("a connection to another broker", |world| {
        let other = Socket {
            host: "10.96.0.9".to_owned(),
            ..socket(40_003, 5_672)
        };
        seen(&mut world.sockets).push(other);
    }),
];

/// The same for control messages only.
const FALSE_FOR_PARK: [Change; 4] = [
    ("prefetch 50", |world| world.consumers[0].prefetch = 50),
    ("a pod of the same name reads the control queue", |world| {
        let control = seen(&mut world.control);
        control
            .consumers
            .iter_mut()
            .for_each(|one| one.host = "10.1.0.8".to_owned());
    }),
    ("two read the control queue", |world| {
        let control = seen(&mut world.control);
        control.consumers.push(consumer("ms2m.control.orders-0"));
    }),
    ("two look into the control queue", |world| {
        seen(&mut world.process).looks = 1.0;
        world.control = Known::Seen(Control {
            consumers: Vec::new(),
            looks: 2.0,
        });
    }),
];

/// Each piece of evidence, gone in each way in which an answer can be missing.
const GONE: [Change; 7] = [
    ("no consumer", |world| world.consumers.clear()),
    ("an address", |world| {
        world.consumers.iter_mut().for_each(|one| one.host.clear());
    }),
    ("the pod's consumers", |world| world.process = blind()),
    ("no consumer of the pod", |world| {
        world.process = Known::Seen(Process::default());
    }),
    ("policies", |world| world.queue.policy = blind()),
    ("sockets", |world| world.sockets = blind()),
    ("the pod's addresses", |world| world.pod.addresses.clear()),
];

const GONE_FOR_PARK: [Change; 2] = [
    ("control", |world| world.control = blind()),
    ("nobody reads control", |world| {
        world.control = Known::Seen(Control::default())
    }),
];

fn changes(hold: HoldKind, all: &[Change], for_park: &[Change]) -> Vec<Change> {
    let park = if hold == HoldKind::Park { for_park } else { &[] };
    all.iter().chain(park).copied().collect()
}

const HOLDS: [HoldKind; 3] = [HoldKind::Park, HoldKind::SingleActive, HoldKind::Exchange];

#[test]
fn a_good_world_is_exact_and_says_on_what_that_rests() {
    for hold in HOLDS {
        let judged = judge(&good(hold));
        assert_eq!(judged.finding, Finding::Exact, "{hold:?}");
        assert!(carries_exact(&judged.told));
        assert!(judged.told.iter().all(|told| !told.what.is_empty()));
    }
    assert!(!carries_exact(&[]), "nothing was seen");
}

#[test]
fn nothing_false_and_nothing_unseen_is_exact() {
    for hold in HOLDS {
        let untrue = changes(hold, &FALSE, &FALSE_FOR_PARK);
        let gone = changes(hold, &GONE, &GONE_FOR_PARK);
        for (what, change) in untrue.iter().chain(&gone) {
            let mut world = good(hold);
            change(&mut world);
            let judged = judge(&world);
            assert_ne!(judged.finding, Finding::Exact, "{hold:?}: {what}");
            assert!(!carries_exact(&judged.told), "{hold:?}: {what}");
        }
    }
}

/// What is false does not become exact when something is not seen either.
#[test]
fn taking_evidence_away_never_makes_a_false_world_exact() {
    for hold in HOLDS {
        for (what, change) in changes(hold, &FALSE, &FALSE_FOR_PARK) {
            for (unseen, take) in changes(hold, &GONE, &GONE_FOR_PARK) {
                let mut world = good(hold);
                // A change of something that was taken away is no change.
                change(&mut world);
                take(&mut world);
                assert_ne!(
                    judge(&world).finding,
                    Finding::Exact,
                    "{hold:?}: {what}, {unseen} gone"
                );
            }
        }
    }
}

#[test]
fn only_what_a_policy_may_allow_is_left_to_it() {
    for (what, change) in FALSE {
        let mut world = good(HoldKind::SingleActive);
        change(&mut world);
        let allowable = matches!(judge(&world).finding, Finding::Inexact { .. });
        let wanted = what.contains("limit") || what.contains("queue");
        assert_eq!(allowable, wanted, "{what}: {:?}", judge(&world).finding);
    }
    for (what, take) in GONE {
        let mut world = good(HoldKind::SingleActive);
        take(&mut world);
        assert!(matches!(judge(&world).finding, Finding::Refused(_)), "{what}");
    }
}

#[test]
fn a_refusal_names_premise_source_and_way_out() {
    let mut world = good(HoldKind::Park);
    world.process = Known::NotKnown {
        why: "user orders sees its own connections only".to_owned(),
        way_out: consumers::MONITORING.to_owned(),
    };
    let Finding::Refused(cause) = judge(&world).finding else {
        panic!("it is refused");
    };
    assert_eq!(cause.reason, Reason::NotKnown);
    for part in [
        "consumes nothing else",
        "management API",
        "user orders",
        "Give the user",
        "monitoring",
    ] {
        assert!(cause.message.contains(part), "{part}: {}", cause.message);
    }
}

#[test]
fn what_is_told_forbids_nothing() {
    let mut world = good(HoldKind::Park);
    world.pod.init_containers = vec!["purge".to_owned()];
    let judged = judge(&world);
    assert_eq!(judged.finding, Finding::Exact);
    let said = |premise| {
        let told = judged.told.iter().find(|told| told.premise == premise);
        told.map(|told| told.what.as_str()).unwrap_or_default()
    };
    assert!(said(Premise::InitContainers).starts_with("purge run again"));
    assert_eq!(said(Premise::OtherPeers), "10.96.0.5:5432");
    assert!(said(Premise::OtherInputs).contains("not covered"));
}

#[test]
fn a_pod_that_looks_into_its_control_queue_now_and_then_reads_it() {
    let mut world = good(HoldKind::Park);
    seen(&mut world.process).looks = 1.0;
    world.control = Known::Seen(Control {
        consumers: Vec::new(),
        looks: 1.1,
    });
    assert_eq!(judge(&world).finding, Finding::Exact);
    seen(&mut world.process).looks = 0.0;
    assert!(
        matches!(judge(&world).finding, Finding::Refused(_)),
        "others look"
    );
}

/// A premise that was taken for seen whatever was seen: some case has to end exact then, which the tests above forbid. One that
/// none would miss guards nothing.
#[test]
fn each_premise_that_forbids_is_missed_by_a_case_of_its_own() {
    for premise in ALL {
        if premise.class() == Class::Told {
            continue;
        }
        let blindly = |world: &World| {
            judge_by(|weighed| {
                let weight = weighed.weigh(world)?;
                Some(if weighed == premise {
                    Weight::Seen {
                        by: Source::Broker,
                        what: "taken for seen".to_owned(),
                    }
                } else {
                    weight
                })
            })
        };
        let missed = |(_, change): &&Change| {
            let mut world = good(HoldKind::Park);
            change(&mut world);
            blindly(&world).finding == Finding::Exact
        };
        let cases = changes(HoldKind::Park, &FALSE, &FALSE_FOR_PARK);
        let missing: Vec<&str> = cases.iter().filter(missed).map(|(what, _)| *what).collect();
        println!("{premise:?} is guarded by: {}", missing.join(", "));
        assert!(!missing.is_empty(), "{premise:?} is guarded by no case");
    }
}
