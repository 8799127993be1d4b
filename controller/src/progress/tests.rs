use std::sync::mpsc;
use std::thread;

use serde_json::{Value, json};
use shadow_core::api::StatefulMigrationSpec;
use shadow_core::api::progress::{Doing, Passage, Rate};
use shadow_core::names::Key;
use shadow_core::waiting::{InLine, Obstacle};

use super::*;

const UID: &str = "11111111-1111-1111-1111-111111111111";
/// In a test that hangs, the verdict.
const PATIENCE: Duration = Duration::from_secs(20);

fn migration() -> StatefulMigration {
    let mut migration = StatefulMigration::new("move", StatefulMigrationSpec::default());
    migration.metadata.uid = Some(UID.to_owned());
    migration.metadata.namespace = Some("shop".to_owned());
    migration
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(1_764_446_400_000 + millis).unwrap()
}

fn time(millis: i64) -> MicroTime {
    MicroTime(at(millis))
}

/// In this step since the beginning.
fn status(step: &str, leg: Value) -> MigrationStatus {
    let instance = |node: &str| json!({"pod": "p", "node": node});
    let mut whole = json!({"number": 1, "attempt": 0, "key": Key::of(UID, 1, 0).unwrap(), "from": instance("node-a"),
        "to": instance("node-b")});
    for (field, value) in leg.as_object().into_iter().flatten() {
        whole[field] = value.clone();
    }
    serde_json::from_value(json!({"phase": "Transferring", "legs": [whole],
        "intent": {"step": step, "leg": 1, "since": time(0)},
        "plan": {"strategy": "ShadowPod", "because": "b", "container": "c", "sourceNode": "node-a", "targetNode": "node-b",
            "checkpointBackend": "Runtime", "queue": {"queue": "q", "quorum": false},
            "source": {"namespace": "shop", "name": "p", "uid": "u"}}}))
    .unwrap()
}

fn noted(status: &MigrationStatus) -> Progresses {
    let all = Progresses::default();
    all.note(&migration(), status, &Observed::default(), at(0));
    all
}

fn received(bytes: u64) -> Told {
    Told {
        archive: Some(Passage {
            at: time(1_000),
            doing: Doing::Receive,
            bytes,
            of: Some(500),
        }),
        frozen_since: None,
    }
}

/// What is written, if anything is.
fn written(all: &Progresses, now: Instant, clock: Timestamp) -> Option<MigrationProgressSpec> {
    all.due(now, clock).pop().map(|(_, spec)| spec)
}

#[test]
fn one_in_line_is_written_at_once_when_its_place_changes_and_else_each_half_minute() {
    let (all, now, begun) = (Progresses::default(), at(0), Instant::now());
    let waiting = |before| MigrationStatus {
        waiting: Some(
            InLine {
                obstacle: Obstacle::Earlier,
                before,
            }
            .waiting(None, now),
        ),
        ..MigrationStatus::default()
    };
    let note = |before| all.note(&migration(), &waiting(before), &Observed::default(), now);
    note(2);
    assert_eq!(all.due(begun, now).len(), 1);
    note(2);
    assert_eq!(all.due(begun + LIVELY, now).len(), 0);
    note(1);
    assert_eq!(all.due(begun + LIVELY, now).len(), 1);
    assert_eq!(all.due(begun + LIVELY + CALM, now).len(), 1);
    assert_eq!(all.due(begun + FORGOTTEN + CALM, now).len(), 0);
}

#[test]
fn one_that_has_ended_is_written_no_more() {
    let all = noted(&MigrationStatus::default());
    all.ended(&migration());
    assert!(all.due(Instant::now(), at(0)).is_empty());
}

/// During a long transfer the move itself notes nothing.
#[test]
fn each_write_tells_the_clock_of_its_moment() {
    let (all, begun) = (noted(&status("Transfer", json!({}))), Instant::now());
    for seconds in 0..3 {
        let now = begun + LIVELY * seconds;
        let clock = at(i64::from(seconds) * 1_000);
        assert_eq!(written(&all, now, clock).unwrap().now, MicroTime(clock));
    }
}

#[test]
fn a_long_step_is_asked_about_and_its_answer_is_written() {
    let (all, begun) = (noted(&status("Transfer", json!({}))), Instant::now());
    assert!(all.archives(at(200)).is_empty(), "most are over by then");
    let question = all.archives(at(300)).pop().unwrap();
    assert_eq!(written(&all, begun, at(300)).unwrap().archive, None);
    all.archive_told(&question, received(112));
    let told = written(&all, begun + LIVELY, at(1_300)).unwrap();
    assert_eq!(told.archive.unwrap().bytes, 112);
    // An agent of an earlier version, or one that is silent, tells nothing.
    all.archive_told(&question, Told::default());
    assert_eq!(
        written(&all, begun + LIVELY * 2, at(2_300)).unwrap().archive,
        None
    );
}

#[test]
fn an_answer_that_comes_late_tells_nothing_of_the_next_step() {
    let all = noted(&status("Transfer", json!({})));
    let question = all.archives(at(300)).pop().unwrap();
    all.archive_told(&question, received(112));
    all.note(
        &migration(),
        &status("Restore", json!({})),
        &Observed::default(),
        at(400),
    );
    assert_eq!(
        written(&all, Instant::now(), at(400)).unwrap().archive,
        None,
        "the transfer is over"
    );
    all.archive_told(&question, received(500));
    assert_eq!(
        written(&all, Instant::now() + LIVELY, at(1_400)).unwrap().archive,
        None
    );
}

#[test]
fn a_source_that_stands_still_for_long_is_told_at_once_and_once() {
    let (all, begun) = (noted(&status("Checkpoint", json!({}))), Instant::now());
    assert_eq!(written(&all, begun, at(0)).unwrap().frozen_since, None);
    let question = all.archives(at(300)).pop().unwrap();
    let told = |since| Told {
        frozen_since: Some(time(since)),
        ..Told::default()
    };
    all.archive_told(&question, told(200));
    assert_eq!(written(&all, begun, at(300)), None, "it stands still for 100 ms");
    let long = written(&all, begun, at(500)).unwrap();
    assert_eq!(long.frozen_since, Some(time(200)));
    assert_eq!(written(&all, begun, at(600)), None);
    all.archive_told(&question, Told::default());
    assert_eq!(
        written(&all, begun + LIVELY, at(1_500)).unwrap().frozen_since,
        None
    );
}

#[test]
fn a_source_that_goes_first_is_told_to_stand_still_by_its_status_alone() {
    let all = noted(&status("Transfer", json!({"frozen": time(100)})));
    let question = all.archives(at(300)).pop().unwrap();
    all.archive_told(&question, received(112));
    let told = written(&all, Instant::now(), at(500)).unwrap();
    assert_eq!(told.frozen_since, Some(time(100)));
}

#[test]
fn a_broker_is_asked_every_five_seconds_and_only_of_moves_that_go_on() {
    let (all, begun) = (noted(&status("Hold", json!({}))), Instant::now());
    let question = all.rates(begun).pop().unwrap();
    assert!(all.rates(begun + LIVELY).is_empty());
    let rates = Rates {
        at: time(0),
        primary: Some(Rate::default()),
        backlog: None,
        mirror: None,
    };
    all.rates_told(&question, Some(rates.clone()));
    assert_eq!(written(&all, begun, at(0)).unwrap().rates, Some(rates));
    assert_eq!(all.rates(begun + LIVELY * 5).len(), 1);
    all.rates_told(&question, None);
    assert_eq!(
        written(&all, begun + LIVELY * 5, at(5_000)).unwrap().rates,
        None,
        "a broker that does not answer tells nothing"
    );
    let waiting = noted(&MigrationStatus::default());
    assert!(waiting.rates(begun).is_empty());
}

/// A merge patch (RFC 7396), as the API server applies it.
fn merged(into: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *into = patch.clone();
        return;
    };
    if !into.is_object() {
        *into = json!({});
    }
    for (name, value) in patch {
        if value.is_null() {
            into.as_object_mut().unwrap().remove(name);
        } else {
            merged(&mut into[name], value);
        }
    }
}

#[test]
fn what_is_not_known_any_more_is_not_left_in_the_object() {
    let rate = |publish, ack| {
        Some(Rate {
            publish,
            deliver: Some(0.0),
            ack,
        })
    };
    let rates = |primary, backlog| {
        Some(Rates {
            at: time(0),
            primary,
            backlog,
            mirror: None,
        })
    };
    let archive = |of| {
        Some(Passage {
            at: time(0),
            doing: Doing::Dump,
            bytes: 1,
            of,
        })
    };
    let of = |node: Option<&str>| progress::of(&waiting_for(node), at(0));
    let whole = MigrationProgressSpec {
        frozen_since: Some(time(0)),
        archive: archive(Some(9)),
        rates: rates(rate(Some(1.0), Some(2.0)), rate(None, None)),
        ..of(Some("node-b"))
    };
    let less = MigrationProgressSpec {
        archive: archive(None),
        rates: rates(rate(None, Some(3.0)), None),
        ..of(None)
    };
    let none = progress::of(&MigrationStatus::default(), at(0));
    let mut object = json!({});
    for spec in [&whole, &less, &none, &whole, &none] {
        merged(&mut object, &writer::patch(spec).unwrap());
        let read: MigrationProgressSpec = serde_json::from_value(object["spec"].clone()).unwrap();
        assert_eq!(&read, spec);
    }
}

fn waiting_for(node: Option<&str>) -> MigrationStatus {
    let obstacle = node.map_or(Obstacle::Earlier, |node| Obstacle::Node {
        node: node.to_owned(),
        under_way: 2,
    });
    let place = InLine { obstacle, before: 0 };
    MigrationStatus {
        waiting: Some(place.waiting(None, at(0))),
        ..MigrationStatus::default()
    }
}

/// Runs what never ends beside a move, until the test is over.
fn beside<F: Future<Output = ()>>(work: impl FnOnce() -> F + Send + 'static) {
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(work());
    });
}

/// A whole move is noted, in a thread that is lost if anything of it waits.
fn moves(all: &Arc<Progresses>) {
    let (tell, done) = mpsc::channel();
    let all = Arc::clone(all);
    thread::spawn(move || {
        for step in ["Stage", "Hold", "Checkpoint", "Transfer", "Restore", "Commit"] {
            let status = status(step, json!({}));
            for millis in 0..100 {
                all.note(&migration(), &status, &Observed::default(), at(millis));
                all.waits(
                    &migration(),
                    &status,
                    "the source works off 3 messages",
                    at(millis),
                );
            }
        }
        all.ended(&migration());
        tell.send(()).unwrap();
    });
    assert_eq!(done.recv_timeout(PATIENCE), Ok(()), "a move waits");
}

#[test]
fn no_move_waits_for_a_write_that_never_ends() {
    let all = Arc::new(noted(&status("Stage", json!({}))));
    let (tell, begun) = mpsc::channel();
    let written = Arc::clone(&all);
    beside(move || async move {
        writer::with(
            &written,
            || {},
            async |_, _| {
                tell.send(()).unwrap_or_default();
                std::future::pending().await
            },
        )
        .await;
    });
    begun.recv_timeout(PATIENCE).unwrap();
    moves(&all);
}

#[test]
fn no_move_waits_for_an_answer_that_never_comes() {
    let all = Arc::new(noted(&status("Transfer", json!({}))));
    let (tell, begun) = mpsc::channel();
    let asked = Arc::clone(&all);
    beside(move || async move {
        asking::each(
            LIVELY,
            || asked.archives(at(300)),
            async |_| {
                tell.send(()).unwrap_or_default();
                std::future::pending().await
            },
        )
        .await;
    });
    begun.recv_timeout(PATIENCE).unwrap();
    moves(&all);
}

#[test]
fn a_write_that_does_not_end_does_not_keep_others_from_being_written() {
    let all = Arc::new(noted(&status("Stage", json!({}))));
    let (tell, begun) = mpsc::channel();
    let written = Arc::clone(&all);
    beside(move || async move {
        writer::with(
            &written,
            || {},
            async |whose, _| {
                tell.send(whose.name).unwrap_or_default();
                std::future::pending().await
            },
        )
        .await;
    });
    begun.recv_timeout(PATIENCE).unwrap();
    let mut other = migration();
    other.metadata.uid = Some("another".to_owned());
    other.metadata.name = Some("another".to_owned());
    all.note(&other, &status("Stage", json!({})), &Observed::default(), at(0));
    let next: Vec<String> = (0..2).map(|_| begun.recv_timeout(PATIENCE).unwrap()).collect();
    assert!(next.contains(&"another".to_owned()), "{next:?}");
}
