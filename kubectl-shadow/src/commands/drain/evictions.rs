//! Evictions of the pods that are not consumers, as `kubectl drain` asks for them: the API server holds to the disruption budgets, and one
//! that it refuses is asked for again every 5 s.

use std::collections::HashMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{DeleteParams, EvictParams, Preconditions};
use tokio::time::Instant;

use crate::connection::Connection;
use crate::drain::{Row, State, What};

/// Between two questions for the same pod: as long as kubectl waits. A budget changes when pods become ready.
const AGAIN: Duration = Duration::from_secs(5);

/// The evictions of one drain.
#[derive(Default)]
pub(super) struct Evictions {
    /// When each pod was asked for last, by its UID.
    asked: HashMap<String, Instant>,
}

impl Evictions {
    /// Asks for the eviction of each pod that is ready for it, or whose eviction was refused a while ago.
    pub(super) async fn ask(&mut self, connection: &Connection, rows: &mut [Row], skip_blocked: bool) {
        for row in rows {
            if self.is_due(row, skip_blocked, Instant::now()) {
                self.asked.insert(row.uid.clone(), Instant::now());
                ask(connection, row).await;
            }
        }
    }

    fn is_due(&self, row: &Row, skip_blocked: bool, now: Instant) -> bool {
        let last = self.asked.get(&row.uid);
        let waited = last.is_none_or(|last| now.duration_since(*last) >= AGAIN);
        let again = row.state == State::Blocked && !skip_blocked && waited;
        row.what == What::Evict && (row.state == State::Ready || again)
    }
}

async fn ask(connection: &Connection, row: &mut Row) {
    let pods: Api<Pod> = Api::namespaced(connection.client.clone(), &row.namespace);
    let this_one = EvictParams {
        delete_options: Some(DeleteParams {
            preconditions: Some(Preconditions {
                uid: Some(row.uid.clone()),
                resource_version: None,
            }),
            ..DeleteParams::default()
        }),
        ..EvictParams::default()
    };
    match pods.evict(&row.pod, &this_one).await {
        Ok(_) => {
            row.state = State::Leaving;
            row.why = "evicted; it ends".to_owned();
        }
        // It is gone, or another pod has its name.
        Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => {
            row.state = State::Gone;
            row.why.clear();
        }
        Err(kube::Error::Api(status)) if status.code == 429 => {
            row.state = State::Blocked;
            row.why = status.message.clone();
        }
        Err(kube::Error::Api(status)) => row.refused(status.message.clone()),
        Err(error) => {
            row.state = State::Blocked;
            row.why = error.to_string();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(what: What, state: State) -> Row {
        let mut row = Row::of(&Pod::default(), (what, String::new()));
        (row.uid, row.state) = ("u".to_owned(), state);
        row
    }

    #[test]
    fn a_blocked_eviction_is_asked_for_again_after_five_seconds_and_no_earlier() {
        let (begin, mut evictions) = (Instant::now(), Evictions::default());
        let blocked = row(What::Evict, State::Blocked);
        assert!(
            evictions.is_due(&blocked, false, begin),
            "another command was refused"
        );
        evictions.asked.insert("u".to_owned(), begin);
        for (millis, is_due) in [(0, false), (1000, false), (4999, false), (5000, true)] {
            let now = begin + Duration::from_millis(millis);
            assert_eq!(evictions.is_due(&blocked, false, now), is_due, "{millis}");
            assert!(!evictions.is_due(&blocked, true, now), "--skip-blocked gives up");
        }
    }

    #[test]
    fn only_what_is_to_be_evicted_and_is_there_is_asked_for() {
        let (now, evictions) = (Instant::now(), Evictions::default());
        let is_due = |what, state| evictions.is_due(&row(what, state), false, now);
        assert!(is_due(What::Evict, State::Ready));
        for state in [State::Leaving, State::Gone, State::Refused, State::Stopped] {
            assert!(!is_due(What::Evict, state), "{state:?}");
        }
        assert!(!is_due(What::Move, State::Ready) && !is_due(What::Stay, State::Stays));
    }
}
