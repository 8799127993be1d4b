//! Recordings: what is written is read again, and secrets are in none.

use jiff::{SignedDuration, Timestamp};
use kubectl_shadow::view::event::{Change, Kind, What};
use kubectl_shadow::view::recording::read::{file, text_of};
use kubectl_shadow::view::recording::write::Recorder;
use kubectl_shadow::view::recording::{FORMAT, Header, RecordingError, clean};
use kubectl_shadow::view::tee::Tee;
use proptest::prelude::*;
use serde_json::{Value, json};

const SECRET: &str = "s3cr3t-planted";

fn begin() -> Timestamp {
    Timestamp::from_second(1_700_000_000).unwrap()
}

fn written(changes: &[Change]) -> String {
    let header = Header::new(begin(), Some("shop".to_owned()), None);
    let mut recorder = Recorder::begin(Vec::new(), &header).unwrap();
    changes.iter().for_each(|change| recorder.note(change).unwrap());
    let end = changes.last().map_or(begin(), |change| change.at);
    String::from_utf8(recorder.end(end).unwrap()).unwrap()
}

fn change(millis: i64, id: &str, what: What) -> Change {
    Change {
        at: begin() + SignedDuration::from_millis(millis),
        kind: Kind::Migration,
        id: id.to_owned(),
        what,
    }
}

fn planted() -> Value {
    json!({
        "metadata": {"name": "m", "namespace": "shop", "managedFields": [{"manager": SECRET}],
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": format!("{{\"brokerUrl\":\"{SECRET}\"}}")}},
        "spec": {"sourcePod": "orders-0", "messageQueueConfig": {"brokerUrl": format!("amqp://u:{SECRET}@mq:5672")},
            "containers": [{"name": "c", "env": [{"name": "PASSWORD", "value": SECRET}]}]},
        "status": {"steps": [{"note": format!("connecting to amqps://user:{SECRET}@mq/shop failed")}],
            "conditions": [{"message": format!("http://{SECRET}@mq:15672, amqp://a:{SECRET}@b")}]},
    })
}

#[test]
fn a_planted_password_is_in_no_recording() {
    let mut later = planted();
    later["status"]["phase"] = json!("Completed");
    later["status"]["rollback"] = json!({"message": format!("amqp://x:{SECRET}@y")});
    let text = written(&[
        change(0, "shop/m", What::Set(planted())),
        change(9, "shop/m", What::Set(later)),
    ]);
    assert!(!text.contains(SECRET), "{text}");
    assert!(text.contains("amqps://REMOVED@mq/shop failed"), "{text}");
    assert!(
        text.lines()
            .next()
            .unwrap()
            .contains(r#""removed":["brokerUrl","managedFields","env"]"#)
    );
}

/// Of another program, or of an earlier version.
#[test]
fn a_planted_password_of_a_file_is_not_shown() {
    let line = json!({"t": 0.0, "k": "mig", "op": "set", "id": "shop/m", "o": planted()});
    let header = serde_json::to_string(&Header::new(begin(), None, None)).unwrap();
    let recording = text_of("f", &format!("{header}\n{line}\n{line}\n")).unwrap();
    assert!(!format!("{:?}", recording.changes).contains(SECRET));
}

#[test]
fn the_lines_are_as_documented() {
    let one = json!({"spec": {"sourcePod": "orders-0"}, "status": {"phase": "Pending"}});
    let two = json!({"spec": {"sourcePod": "orders-0"}, "status": {"phase": "Restoring"}});
    let text = written(&[
        change(0, "shop/m", What::Set(one)),
        change(1234, "shop/m", What::Set(two.clone())),
        change(1300, "shop/m", What::Set(two)),
        change(2000, "shop/m", What::Deleted),
        change(2100, "shop/m", What::Deleted),
    ]);
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0]["shadowRecording"], json!(FORMAT));
    assert_eq!(lines[1]["op"], json!("set"));
    assert_eq!(
        lines[2],
        json!({"t": 1.234, "k": "mig", "op": "patch", "id": "shop/m", "o": {"status": {"phase": "Restoring"}}})
    );
    assert_eq!(
        lines[3],
        json!({"t": 2.0, "k": "mig", "op": "del", "id": "shop/m"})
    );
    assert_eq!(lines[4], json!({"t": 2.1, "k": "end", "lines": 5}));
    assert_eq!(lines.len(), 5, "what does not change is not written");
}

#[test]
fn a_torn_last_line_is_tolerated_and_a_torn_middle_is_not() {
    let text = written(&[
        change(0, "a", What::Set(json!({"x": 1}))),
        change(5, "a", What::Set(json!({"x": 2}))),
    ]);
    let lines: Vec<&str> = text.lines().collect();
    for cut in [1, 10, lines[2].len() - 1] {
        let torn = format!("{}\n{}\n{}", lines[0], lines[1], &lines[2][..cut]);
        assert_eq!(text_of("f", &torn).unwrap().changes.len(), 1);
    }
    let middle = format!("{}\n{}\n{}\n", lines[0], &lines[1][..9], lines[2]);
    let error = text_of("f", &middle).unwrap_err().to_string();
    assert!(error.contains("f, line 2"), "{error}");
}

#[test]
fn unknown_kinds_are_passed_over_and_other_formats_refused() {
    let header = serde_json::to_string(&Header::new(begin(), None, None)).unwrap();
    let unknown = json!({"t": 1.0, "k": "weather", "op": "rain", "id": "x", "o": [1], "more": true});
    assert_eq!(
        text_of("f", &format!("{header}\n{unknown}\n{unknown}\n"))
            .unwrap()
            .changes,
        []
    );
    let other = text_of("f", "{\"shadowRecording\":2,\"plugin\":\"9.9\"}\n").unwrap_err();
    assert!(
        matches!(other, RecordingError::Format { format: 2, .. }),
        "{other}"
    );
    assert!(other.to_string().contains("9.9"));
    for text in ["", "hello\n", "{\"a\":1}\n", "\u{1b}[2J\n"] {
        assert!(
            matches!(text_of("f", text), Err(RecordingError::NoHeader { .. })),
            "{text}"
        );
    }
    let orphan = json!({"t": 1.0, "k": "mig", "op": "patch", "id": "x", "o": {}});
    assert!(text_of("f", &format!("{header}\n{orphan}\n{orphan}\n")).is_err());
    let never = json!({"t": 1e300, "k": "mig", "op": "del", "id": "x"});
    assert!(text_of("f", &format!("{header}\n{never}\n{never}\n")).is_err());
}

#[test]
fn a_recording_that_begins_late_begins_with_what_is_there_and_writes_over_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("r.ndjson");
    let mut tee = Tee::new(None);
    tee.note(&change(0, "a", What::Set(json!({"x": 1})))).unwrap();
    tee.note(&change(1, "b", What::Set(json!({"x": 1})))).unwrap();
    tee.note(&change(2, "b", What::Deleted)).unwrap();
    let at = begin() + SignedDuration::from_secs(10);
    tee.begin(&file, at).unwrap();
    tee.note(&change(11_000, "a", What::Set(json!({"x": 2}))))
        .unwrap();
    tee.end(at + SignedDuration::from_secs(2)).unwrap();
    let recording = text_of("f", &std::fs::read_to_string(&file).unwrap()).unwrap();
    let told: Vec<_> = recording
        .changes
        .iter()
        .map(|one| (one.at, one.what.clone()))
        .collect();
    assert_eq!(
        told,
        [
            (at, What::Set(json!({"x": 1}))),
            (at + SignedDuration::from_secs(1), What::Set(json!({"x": 2})))
        ]
    );
    assert!(recording.ended.is_some());
    assert!(tee.begin(&file, at).is_err(), "it is there already");
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,6}".prop_map(Value::from)
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-d]", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn any_change() -> impl Strategy<Value = (u32, usize, String, Option<Value>)> {
    let object = prop::collection::btree_map("[a-d]", any_value(), 0..4)
        .prop_map(|map| Value::Object(map.into_iter().collect()));
    (
        0u32..5_000,
        0..Kind::ALL.len(),
        "[ab]",
        prop::option::weighted(0.9, object),
    )
}

proptest! {
    /// What is known at the end of each moment is the same, whatever was left out because it says nothing.
    #[test]
    fn what_is_written_is_read_again(changes in prop::collection::vec(any_change(), 0..40)) {
        let mut at = begin();
        let changes: Vec<Change> = changes.into_iter().map(|(millis, kind, id, object)| {
            at += SignedDuration::from_millis(millis.into());
            let what = object.map_or(What::Deleted, |object| What::Set(clean::cleaned(object)));
            Change { at, kind: Kind::ALL[kind], id, what }
        }).collect();
        let read = text_of("f", &written(&changes)).unwrap().changes;
        prop_assert_eq!(said(&read), said(&changes));
    }
}

/// The changes without those that change nothing.
fn said(changes: &[Change]) -> Vec<(Timestamp, Kind, String, What)> {
    let mut known = std::collections::HashMap::new();
    let mut said = Vec::new();
    for change in changes {
        let before = known.insert((change.kind, change.id.clone()), change.what.clone());
        let is_new = match &before {
            Some(before) => *before != change.what,
            None => change.what != What::Deleted,
        };
        if is_new {
            said.push((change.at, change.kind, change.id.clone(), change.what.clone()));
        }
    }
    said
}

/// All that an invented recording holds, written by a tee into a file of this name.
fn written_by_a_tee(folder: &std::path::Path, name: &str, of: &str, redacted: bool) -> std::path::PathBuf {
    let recording = crate::fixture::recording(of);
    let file = folder.join(name);
    let mut tee = Tee::new(recording.header.namespace.clone()).redacted(redacted);
    let (there, later) = recording.changes.split_at(recording.changes.len() / 4);
    there.iter().for_each(|change| tee.note(change).unwrap());
    tee.begin(&file, recording.header.at).unwrap();
    later.iter().for_each(|change| tee.note(change).unwrap());
    tee.end(recording.changes.last().unwrap().at).unwrap();
    file
}

#[test]
fn a_redacted_recording_holds_no_name_and_shows_the_same_states() {
    let folder = tempfile::tempdir().unwrap();
    for of in ["all-states", "drain", "move", "undone"] {
        let plain = file(&written_by_a_tee(
            folder.path(),
            &format!("{of}-plain"),
            of,
            false,
        ))
        .unwrap();
        let path = written_by_a_tee(folder.path(), &format!("{of}-redacted"), of, true);
        let text = std::fs::read_to_string(&path).unwrap();
        let names = [
            "orders",
            "shop",
            "ledger",
            "thumbs",
            "mail-0",
            "invoices",
            "carts",
            "cilium",
            "report-xk2",
            "kube-system",
            "x7k2p-",
        ];
        let written: Vec<&str> = names.into_iter().filter(|name| text.contains(name)).collect();
        assert_eq!(written, Vec::<&str>::new(), "{of}: {text}");
        assert!(text.lines().next().unwrap().contains("\"names\""), "{of}");
        let redacted = file(&path).unwrap();
        assert_eq!(states(&redacted.changes), states(&plain.changes), "{of}");
        let again =
            std::fs::read_to_string(written_by_a_tee(folder.path(), &format!("{of}-again"), of, true));
        assert_eq!(again.unwrap(), text, "the same each time");
    }
}

/// Times, kinds, and what of each object is no name.
fn states(changes: &[Change]) -> Vec<(Timestamp, Kind, Option<Value>)> {
    let state = |change: &Change| match &change.what {
        What::Set(object) => object.pointer("/status/phase").or(object.get("state")).cloned(),
        What::Deleted => None,
    };
    changes.iter().map(|one| (one.at, one.kind, state(one))).collect()
}

#[test]
fn a_packed_recording_is_read_as_any_other_and_a_torn_one_up_to_there() {
    let folder = tempfile::tempdir().unwrap();
    let plain = written_by_a_tee(folder.path(), "plain.ndjson", "all-states", false);
    let packed = written_by_a_tee(folder.path(), "packed.ndjson.zst", "all-states", false);
    let sizes = [&plain, &packed].map(|path| std::fs::metadata(path).unwrap().len());
    assert!(sizes[1] * 4 < sizes[0], "{sizes:?}");
    let (plain, whole) = (file(&plain).unwrap(), file(&packed).unwrap());
    assert_eq!(whole.changes, plain.changes);
    let bytes = std::fs::read(&packed).unwrap();
    let torn = folder.path().join("torn.zst");
    std::fs::write(&torn, &bytes[..bytes.len() * 2 / 3]).unwrap();
    let torn = file(&torn).unwrap();
    let length = torn.changes.len();
    assert!(length > 10 && torn.ended.is_none(), "{length}");
    assert_eq!(torn.changes, plain.changes[..length]);
}

#[test]
fn the_recordings_that_come_with_the_sources_hold_a_move_an_undone_one_and_a_drain() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/recordings");
    for (name, holds, says) in [
        ("orders-move", Kind::Migration, "\"Completed\""),
        ("orders-undone", Kind::Migration, "exceeded quota"),
        ("orders-drain", Kind::Drain, "{\"move\":\"exact\"}"),
    ] {
        let recording = file(&folder.join(format!("{name}.ndjson"))).unwrap();
        assert!(!recording.header.invented, "{name}");
        assert!(
            recording.changes.iter().any(|change| change.kind == holds),
            "{name}"
        );
        let text = std::fs::read_to_string(folder.join(format!("{name}.ndjson"))).unwrap();
        assert!(text.contains(says), "{name} does not hold {says}");
    }
}
