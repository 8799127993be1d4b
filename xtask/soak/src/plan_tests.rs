use std::collections::{BTreeMap, BTreeSet};

use super::*;

const MOVES: u32 = 1_000;

fn all(seed: u64) -> Vec<Planned> {
    (1..=MOVES).map(|index| planned(seed, index)).collect()
}

fn share(part: usize) -> f64 {
    part as f64 / f64::from(MOVES)
}

#[test]
fn the_same_seed_and_number_are_the_same_move() {
    assert_eq!(all(7), all(7));
    // In whichever order they are asked for.
    let backwards: Vec<Planned> = (1..=MOVES).rev().map(|index| planned(7, index)).collect();
    assert!(backwards.iter().rev().eq(all(7).iter()));
}

#[test]
fn another_seed_is_another_plan() {
    let (one, other) = (all(1), all(2));
    let same = one
        .iter()
        .zip(&other)
        .filter(|(a, b)| a.trouble == b.trouble && a.way == b.way)
        .count();
    assert!(same < 400, "{same} of {MOVES} are the same");
}

#[test]
fn the_plan_of_seed_1_stays_what_it_is() {
    // Rows of an earlier stretch count: a plan that changes makes them rows of another plan.
    let told: Vec<String> = (1..=3)
        .map(|index| {
            let one = planned(1, index);
            let trouble = one.trouble.map(|(fault, moment)| format!("{fault} {moment}"));
            format!(
                "{} {} {} {trouble:?}",
                one.setting.application, one.way, one.setting.rate
            )
        })
        .collect();
    assert_eq!(told, SEED_1);
    let whole = all(1).iter().fold(0_u64, |sum, one| {
        let text = format!("{one:?}");
        text.bytes()
            .fold(sum, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()))
    });
    assert_eq!(whole, WHOLE_OF_SEED_1);
}

const WHOLE_OF_SEED_1: u64 = 2_957_340_117_661_255_967;
const SEED_1: [&str; 3] = [
    "Plain ShadowPod 50 Some(\"cancelled in Hold 1\")",
    "Plain ShadowPod 50 Some(\"broker killed after 4142 ms\")",
    "Plain ShadowPod 50 Some(\"API server stopped for 3 s in Hold 1\")",
];

#[test]
fn in_a_thousand_moves_every_fault_occurs_on_every_side() {
    for seed in 1..=5 {
        let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
        let mut sides = BTreeSet::new();
        for one in all(seed) {
            if let Some((fault, _)) = one.trouble {
                *kinds.entry(fault.kind()).or_default() += 1;
                match fault {
                    Fault::AgentKilled(side) => sides.insert(("agent", side)),
                    Fault::HelperKilled(side) => sides.insert(("helper", side)),
                    Fault::KubeletStopped(side, _) => sides.insert(("kubelet", side)),
                    Fault::ControllerKilled
                    | Fault::ControllerAskedToEnd
                    | Fault::ConnectionsCut
                    | Fault::BrokerKilled
                    | Fault::WebhookStopped(_)
                    | Fault::ApiServerStopped(_)
                    | Fault::Cancelled
                    | Fault::Deleted => false,
                };
            }
        }
        assert_eq!(kinds.len(), 11, "{kinds:?}");
        assert!(kinds.values().all(|number| *number >= 10), "{kinds:?}");
        assert_eq!(sides.len(), 6, "{sides:?}");
    }
}

#[test]
fn about_half_of_the_moves_are_disturbed_half_of_them_at_a_step() {
    let all = all(1);
    let moments: Vec<Moment> = all.iter().filter_map(|one| Some(one.trouble?.1)).collect();
    let disturbed = share(moments.len());
    assert!((0.50..0.60).contains(&disturbed), "{disturbed}");
    let at_a_step = moments
        .iter()
        .filter(|moment| matches!(moment, Moment::Step(..)))
        .count();
    let at_a_step = at_a_step as f64 / moments.len() as f64;
    assert!((0.43..0.57).contains(&at_a_step), "{at_a_step}");
}

#[test]
fn every_application_goes_every_way_that_it_can() {
    let all = all(1);
    let ways: BTreeSet<_> = all.iter().map(|one| (one.setting.application, one.way)).collect();
    assert_eq!(ways.len(), 8, "{ways:?}");
    assert!(!ways.contains(&(Application::LonePod, Way::Live)), "{ways:?}");
    let of = |application| {
        share(
            all.iter()
                .filter(|one| one.setting.application == application)
                .count(),
        )
    };
    assert!((0.25..0.55).contains(&of(Application::StatefulSet)));
    for application in [Application::Deployment, Application::LonePod, Application::Plain] {
        assert!((0.08..0.35).contains(&of(application)), "{application}");
    }
}

#[test]
fn one_handoff_has_no_second_one_to_be_disturbed() {
    for one in all(3) {
        let Some((_, Moment::Step(_, 2))) = one.trouble else {
            continue;
        };
        let application = one.setting.application;
        assert!(matches!(
            application,
            Application::StatefulSet | Application::Plain
        ));
        assert_ne!(one.way, Way::Sequential);
    }
}

#[test]
fn what_shares_an_oracle_is_of_one_block_and_has_its_broker_left_alone() {
    let all = all(1);
    let mut rest = &all[..];
    let mut groups = 0;
    while !rest.is_empty() {
        let (group, later) = rest.split_at(under_one_oracle(rest));
        assert!((1..=BLOCK as usize).contains(&group.len()));
        assert!(group.len() == 1 || group.iter().all(|one| !one.is_alone()));
        assert!(group.iter().all(|one| one.setting == group[0].setting));
        rest = later;
        groups += 1;
    }
    assert!((100..350).contains(&groups), "{groups}");
}
