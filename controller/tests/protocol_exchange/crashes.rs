//! The controller dies after every single change inside every verb, and the next one goes on from what stands.
//!
//! Each run adopts, fences, flips back and gives back under load. Nobody consumes, so that what lies in the queues at
//! the end shows where each message went: old ones in the primary queue, those of the fence in the backlog, new ones in
//! the primary queue again, each publisher's in one piece.

use shadow_controller::broker::Broker;
use shadow_controller::broker::port::{Goal, Port, PortState};
use tokio::task::JoinSet;

use super::feeding::Feeding;
use super::ledger::{contents, of};
use super::load::Load;
use super::scene::{Scene, address, until};

const PUBLISHERS: u32 = 3;
/// Messages a second.
const RATE: u32 = 450;
/// Messages that pass in each phase.
const SOME: u64 = 60;
/// More changes than any verb makes with these bindings.
const MOST: usize = 12;
/// Runs at the same time.
const AT_ONCE: usize = 4;

const ORDER: [Goal; 4] = [Goal::Adopt, Goal::Fence, Goal::FlipBack, Goal::GiveBack];

/// Makes `changes` changes towards the goal, dies, and is replaced. Returns false when there were fewer.
async fn reach_with_a_crash(port: &Port, goal: Goal, changes: usize) -> bool {
    let doomed = Broker::connect(&address(), &crate::guard::here()).await.unwrap();
    let mut made = 0;
    while made < changes && doomed.port_step(port, goal).await.unwrap().is_some() {
        made += 1;
    }
    drop(doomed);
    let next = Broker::connect(&address(), &crate::guard::here()).await.unwrap();
    reach(&next, port, goal).await;
    made == changes
}

async fn reach(broker: &Broker, port: &Port, goal: Goal) {
    match goal {
        Goal::Adopt => broker.adopt(port).await.unwrap(),
        Goal::Fence => assert_eq!(broker.fence(port).await.unwrap().strays, []),
        Goal::FlipBack => assert_eq!(broker.flip_back(port).await.unwrap().strays, []),
        Goal::GiveBack => broker.give_back(port).await.unwrap(),
    }
    let state = broker.port_state(port).await.unwrap();
    let wanted = match goal {
        Goal::Adopt | Goal::FlipBack => PortState::Adopted,
        Goal::Fence => PortState::Fenced,
        Goal::GiveBack => PortState::NotAdopted,
    };
    assert_eq!(state, wanted, "after {goal:?}");
}

async fn grows(scene: &Scene, queue: &str) {
    let (before, _) = scene.counts(queue).await;
    until(&format!("{queue} gets messages"), || async {
        (scene.counts(queue).await.0 >= before + SOME).then_some(())
    })
    .await;
}

/// One run; the crash comes after `changes` changes inside the verb of `goal`. Returns whether there were so many.
async fn run(goal: Goal, changes: usize) -> bool {
    let scene = Scene::classic().await;
    let feeding = Feeding::topic(&scene);
    let (primary, backlog) = (scene.primary(), format!("ms2m.backlog.{}", scene.tag));
    feeding.declare(&primary).await;
    let port = Port::of(&primary);
    scene
        .broker
        .declare_branch(&backlog, &scene.facts().await)
        .await
        .unwrap();
    let load = Load::start(&feeding, PUBLISHERS, 0, RATE);
    grows(&scene, &primary).await;
    let mut crashed = false;
    for verb in ORDER {
        if verb == Goal::GiveBack {
            scene.broker.unbranch(&port, &backlog).await.unwrap();
        }
        if verb == goal {
            crashed = reach_with_a_crash(&port, verb, changes).await;
        } else {
            reach(&scene.broker, &port, verb).await;
        }
        let fenced = verb == Goal::Fence;
        grows(&scene, if fenced { &backlog } else { &primary }).await;
        if verb == Goal::Adopt {
            scene.broker.branch(&port, &backlog).await.unwrap();
        }
    }
    let sent = load.stop().await;
    let (own, behind) = (contents(&scene, &primary).await, contents(&scene, &backlog).await);
    for (publisher, count) in (0..).zip(sent) {
        let (own, behind) = (of(publisher, &own), of(publisher, &behind));
        let first = behind.first().copied().expect("messages came during the fence");
        let (old, new) = own.split_at(own.partition_point(|seq| *seq < first));
        let handed: Vec<u64> = [old, behind.as_slice(), new].concat();
        let wanted: Vec<u64> = (0..count).collect();
        assert_eq!(
            handed, wanted,
            "publisher {publisher}, {goal:?} after {changes} changes"
        );
    }
    crashed
}

/// Crashes after 0, 1, 2, … changes, until the verb makes no more.
async fn survives_a_crash_anywhere(goal: Goal, at_least: usize) {
    let mut reached = 0;
    for first in (0..MOST).step_by(AT_ONCE) {
        let mut runs = JoinSet::new();
        for changes in first..(first + AT_ONCE).min(MOST) {
            runs.spawn(async move { (changes, run(goal, changes).await) });
        }
        let mut ended = false;
        while let Some(done) = runs.join_next().await {
            let (changes, was_there) = done.unwrap();
            if was_there {
                reached = reached.max(changes);
            } else {
                ended = true;
            }
        }
        if ended {
            break;
        }
    }
    assert!(
        reached >= at_least && reached < MOST - 1,
        "{goal:?} was interrupted after at most {reached} changes"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn adopting_survives_a_crash_after_every_change() {
    // Two exchanges, port to queue, three bindings in and three out.
    survives_a_crash_anywhere(Goal::Adopt, 9).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fencing_survives_a_crash_after_every_change() {
    survives_a_crash_anywhere(Goal::Fence, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flipping_back_survives_a_crash_after_every_change() {
    survives_a_crash_anywhere(Goal::FlipBack, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn giving_back_survives_a_crash_after_every_change() {
    survives_a_crash_anywhere(Goal::GiveBack, 9).await;
}
