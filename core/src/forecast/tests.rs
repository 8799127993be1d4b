use k8s_openapi::jiff::Timestamp;
use serde_json::json;

use super::*;
use crate::api::StatefulMigration;

const SET: Way = Way {
    route: Route::Twice,
    hold: HoldKind::Park,
};

/// A finished move of this StatefulSet in which each step took so long.
fn finished(set: &str, bytes: u64, millis: impl Fn(u8, Step) -> u64) -> Finished {
    let mut now = 0_i64;
    let at = |millis: i64| Timestamp::from_millisecond(millis).unwrap().to_string();
    let steps: Vec<_> = SET
        .steps()
        .map(|(leg, step)| {
            let begun = now;
            now += i64::try_from(millis(leg, step)).unwrap();
            json!({"step": step, "leg": leg, "started": at(begun), "finished": at(now)})
        })
        .collect();
    let leg = |n: u8| {
        json!({"number": n, "attempt": 0, "key": format!("11111111-1111-1111-1111-111111111111-{n}-0"),
            "from": {"pod": "a", "node": "node-a"}, "to": {"pod": "b", "node": "node-b"},
            "checkpoint": {"bytes": bytes, "frozenMicros": 80_000, "totalMicros": 90_000, "digest": "0"}})
    };
    let object = json!({
        "apiVersion": "migration.ms2m.io/v1alpha1", "kind": "StatefulMigration", "metadata": {"name": "m"},
        "spec": {"sourcePod": "orders-0"},
        "status": {"phase": "Completed", "steps": steps, "legs": [leg(1), leg(2)],
            "plan": {"strategy": "ShadowPod", "because": "", "container": "c", "sourceNode": "node-a",
                "targetNode": "node-b", "checkpointBackend": "Runtime",
                "owner": {"kind": "StatefulSet", "name": set, "uid": "u"},
                "source": {"namespace": "shop", "name": "orders-0", "uid": "source"},
                "queue": {"queue": "orders", "quorum": false}}},
    });
    let migration: StatefulMigration = serde_json::from_value(object).unwrap();
    Finished::of(&migration).unwrap()
}

fn application(set: &str) -> String {
    format!("shop/statefulset/{set}/c")
}

#[test]
fn every_step_of_every_way_was_measured_or_has_a_stand_in() {
    for route in [Route::Twice, Route::Once, Route::Adopted, Route::InPlace] {
        for hold in [HoldKind::Park, HoldKind::SingleActive, HoldKind::Exchange] {
            let way = Way { route, hold };
            let forecast = of(way, "any", 1 << 20, &[]);
            assert_eq!(forecast.basis, Basis::Measurements);
            assert_eq!(forecast.steps.len(), way.steps().count());
            let (total, pause) = (forecast.total(), forecast.pause());
            assert!((500..30_000).contains(&total), "{way:?}: {total} ms");
            assert!(pause > 100 && pause < total, "{way:?}: {pause} of {total} ms");
        }
    }
}

#[test]
fn two_moves_of_the_application_count_more_than_any_others() {
    let hold = |millis: u64| move |_: u8, step: Step| if step == Step::Hold { millis } else { 10 };
    let others = finished("carts", 1 << 20, hold(9_000));
    let once = finished("orders", 1 << 20, hold(1_000));
    let again = finished("orders", 1 << 20, hold(3_000));
    let expected = |past: &[Finished]| {
        let forecast = of(SET, &application("orders"), 1 << 20, past);
        (forecast.basis, forecast.step(1, Step::Hold).unwrap())
    };
    assert_eq!(
        expected(std::slice::from_ref(&others)),
        (Basis::Cluster(1), 9_000)
    );
    assert_eq!(
        expected(&[others.clone(), once.clone()]),
        (Basis::Cluster(2), 5_000)
    );
    assert_eq!(expected(&[others, once, again]), (Basis::Application(2), 2_000));
}

#[test]
fn more_memory_takes_longer_by_what_was_measured() {
    let past = [1, 2].map(|_| finished("orders", 1 << 20, |_, _| 100));
    let of_bytes = |bytes| of(SET, &application("orders"), bytes, &past);
    let (small, large) = (of_bytes(1 << 20), of_bytes(500 << 20));
    assert_eq!(small.step(1, Step::Transfer), Some(100));
    assert!(large.step(1, Step::Transfer).unwrap() > 1_000, "{large:?}");
    assert_eq!(small.step(1, Step::Stage), large.step(1, Step::Stage));
}

#[test]
fn a_pause_lasts_from_the_hold_to_the_release_and_the_rest_from_a_step_on() {
    let past = [1, 2].map(|_| finished("orders", 1 << 20, |_, _| 100));
    let forecast = of(SET, &application("orders"), 1 << 20, &past);
    // Hold, Checkpoint, Transfer, Restore, Commit, Exclude, Release; the second handoff has no Exclude.
    assert_eq!((forecast.pause_of(1), forecast.pause_of(2)), (700, 600));
    assert_eq!(forecast.pause(), 700);
    assert_eq!(forecast.total(), 2_100);
    assert_eq!(forecast.from(2, Step::Retire), 200);
}

#[test]
fn a_move_with_a_second_attempt_tells_nothing_of_the_next_one() {
    let mut migration = StatefulMigration::new("m", crate::api::StatefulMigrationSpec::default());
    assert_eq!(Finished::of(&migration), None);
    migration.status = Some(crate::api::MigrationStatus::default());
    assert_eq!(Finished::of(&migration), None);
}

/// An application that is helped by a fence was asked to wait before that, and waits again after it.
#[test]
fn a_fence_that_helped_is_a_part_of_the_hold() {
    let mut helped = finished("orders", 1 << 20, |_, _| 100);
    let record = |step: Step, from: i64, to: i64| {
        let at = |millis: i64| Timestamp::from_millisecond(millis).unwrap().to_string();
        json!({"step": step, "leg": 1, "started": at(from), "finished": at(to)})
    };
    let status = serde_json::from_value(
        json!({"steps": [record(Step::Stage, 0, 50), record(Step::Hold, 50, 150),
        record(Step::Fence, 150, 2_150), record(Step::Hold, 2_150, 2_200)]}),
    );
    helped.steps = super::finished::steps(&status.unwrap(), SET);
    assert_eq!(helped.took(1, Step::Hold), Some(2_150));
    assert_eq!(
        (helped.took(1, Step::Fence), helped.took(1, Step::Stage)),
        (None, Some(50))
    );
    let live = Way {
        route: Route::Once,
        hold: HoldKind::Exchange,
    };
    let status =
        serde_json::from_value(json!({"steps": [record(Step::Fence, 0, 500), record(Step::Hold, 500, 600)]}));
    helped.steps = super::finished::steps(&status.unwrap(), live);
    assert_eq!(
        (helped.took(1, Step::Fence), helped.took(1, Step::Hold)),
        (Some(500), Some(100))
    );
}

/// The source goes on between its dump and the commit: the longer one of two holds counts.
#[test]
fn a_live_move_pauses_until_its_source_goes_on_and_after_its_commit() {
    let live = Way {
        route: Route::Once,
        hold: HoldKind::Exchange,
    };
    let steps = live.steps().map(|(handoff, step)| Expected {
        handoff,
        step,
        millis: if step == Step::Transfer { 60_000 } else { 100 },
    });
    let mut forecast = Forecast {
        steps: steps.collect(),
        basis: Basis::Cluster(1),
    };
    // Hold, Checkpoint, Follow; Commit, Exclude, Release.
    assert_eq!((forecast.pause(), forecast.after_commit(1)), (300, 300));
    for one in forecast.steps.iter_mut().filter(|one| one.step == Step::Release) {
        one.millis = 5_000;
    }
    assert_eq!(forecast.pause(), 5_200);
}
