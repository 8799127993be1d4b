//! Something that a move needs is gone for good, from most rounds of every move on.

use k8s_openapi::jiff::Timestamp;
use shadow_core::api::{HoldKind, MigrationStatus};
use shadow_core::gone::{Need, Sign, WorldSeen, follow};
use shadow_core::machine::{Action, Observed, QueueSeen};
use shadow_core::names;

use crate::drive::{Ended, Script, drive, in_turn};
use crate::mover::ALL;
use crate::world::{Part, SHADOW, World};

/// What is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// And all that is in it.
    Namespace,
    Secret,
    Role,
    Queue,
}

impl Lost {
    const ALL: [Self; 4] = [Self::Namespace, Self::Secret, Self::Role, Self::Queue];

    /// Without Secret or Role nobody speaks to the broker.
    pub(crate) fn hide(self, mut seen: Observed, status: &MigrationStatus) -> Observed {
        match self {
            // The link is a task of this process.
            Self::Namespace | Self::Secret | Self::Role => {
                let link = seen.link.clone();
                seen = Part::Broker.hide(seen, status);
                seen.link = link;
                seen
            }
            Self::Queue => {
                if seen.primary != QueueSeen::Unseen {
                    seen.primary = QueueSeen::Absent;
                }
                seen
            }
        }
    }

    pub(crate) fn prevents(self, action: &Action) -> bool {
        match self {
            Self::Namespace | Self::Secret | Self::Role => {
                // Our consumer lets go of its queue by its own connection.
                *action != Action::DetachLink && Part::Broker.is_needed_for(action)
            }
            Self::Queue => matches!(action, Action::Park { .. } | Action::AttachLink { .. }),
        }
    }

    fn need(self) -> Need {
        match self {
            Self::Namespace => Need::Namespace("default".into()),
            Self::Secret => Need::Secret("broker".into()),
            Self::Role => Need::Role("shadow-broker-broker".into()),
            Self::Queue => Need::Queue("orders.orders-0".into()),
        }
    }
}

/// What a look shows without what is lost; the controller keeps since when that is absent.
pub(crate) fn hides(
    lost: Option<Lost>,
    world: &mut World,
    all: Observed,
    status: &MigrationStatus,
    now: Timestamp,
) -> Observed {
    let sign = lost.map_or(Sign::There, |lost| Sign::Absent(lost.need()));
    world.absent = follow(world.absent.take(), sign, now);
    let Some(lost) = lost else { return all };
    let mut seen = lost.hide(all, status);
    let absent = world.absent.clone();
    seen.world = if lost == Lost::Namespace {
        WorldSeen {
            leaving: absent.map(|absence| ("default".to_owned(), absence.since)),
            absent: None,
        }
    } else {
        WorldSeen {
            leaving: None,
            absent,
        }
    };
    seen
}

/// Whatever is left of ours is told by name; of rules, keys and holds nothing is.
pub(crate) fn check_left(world: &World, status: &MigrationStatus) {
    let told = status.left.as_ref().unwrap();
    for left in world.leftovers() {
        let all = [&told.queues, &told.exchanges, &told.pods];
        // The world has one name for both exchanges of a port and their queues.
        let is_port = left == "port" && told.exchanges.len() == 2 && !told.queues.is_empty();
        let is_told = is_port || all.iter().any(|names| names.contains(&left));
        let goes = world.pods.get(&left).is_some_and(|pod| pod.goes());
        // Of a single-active queue no word is sent to the copy: its control queue is what the application declared by itself.
        let plan = status.plan.as_ref().unwrap();
        let is_its = plan.queue.hold == HoldKind::SingleActive && left == names::control_queue(SHADOW);
        assert!(
            is_told || goes || is_its,
            "{left} is left, and not told: {told:?}"
        );
    }
    assert!(!world.rule, "the rule is left");
    let verdict = status.verdict.as_ref().unwrap();
    assert!(!verdict.exact && verdict.because.contains("so the move ended where it was"));
}

#[test]
fn whatever_is_gone_for_good_the_move_ends_and_names_what_it_left() {
    for mover in ALL {
        for lost in Lost::ALL {
            let mut told = 0;
            for round in (0..60).step_by(7) {
                let script = Script {
                    mover,
                    gone: Some((lost, round)),
                    person: true,
                    ..in_turn()
                };
                let case = format!("{mover:?} without {lost:?} from round {round}");
                let ended = std::panic::catch_unwind(|| drive(&script));
                let Ok(Ended {
                    world,
                    status,
                    rounds,
                    ..
                }) = ended
                else {
                    panic!("{case}: see above");
                };
                let readers = world.consumers(None);
                assert!(readers <= 1, "{case}: {readers} consumers, {:?}", world.pods);
                assert!(
                    lost != Lost::Namespace || rounds <= round + 150,
                    "{case}: its namespace was kept for {} rounds of 200 ms",
                    rounds - round
                );
                told += usize::from(status.left.is_some());
            }
            // A move can end by itself without its queue.
            assert!(
                lost == Lost::Queue || told > 0,
                "{mover:?}: nothing ended without {lost:?}"
            );
        }
    }
}

/// The world is not gone as long as somebody may come back with it: the same moves, for as long, with a broker that refuses.
#[test]
fn a_broker_that_refuses_for_ten_minutes_ends_no_move() {
    for mover in ALL {
        let script = Script {
            mover,
            silent: Some((Part::Broker, 12, 3_000)),
            ..in_turn()
        };
        assert!(drive(&script).status.left.is_none(), "{mover:?}");
    }
}
