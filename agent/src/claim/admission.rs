//! The rules of a claim, as pure functions of a key's state.

use shadow_core::wire::Announcement;

use super::{ClaimRequest, RestoreOutcome};
use crate::keys::KeyState;
use crate::keys::state::{ClaimRecord, Claimant};

/// What a claim gets, as far as the key's state can tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Wait: the archive is not here yet, or the key is not announced yet.
    Wait,
    /// Restore now.
    Restore,
    /// The container was restored before, or the key is not known: only the migration can tell whether it is over.
    AskMigration,
    /// No.
    Refuse(String),
}

/// Decides on a claim and records the claimant. `connection` is the one that asks.
pub fn admit(state: &mut KeyState, ask: &ClaimRequest, connection: u64) -> Admission {
    let Some(announcement) = &state.announcement else {
        return Admission::AskMigration;
    };
    if let Some(why) = difference(announcement, ask) {
        return Admission::Refuse(why);
    }
    if let Some(reason) = &state.aborted {
        return Admission::Refuse(format!("the migration was cancelled: {reason}"));
    }
    match &state.claim {
        ClaimRecord::Restored { .. } => return Admission::AskMigration,
        ClaimRecord::Failed { reason, .. } => {
            return Admission::Refuse(format!("the restore failed before: {reason}"));
        }
        ClaimRecord::Waiting(other) | ClaimRecord::Taken(other) => {
            let asks_again = other.connection == Some(connection);
            if !asks_again && other.connection.is_some() {
                let id = &other.container_id;
                return Admission::Refuse(format!("container {id} has this restore key; try again"));
            }
            if matches!(state.claim, ClaimRecord::Taken(_)) && other.pod_uid != ask.pod_uid {
                let uid = &other.pod_uid;
                return Admission::Refuse(format!("the archive was given to another pod ({uid})"));
            }
        }
        ClaimRecord::Free => {}
    }
    let claimant = Claimant {
        pod_uid: ask.pod_uid.clone(),
        container_id: ask.container_id.clone(),
        connection: Some(connection),
    };
    if state.fetched.is_some() {
        state.claim = ClaimRecord::Taken(claimant);
        Admission::Restore
    } else {
        state.claim = ClaimRecord::Waiting(claimant);
        Admission::Wait
    }
}

/// The connection is gone. Who only waited frees the key; who was handed the archive keeps it for its own retry.
pub fn hang_up(state: &mut KeyState, connection: u64) {
    match &mut state.claim {
        ClaimRecord::Waiting(claimant) if claimant.connection == Some(connection) => {
            state.claim = ClaimRecord::Free;
        }
        ClaimRecord::Taken(claimant) if claimant.connection == Some(connection) => {
            claimant.connection = None;
        }
        ClaimRecord::Free
        | ClaimRecord::Waiting(_)
        | ClaimRecord::Taken(_)
        | ClaimRecord::Restored { .. }
        | ClaimRecord::Failed { .. } => {}
    }
}

/// Records the end of a restore. An error means that the container may not run.
pub fn conclude(state: &mut KeyState, outcome: &RestoreOutcome) -> Result<(), String> {
    match &state.claim {
        ClaimRecord::Taken(claimant) if claimant.container_id == outcome.container_id => {
            let claimant = claimant.clone();
            state.claim = if outcome.ok {
                ClaimRecord::Restored {
                    claimant,
                    micros: outcome.micros,
                }
            } else {
                ClaimRecord::Failed {
                    claimant,
                    reason: outcome.message.clone(),
                }
            };
            Ok(())
        }
        ClaimRecord::Restored { claimant, .. }
            if claimant.container_id == outcome.container_id && outcome.ok =>
        {
            Ok(())
        }
        ClaimRecord::Free
        | ClaimRecord::Waiting(_)
        | ClaimRecord::Taken(_)
        | ClaimRecord::Restored { .. }
        | ClaimRecord::Failed { .. } => Err(format!(
            "container {} does not hold restore key {}",
            outcome.container_id, outcome.key
        )),
    }
}

fn difference(announced: &Announcement, ask: &ClaimRequest) -> Option<String> {
    let pairs = [
        ("namespace", &announced.namespace, &ask.namespace),
        ("pod", &announced.pod, &ask.pod),
        ("container", &announced.container, &ask.container),
        ("migration", &announced.migration, &ask.migration),
    ];
    let (what, announced, asked) = pairs
        .into_iter()
        .find(|(_, announced, asked)| announced != asked)?;
    Some(format!(
        "{what} {announced:?} was announced for this restore key, not {asked:?}"
    ))
}

#[cfg(test)]
mod tests {
    use shadow_core::names::Key;
    use shadow_core::wire::Transferred;

    use super::*;
    use crate::keys::state::Fetched;

    fn ask(uid: &str, container: &str) -> ClaimRequest {
        ClaimRequest {
            version: 1,
            key: Key::parse("k-1-0").unwrap(),
            migration: "m".into(),
            namespace: "default".into(),
            pod: "orders-0".into(),
            pod_uid: uid.into(),
            container: "app".into(),
            container_id: container.into(),
        }
    }

    fn announced() -> KeyState {
        let announcement = Announcement {
            namespace: "default".into(),
            migration: "m".into(),
            pod: "orders-0".into(),
            container: "app".into(),
        };
        KeyState {
            announcement: Some(announcement),
            ..KeyState::default()
        }
    }

    fn arrived(mut state: KeyState) -> KeyState {
        let transferred = Transferred {
            wire_bytes: 1,
            total_micros: 1,
        };
        state.fetched = Some(Fetched {
            digest: "d".into(),
            transferred,
        });
        state
    }

    fn outcome(container: &str, ok: bool) -> RestoreOutcome {
        let key = Key::parse("k-1-0").unwrap();
        RestoreOutcome {
            key,
            container_id: container.into(),
            ok,
            message: "why".into(),
            micros: 7,
        }
    }

    #[test]
    fn a_claim_waits_and_is_answered_when_the_archive_is_there() {
        let mut state = announced();
        assert_eq!(admit(&mut state, &ask("u", "c"), 1), Admission::Wait);
        let mut state = arrived(state);
        assert_eq!(admit(&mut state, &ask("u", "c"), 1), Admission::Restore);
        conclude(&mut state, &outcome("c", true)).unwrap();
        assert!(matches!(state.claim, ClaimRecord::Restored { micros: 7, .. }));
    }

    #[test]
    fn a_restored_container_is_never_restored_again() {
        let mut state = arrived(announced());
        assert_eq!(admit(&mut state, &ask("u", "c"), 1), Admission::Restore);
        conclude(&mut state, &outcome("c", true)).unwrap();
        hang_up(&mut state, 1);
        assert_eq!(admit(&mut state, &ask("u", "c2"), 2), Admission::AskMigration);
    }

    #[test]
    fn a_second_claim_waits_its_turn_until_the_first_connection_is_gone() {
        let mut state = announced();
        assert_eq!(admit(&mut state, &ask("u", "c"), 1), Admission::Wait);
        assert!(matches!(
            admit(&mut state, &ask("u", "c2"), 2),
            Admission::Refuse(_)
        ));
        hang_up(&mut state, 1);
        assert_eq!(state.claim, ClaimRecord::Free);
        assert_eq!(admit(&mut state, &ask("u", "c2"), 2), Admission::Wait);
    }

    #[test]
    fn a_handed_out_archive_is_for_the_same_pod_only() {
        let mut state = arrived(announced());
        assert_eq!(admit(&mut state, &ask("u", "c"), 1), Admission::Restore);
        hang_up(&mut state, 1);
        assert!(matches!(
            admit(&mut state, &ask("other", "c2"), 2),
            Admission::Refuse(_)
        ));
        assert_eq!(admit(&mut state, &ask("u", "c2"), 3), Admission::Restore);
        assert!(
            conclude(&mut state, &outcome("c", true)).is_err(),
            "the first container may not run any more"
        );
    }

    #[test]
    fn a_failed_restore_stays_failed() {
        let mut state = arrived(announced());
        assert_eq!(admit(&mut state, &ask("u", "c"), 1), Admission::Restore);
        conclude(&mut state, &outcome("c", false)).unwrap();
        let Admission::Refuse(why) = admit(&mut state, &ask("u", "c2"), 2) else {
            panic!("restored or started after a failure");
        };
        assert!(why.contains("why"), "{why}");
    }

    #[test]
    fn an_abort_refuses_even_with_the_archive_there() {
        let mut state = arrived(announced());
        state.aborted = Some("cancelled".into());
        assert!(matches!(
            admit(&mut state, &ask("u", "c"), 1),
            Admission::Refuse(_)
        ));
    }

    #[test]
    fn a_container_that_was_not_announced_is_refused() {
        let mut state = arrived(announced());
        let mut other = ask("u", "c");
        other.pod = "orders-1".into();
        let Admission::Refuse(why) = admit(&mut state, &other, 1) else {
            panic!("another pod got the archive");
        };
        assert!(why.contains("orders-0") && why.contains("orders-1"), "{why}");
    }

    #[test]
    fn an_unknown_key_asks_the_migration() {
        assert_eq!(
            admit(&mut KeyState::default(), &ask("u", "c"), 1),
            Admission::AskMigration
        );
    }
}
