//! The plan of each move, before any of them begins.

use std::time::Duration;

use futures::StreamExt;
use tokio::sync::watch;

use super::moves;
use crate::commands::plan;
use crate::connection::Connection;
use crate::drain::{Row, State};

/// The controller makes so many at a time.
const AT_A_TIME: usize = 2;
/// For one plan.
const MADE: Duration = Duration::from_secs(60);

/// Makes those that are missing, and tells of each as soon as it is made, until it is to stop. What is not planned in time is not
/// moved, and says why.
pub(super) async fn make(
    connection: &Connection,
    rows: &mut [Row],
    max_pause: Option<&str>,
    stop: &watch::Receiver<bool>,
    told: impl Fn(&Row),
) {
    let told = &told;
    let missing = rows.iter_mut().filter(|row| row.state == State::Planning);
    futures::stream::iter(missing)
        .for_each_concurrent(AT_A_TIME, |row| async move {
            if *stop.borrow() {
                return;
            }
            let here = connection.within(&row.namespace);
            let spec = moves::spec(row, max_pause);
            match plan::made(&here, spec, MADE, plan::interrupted(stop.clone())).await {
                Ok(planned) => row.planned(&planned),
                Err(_) if *stop.borrow() => {}
                Err(problem) => row.refused(problem.lines().join("; ")),
            }
            told(row);
        })
        .await;
}
