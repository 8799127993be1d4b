//! Evictions of the pods that are not consumers, as `kubectl drain` asks for them: the API server holds to the disruption budgets.

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{DeleteParams, EvictParams, Preconditions};

use crate::connection::Connection;
use crate::drain::{Row, State, What};

/// Asks for the eviction of each pod that is ready for it, or whose eviction was refused for a time.
pub(super) async fn ask(connection: &Connection, rows: &mut [Row], skip_blocked: bool) {
    let is_due = |row: &&mut Row| {
        let again = row.state == State::Blocked && !skip_blocked;
        row.what == What::Evict && (row.state == State::Ready || again)
    };
    for row in rows.iter_mut().filter(is_due) {
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
}
