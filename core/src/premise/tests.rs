//! Each premise that does not hold, each piece of evidence that is taken away: never exact.

use serde_json::json;

use super::judge::{Finding, judge_by};
use super::returned::delays_returns;
use super::world::{Consumer, Control, CopyStart, Held, Pod, Process, Publishing, Queue, Socket, Way};
use super::*;
use crate::api::{HoldKind, SourceImage};
use crate::dialling::Transport;
use crate::readiness::Delay;

fn consumer(queue: &str) -> Consumer {
    Consumer {
        vhost: "/".to_owned(),
        queue: queue.to_owned(),
        tag: "app".to_owned(),
        manual_ack: true,
        prefetch: 1,
        exclusive: false,
        timeout_millis: None,
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
        held: None,
        copy: CopyStart::BesideSource,
        image: Known::Seen(SourceImage {
            named: "orders:1".to_owned(),
            id: "orders@sha256:12".to_owned(),
            pinned: Some("orders@sha256:12".to_owned()),
        }),
        pod: Pod {
            name: "orders-0".to_owned(),
            addresses: vec!["10.1.0.7".to_owned()],
            init_containers: Vec::new(),
            sidecars: Vec::new(),
            unready: None,
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
            publishing: Vec::new(),
        }),
        control: Known::Seen(Control {
            consumers: vec![control],
            looks: 0.0,
        }),
        sockets: Known::Seen(vec![socket(40_000, 5_672), socket(40_001, 5_432)]),
        broker_ports: vec![5_671, 5_672],
        ways: vec![way(Transport::Amqp, true), way(Transport::Management, true)],
    }
}

fn way(transport: Transport, encrypted: bool) -> Way {
    Way {
        transport,
        host: "mq:1".to_owned(),
        encrypted,
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

fn delayed(prefix: &str) -> [(String, serde_json::Value); 2] {
    [
        (format!("{prefix}-type"), json!("all")),
        (format!("{prefix}-min"), json!(5_000)),
    ]
}

type Change = (&'static str, fn(&mut World));

fn seen<T>(known: &mut Known<T>) -> &mut T {
    match known {
        Known::Seen(seen) => seen,
        Known::NotKnown { .. } => panic!("the good world knows everything"),
    }
}

/// What makes a premise untrue: the moves after which messages were lost, doubled or reordered in the field, and their kinds.
const FALSE: [Change; 16] = [
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
    ("a consumer timeout of a second", |world| {
        world.consumers[0].timeout_millis = Some(1_000);
    }),
    ("a policy with a consumer timeout", |world| {
        seen(&mut world.queue.policy).insert("consumer-timeout".to_owned(), json!(5_000));
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
const FALSE_FOR_PARK: [Change; 8] = [
    ("prefetch 50", |world| world.consumers[0].prefetch = 50),
    ("what is returned is delayed", |world| {
        world.queue.arguments.extend(delayed("x-delayed-retry"));
    }),
    ("a policy delays what is returned", |world| {
        seen(&mut world.queue.policy).extend(delayed("delayed-retry"));
    }),
    ("a delivery limit of 3", |world| {
        world
            .queue
            .arguments
            .insert("x-delivery-limit".to_owned(), json!(3));
    }),
    ("a policy with a delivery limit of 0", |world| {
        seen(&mut world.queue.policy).insert("delivery-limit".to_owned(), json!(0));
    }),
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
const GONE: [Change; 9] = [
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
    ("the image", |world| world.image = blind()),
    (
        "an image without a digest, and a copy that cannot be seen",
        |world| {
            world.copy = CopyStart::AfterSource;
            seen(&mut world.image).pinned = None;
        },
    ),
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
        let wanted = ["limit", "queue", "timeout"]
            .iter()
            .any(|word| what.contains(word));
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
    world.pod.sidecars = vec!["proxy".to_owned()];
    world.pod.unready = Some(Delay {
        seconds: 40,
        container: "orders".to_owned(),
        probe: "startupProbe",
    });
    seen(&mut world.process).publishing = vec![Publishing {
        channel: "10.1.0.7:40000 -> 10.96.0.5:5672 (2)".to_owned(),
        confirms: false,
    }];
    let judged = judge(&world);
    assert_eq!(judged.finding, Finding::Exact);
    let said = |premise| {
        let told = judged.told.iter().find(|told| told.premise == premise);
        told.map(|told| told.what.as_str()).unwrap_or_default()
    };
    assert!(said(Premise::InitContainers).starts_with("purge run again"));
    assert!(said(Premise::InitContainers).contains("proxy start anew"));
    assert!(said(Premise::Publishes).starts_with("without confirms (channel 10.1.0.7:40000"));
    assert_eq!(said(Premise::OtherPeers), "10.96.0.5:5432");
    assert!(said(Premise::OtherInputs).contains("not covered"));
    assert!(
        said(Premise::OtherInputs).contains("no requests to the moved pod for at least 40 s: startupProbe")
    );
}

#[test]
fn each_way_without_tls_is_warned_of_and_forbids_nothing() {
    let said = |ways: Vec<Way>| {
        let mut world = good(HoldKind::Park);
        world.ways = ways;
        let judged = judge(&world);
        assert_eq!(judged.finding, Finding::Exact);
        assert!(carries_exact(&judged.told));
        let told = judged
            .told
            .into_iter()
            .find(|told| told.premise == Premise::Encrypted);
        told.map(|told| (told.outcome, told.what))
    };
    assert_eq!(said(Vec::new()), None);
    let (outcome, what) = said(vec![way(Transport::Amqp, true), way(Transport::Management, true)]).unwrap();
    assert_eq!(outcome, Outcome::Seen, "{what}");
    for (ways, named, way_out) in [
        (
            vec![way(Transport::Amqp, false), way(Transport::Management, true)],
            "AMQP (amqp://mq:1)",
            "write amqps://",
        ),
        (
            vec![way(Transport::Amqp, true), way(Transport::Management, false)],
            "the management API (http://mq:1)",
            "write https://",
        ),
        (
            vec![way(Transport::Amqp, false), way(Transport::Management, false)],
            "AMQP (amqp://mq:1), the management API (http://mq:1)",
            "write amqps:// and https://",
        ),
        (
            vec![way(Transport::Amqp, true), way(Transport::Registry, false)],
            "the registry (http://mq:1)",
            "write https://",
        ),
    ] {
        let (outcome, what) = said(ways).unwrap();
        assert_eq!(outcome, Outcome::Contradicted, "{what}");
        assert!(what.contains(named) && what.ends_with(way_out), "{what}");
        assert!(
            !what.contains("amqps://mq") && !what.contains("https://mq"),
            "{what}"
        );
    }
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
                    mutant::taken()
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
        let untrue = changes(HoldKind::Park, &FALSE, &FALSE_FOR_PARK);
        let gone = changes(HoldKind::Park, &GONE, &GONE_FOR_PARK);
        let cases = [untrue, gone].concat();
        let missing: Vec<&str> = cases.iter().filter(missed).map(|(what, _)| *what).collect();
        println!("{premise:?} is guarded by: {}", missing.join(", "));
        assert!(!missing.is_empty(), "{premise:?} is guarded by no case");
    }
}

/// As RabbitMQ 4.3 decides: the policy's type counts, of two delays the shorter one, and without a delay there is none.
#[test]
fn delayed_retry_is_in_force_as_the_broker_says() {
    let set = |kind: &str, least: i64, prefix: &str| {
        [
            (format!("{prefix}-type"), json!(kind)),
            (format!("{prefix}-min"), json!(least)),
        ]
    };
    let none = || [].into();
    let argument = |kind, least| set(kind, least, "x-delayed-retry").into();
    let policy = |kind, least| set(kind, least, "delayed-retry").into();
    for kind in ["all", "failed", "returned"] {
        assert!(delays_returns(&argument(kind, 10), &none()).is_some());
        assert!(delays_returns(&none(), &policy(kind, 10)).is_some());
    }
    assert_eq!(
        delays_returns(&argument("all", 10), &policy("disabled", 10)),
        None
    );
    assert!(delays_returns(&argument("disabled", 10), &policy("all", 10)).is_some());
    assert_eq!(delays_returns(&argument("all", 0), &none()), None);
    let of_both = delays_returns(&argument("all", 10), &policy("failed", 99)).unwrap();
    assert_eq!(of_both, "delayed-retry-type failed, 10 ms or more");
}

/// A single-active queue is held without anything being returned.
#[test]
fn a_delay_or_a_limit_of_what_is_returned_is_nothing_to_a_single_active_queue() {
    let mut world = good(HoldKind::SingleActive);
    world.queue.arguments.extend(delayed("x-delayed-retry"));
    world
        .queue
        .arguments
        .insert("x-delivery-limit".to_owned(), json!(1));
    let judged = judge(&world);
    assert_eq!(judged.finding, Finding::Exact);
    let told = judged
        .told
        .iter()
        .find(|told| told.premise == Premise::ReturnsAtOnce);
    assert!(told.unwrap().what.contains("lets nothing be returned"));
}

#[test]
fn limits_that_a_move_cannot_reach_are_exact() {
    for (argument, policy) in [
        (Some(10), None),
        (None, Some(-1)),
        (Some(2), Some(-1)),
        (Some(40), Some(20)),
    ] {
        let mut world = good(HoldKind::Park);
        seen(&mut world.queue.policy).clear();
        if let Some(limit) = argument {
            world
                .queue
                .arguments
                .insert("x-delivery-limit".to_owned(), json!(limit));
        }
        if let Some(limit) = policy {
            seen(&mut world.queue.policy).insert("delivery-limit".to_owned(), json!(limit));
        }
        world.consumers[0].timeout_millis = Some(30_000);
        seen(&mut world.queue.policy).insert("consumer-timeout".to_owned(), json!(1_000));
        // (2, -1): the broker takes the larger one where one of them is unlimited.
        let exact = judge(&world).finding == Finding::Exact;
        assert_eq!(
            exact,
            (argument, policy) != (Some(2), Some(-1)),
            "{argument:?} {policy:?}"
        );
    }
}

/// A pod without a copy yet, whose queue is held: it has left its queue, and reads ours.
fn held(hold: HoldKind) -> World {
    let mut world = good(hold);
    let copy = "10.2.0.9";
    let waits = Consumer {
        host: copy.to_owned(),
        ..consumer("orders")
    };
    match hold {
        HoldKind::SingleActive => world.consumers.push(waits),
        HoldKind::Park | HoldKind::Exchange => {
            world.consumers.clear();
            let process = seen(&mut world.process);
            process.consumers.retain(|one| one.queue != "orders");
            process.consumers.push(consumer("ms2m.hold.key"));
        }
    }
    world.held = Some(Held {
        queues: vec!["ms2m.hold.key".to_owned()],
        copy: vec![copy.to_owned()],
    });
    world
}

#[test]
fn a_held_queue_contradicts_nothing_by_being_held() {
    for hold in HOLDS {
        let planned = judge(&good(hold)).told;
        assert_eq!(since(&planned, &held(hold)), None, "{hold:?}");
        let mut polled = held(hold);
        polled.control = Known::Seen(Control::default());
        assert_eq!(since(&planned, &polled), None, "{hold:?}: control is polled");
    }
}

#[test]
fn what_appears_while_a_queue_is_held_contradicts_unless_a_policy_allowed_it() {
    let appears: [Change; 5] = [
        ("a second queue", |world| {
            seen(&mut world.process).consumers.push(consumer("second"));
        }),
        ("a stranger", |world| {
            let stranger = Consumer {
                host: "10.1.0.8".to_owned(),
                ..consumer("orders")
            };
            world.consumers.push(stranger);
        }),
        ("a limit", |world| {
            seen(&mut world.queue.policy).insert("max-length".to_owned(), json!(100));
        }),
        ("a consumer timeout", |world| {
            seen(&mut world.queue.policy).insert("consumer-timeout".to_owned(), json!(100));
        }),
        ("automatic acknowledgement", |world| {
            world.consumers.push(Consumer {
                manual_ack: false,
                ..consumer("orders")
            });
        }),
    ];
    for hold in HOLDS {
        let mut planned = judge(&good(hold)).told;
        for (what, change) in appears {
            let mut world = held(hold);
            change(&mut world);
            let cause = since(&planned, &world);
            assert_eq!(
                cause.map(|cause| cause.reason),
                Some(Reason::PremiseBroken),
                "{hold:?}: {what}"
            );
        }
        let limited = planned
            .iter_mut()
            .find(|told| told.premise == Premise::KeepsWhatWaits);
        limited.unwrap().outcome = Outcome::Contradicted;
        let mut world = held(hold);
        seen(&mut world.queue.policy).insert("max-length".to_owned(), json!(100));
        assert_eq!(since(&planned, &world), None, "{hold:?}: a policy allowed it");
    }
}
