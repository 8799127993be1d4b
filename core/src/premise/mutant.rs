//! Faults for the tests, which show that the tests find them: one premise, or one piece of evidence, is taken for seen whatever
//! was seen. `cargo xtask test --only premises --mutate` puts in one after the other.

use super::judge::judge_by;
use super::world::{Control, Process};
use super::{ALL, Judgement, Known, Source, Weight, World};
use crate::api::SourceImage;

/// Names the fault that is put in.
const VARIABLE: &str = "SHADOW_TAKE_FOR_SEEN";

/// A piece of evidence that is missing is taken for what a world without a fault would show.
type Put = fn(&mut World);

const PIECES: [(&str, Put); 6] = [
    ("the queue's consumers", |world| {
        if world.consumers.is_empty() {
            let own = seen(&world.process).map(|process| process.consumers.clone());
            world.consumers = own.unwrap_or_default();
            world.consumers.retain(|one| one.queue == world.queue.name);
        }
    }),
    ("the pod's connections", |world| {
        let own = Process {
            ports: seen(&world.sockets)
                .map(|sockets| sockets.iter().map(|socket| socket.local).collect())
                .unwrap_or_default(),
            consumers: world.consumers.clone(),
            ..Process::default()
        };
        fill(&mut world.process, own);
    }),
    ("the pod's sockets", |world| fill(&mut world.sockets, Vec::new())),
    ("the policies", |world| fill(&mut world.queue.policy, [].into())),
    ("the readers of the control queue", |world| {
        let readers = Control {
            consumers: world.consumers.clone(),
            looks: 0.0,
        };
        fill(&mut world.control, readers);
    }),
    ("the image", |world| {
        let pinned = SourceImage {
            pinned: Some("pinned".to_owned()),
            ..SourceImage::default()
        };
        fill(&mut world.image, pinned);
    }),
];

fn seen<T>(known: &Known<T>) -> Option<&T> {
    match known {
        Known::Seen(seen) => Some(seen),
        Known::NotKnown { .. } => None,
    }
}

fn fill<T>(known: &mut Known<T>, with: T) {
    if let Known::NotKnown { .. } = known {
        *known = Known::Seen(with);
    }
}

fn names() -> impl Iterator<Item = String> {
    let premises = ALL.iter().map(|premise| format!("{premise:?}"));
    premises.chain(PIECES.iter().map(|(name, _)| (*name).to_owned()))
}

/// Weighs with the fault that was asked for; `None`: none was.
pub(super) fn judge(world: &World) -> Option<Judgement> {
    let fault = std::env::var(VARIABLE).ok()?;
    assert!(names().any(|name| name == fault), "there is no fault {fault:?}");
    let mut world = world.clone();
    if let Some((_, put)) = PIECES.iter().find(|(name, _)| *name == fault) {
        put(&mut world);
    }
    Some(judge_by(|premise| {
        let weight = premise.weigh(&world)?;
        Some(if format!("{premise:?}") == fault {
            taken()
        } else {
            weight
        })
    }))
}

/// What a premise weighs that is taken for seen.
pub(super) fn taken() -> Weight {
    Weight::Seen {
        by: Source::Broker,
        what: "taken for seen".to_owned(),
    }
}

/// The command reads the names from here.
#[test]
fn faults_are_listed() {
    for name in names() {
        println!("fault: {name}");
    }
    let different: std::collections::BTreeSet<String> = names().collect();
    assert_eq!(different.len(), ALL.len() + PIECES.len());
}
