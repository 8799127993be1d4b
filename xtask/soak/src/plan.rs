//! What is moved, how, and what goes wrong meanwhile: all of it decided by the seed and the number of the move.

use std::fmt;

use super::chance::Chance;
use super::fault::{Fault, Moment, Side};

/// So many moves in turn are of one application, deployed once.
pub(crate) const BLOCK: u32 = 10;
/// A move of a StatefulSet's pod that nothing disturbs takes about as long, ms.
const LIFE: u64 = 6_000;

/// What is moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Application {
    /// `orders-0`, two control messages.
    StatefulSet,
    Deployment,
    /// A pod without an owner.
    LonePod,
    /// A StatefulSet on a single-active queue, which knows nothing of us.
    Plain,
}

/// How it is moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    ShadowPod,
    Sequential,
    /// The source goes on with a copy of the stream (hold Exchange).
    Live,
}

impl Way {
    /// For the plugin.
    pub(crate) fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::ShadowPod => &[],
            Self::Sequential => &["--strategy", "sequential"],
            Self::Live => &["--live"],
        }
    }
}

/// An application as it is deployed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) application: Application,
    /// Arguments of its consumer.
    pub(crate) consumer: &'static [&'static str],
    /// Messages a second.
    pub(crate) rate: u32,
}

/// One move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Planned {
    /// From 1.
    pub(crate) index: u32,
    pub(crate) setting: Setting,
    pub(crate) way: Way,
    pub(crate) trouble: Option<(Fault, Moment)>,
}

impl Planned {
    /// Moves of one block share the deployment.
    pub(crate) fn block(&self) -> u32 {
        block(self.index)
    }

    /// It is judged by an oracle of its own: what the broker delivers again must not excuse another move.
    pub(crate) fn is_alone(&self) -> bool {
        self.trouble.is_some_and(|(fault, _)| fault.is_of_the_broker())
    }
}

fn block(index: u32) -> u32 {
    index.saturating_sub(1) / BLOCK
}

/// The move of this number.
pub(crate) fn planned(seed: u64, index: u32) -> Planned {
    let setting = setting(&mut Chance::of(seed, "application", block(index)));
    let mut chance = Chance::of(seed, "move", index);
    let way = way(setting.application, &mut chance);
    let disturbed = chance.one_of(&[(55, true), (45, false)]);
    let trouble = disturbed.then(|| (fault(&mut chance), moment(setting.application, way, &mut chance)));
    Planned {
        index,
        setting,
        way,
        trouble,
    }
}

/// How many of these moves, from the first on, one oracle judges.
pub(crate) fn under_one_oracle(moves: &[Planned]) -> usize {
    let Some(first) = moves.first() else {
        return 0;
    };
    if first.is_alone() {
        return 1;
    }
    let together = |one: &&Planned| one.block() == first.block() && !one.is_alone();
    moves.iter().take_while(together).count()
}

fn setting(chance: &mut Chance) -> Setting {
    let application = chance.one_of(&[
        (4, Application::StatefulSet),
        (2, Application::Deployment),
        (2, Application::LonePod),
        (2, Application::Plain),
    ]);
    let consumers: [(u32, &'static [&'static str]); 4] = [
        (3, &[]),
        (2, &["--held", "finish"]),
        (1, &["--work", "10ms"]),
        (1, &["--ballast-mb", "64"]),
    ];
    let consumer = chance.one_of(&consumers);
    Setting {
        application,
        consumer: match application {
            Application::StatefulSet | Application::Deployment | Application::LonePod => consumer,
            // It knows none of them.
            Application::Plain => &[],
        },
        rate: chance.one_of(&[(1, 20), (2, 50), (1, 80)]),
    }
}

fn way(application: Application, chance: &mut Chance) -> Way {
    match application {
        Application::StatefulSet => {
            chance.one_of(&[(2, Way::ShadowPod), (1, Way::Sequential), (1, Way::Live)])
        }
        Application::Deployment => chance.one_of(&[(1, Way::ShadowPod), (1, Way::Live)]),
        Application::LonePod => Way::ShadowPod,
        Application::Plain => chance.one_of(&[(2, Way::ShadowPod), (1, Way::Sequential)]),
    }
}

fn fault(chance: &mut Chance) -> Fault {
    let side = chance.one_of(&[(1, Side::Source), (1, Side::Target)]);
    let seconds = 3 + chance.below(4);
    chance.one_of(&[
        (8, Fault::AgentKilled(side)),
        (5, Fault::HelperKilled(side)),
        (6, Fault::ControllerKilled),
        (5, Fault::ControllerAskedToEnd),
        (4, Fault::ConnectionsCut),
        (3, Fault::BrokerKilled),
        (4, Fault::WebhookStopped(seconds)),
        (5, Fault::KubeletStopped(side, seconds)),
        // Longer, and the cluster's own leaders would fall.
        (5, Fault::ApiServerStopped(seconds.min(5))),
        (6, Fault::Cancelled),
        (4, Fault::Deleted),
    ])
}

fn moment(application: Application, way: Way, chance: &mut Chance) -> Moment {
    let at_a_step = chance.one_of(&[(1, true), (1, false)]);
    if !at_a_step {
        return Moment::After(chance.below(LIFE));
    }
    let step = chance.one_of(&[
        (1, "Stage"),
        (2, "Hold"),
        (2, "Checkpoint"),
        (1, "Transfer"),
        (2, "Restore"),
        (2, "Commit"),
        (1, "Release"),
        (1, "Retire"),
    ]);
    let two_handoffs = match application {
        Application::StatefulSet | Application::Plain => way != Way::Sequential,
        Application::Deployment | Application::LonePod => false,
    };
    let second = two_handoffs && chance.one_of(&[(1, true), (2, false)]);
    Moment::Step(step, if second { 2 } else { 1 })
}

impl fmt::Display for Application {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
