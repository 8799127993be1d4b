//! A node that leaves the cluster at a given time, as the notice of a spot instance says: no move begins from it that cannot end before.
//! The annotation [`names::LEAVES_AT`] has the time. The taint of the cluster autoscaler has none: its value is when the node was marked.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, Pod};
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;

use crate::api::{HoldKind, OwnerKind};
use crate::forecast::{self, Finished, Way};
use crate::machine::Route;
use crate::{names, workload};

/// A time that cannot be read: the node counts as one that stays.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "node {node}: annotation {} is {value:?}, which is no time, so it does not count. Write it as 2026-11-30T12:00:00Z",
    names::LEAVES_AT
)]
pub struct Unreadable {
    node: String,
    value: String,
}

/// When the node leaves, if that is known.
pub fn leaves_at(node: &Node) -> Result<Option<Timestamp>, Unreadable> {
    let Some(value) = node.annotations().get(names::LEAVES_AT) else {
        return Ok(None);
    };
    let at = value.parse::<Timestamp>().map_err(|_| Unreadable {
        node: node.name_any(),
        value: value.clone(),
    });
    at.map(Some)
}

/// Why a move that is expected to take `millis` cannot end before the node leaves. A forecast is a median, so half of it is added.
pub fn too_late(node: &Node, millis: u64, now: Timestamp) -> Option<String> {
    let at = leaves_at(node).ok().flatten()?;
    let needed = Duration::from_millis(millis.saturating_add(millis / 2));
    let left = Duration::try_from(at.duration_since(now)).unwrap_or_default();
    let name = node.name_any();
    (left < needed).then(|| {
        format!(
            "node {name} leaves at {at:.0} (annotation {0}), in {1} s, and a move may need {2} s, so none begins. If the node stays, type: \
             kubectl annotate node {name} {0}-",
            names::LEAVES_AT,
            left.as_secs(),
            needed.as_secs().max(1)
        )
    })
}

/// What a move of `pod` takes at least, milliseconds, while its plan is not made: of all ways that it may go, the shortest.
pub fn least(pod: &Pod, past: &[Finished]) -> u64 {
    let routes: &[Route] = match workload::owner_of(pod) {
        Some((OwnerKind::StatefulSet, _)) => &[Route::Twice, Route::InPlace],
        Some((OwnerKind::ReplicaSet, _)) => &[Route::Adopted],
        None => &[Route::Once],
    };
    let holds = [HoldKind::Park, HoldKind::SingleActive, HoldKind::Exchange];
    let ways = routes
        .iter()
        .flat_map(|route| holds.map(|hold| Way { route: *route, hold }));
    let totals = ways.map(|way| forecast::of(way, "", 0, past).total());
    totals.min().unwrap_or(0)
}
