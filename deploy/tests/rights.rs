//! Who may do what, by the manifests alone. A scenario asks a real API server the same.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail the test")]

use shadow_core::names::{AGENT_ACCOUNT, CONTROLLER_ACCOUNT, GROUP, WEBHOOK_ACCOUNT};
use shadow_deploy::rights::{ACCOUNTS, Holder, Place, Row, Thing, USERS, matrix, never};

fn thing(group: &str, resource: &str, place: Place, name: Option<&str>) -> Thing {
    Thing {
        group: group.to_owned(),
        resource: resource.to_owned(),
        place,
        name: name.map(str::to_owned),
    }
}

fn verbs(holders: &[Holder], holder: Holder, thing: &Thing) -> String {
    let rows = matrix(holders).unwrap();
    let row = rows.iter().find(|row| row.thing == *thing);
    let row: &Row = row.unwrap_or_else(|| panic!("no row of {thing} {:?}", thing.place));
    let place = holders.iter().position(|one| *one == holder).unwrap();
    let allowed: Vec<&str> = row.allowed[place].iter().map(String::as_str).collect();
    allowed.join(" ")
}

const CONTROLLER: Holder = Holder::Account(CONTROLLER_ACCOUNT);
const WEBHOOK: Holder = Holder::Account(WEBHOOK_ACCOUNT);
const AGENT: Holder = Holder::Account(AGENT_ACCOUNT);

#[test]
fn our_accounts_may_what_they_need() {
    let (everywhere, system, theirs) = (Place::Everywhere, Place::System, Place::Theirs);
    let pods = thing("", "pods", everywhere, None);
    let key = thing("", "secrets", system, Some("shadow-ca-key"));
    let any = thing("", "secrets", system, None);
    let broker = thing("", "secrets", theirs, Some("orders-broker"));
    let trust = thing("", "configmaps", system, Some("shadow-ca"));
    let checkpoint = thing("", "nodes/checkpoint", everywhere, None);
    for (holder, thing, allowed) in [
        (CONTROLLER, &pods, "create delete get list patch watch"),
        (WEBHOOK, &pods, "get list watch"),
        (AGENT, &pods, "get list watch"),
        (CONTROLLER, &key, "create get patch update"),
        (WEBHOOK, &key, ""),
        (AGENT, &key, ""),
        (CONTROLLER, &any, "create"),
        (CONTROLLER, &broker, "get"),
        (WEBHOOK, &broker, ""),
        (AGENT, &trust, "get list watch"),
        (AGENT, &checkpoint, "create"),
        (CONTROLLER, &checkpoint, ""),
    ] {
        assert_eq!(verbs(&ACCOUNTS, holder, thing), allowed, "{holder:?} {thing}");
    }
}

#[test]
fn users_may_what_their_role_says() {
    let moves = thing(GROUP, "statefulmigrations", Place::Theirs, None);
    let policies = thing(GROUP, "migrationpolicies", Place::Theirs, None);
    let pauses = thing(GROUP, "pauses", Place::Everywhere, None);
    let all = "create delete get list patch update watch";
    for (holder, thing, allowed) in [
        (Holder::Role("view"), &moves, "get list watch"),
        (Holder::Role("edit"), &moves, all),
        (Holder::Role("admin"), &moves, all),
        (Holder::Role("edit"), &policies, "get list watch"),
        (Holder::Role("admin"), &policies, all),
        (Holder::Anybody, &moves, ""),
        (Holder::Anybody, &pauses, "get list watch"),
        (Holder::Role("admin"), &pauses, "get list watch"),
        (Holder::ClusterRole("shadow-pause"), &pauses, all),
        (Holder::ClusterRole("shadow-pause"), &moves, ""),
    ] {
        assert_eq!(verbs(&USERS, holder, thing), allowed, "{holder:?} {thing}");
    }
}

#[test]
fn what_must_never_be_granted_is_not_granted() {
    for holders in [&ACCOUNTS[..], &USERS[..]] {
        for thing in never(holders) {
            for holder in holders {
                assert_eq!(verbs(holders, *holder, &thing), "", "{holder:?} {thing}");
            }
        }
    }
}

#[test]
fn a_thing_is_named_as_kubectl_names_it() {
    for (thing, name) in [
        (thing("", "pods", Place::Everywhere, None), "pods"),
        (thing("", "nodes/proxy", Place::Everywhere, None), "nodes/proxy"),
        (
            thing(GROUP, "statefulmigrations/status", Place::Theirs, None),
            "statefulmigrations.migration.ms2m.io/status",
        ),
        (thing("", "secrets", Place::System, Some("a")), "secrets a"),
    ] {
        assert_eq!(thing.to_string(), name);
    }
}
