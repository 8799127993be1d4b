//! What a reader of the verdict has to know beside the stream. Nothing here forbids a move.

use super::world::Known;
use super::{Source, Weight, World};

/// Named in one text.
const AT_MOST: usize = 8;

/// Whom else the process is connected to: those connections break, and what went over them is not held.
pub(super) fn other_peers(world: &World) -> Weight {
    let sockets = match &world.sockets {
        Known::Seen(sockets) => sockets,
        Known::NotKnown { why, way_out } => {
            return Weight::NotKnown {
                by: Source::Agent,
                why: why.clone(),
                way_out: way_out.clone(),
            };
        }
    };
    let brokers = |local: u16| match &world.process {
        Known::Seen(process) => process.ports.contains(&local),
        Known::NotKnown { .. } => false,
    };
    let mut peers: Vec<String> = sockets
        .iter()
        .filter(|socket| !brokers(socket.local))
        .map(|socket| format!("{}:{}", socket.host, socket.port))
        .collect();
    peers.sort();
    peers.dedup();
    let more = peers.len().saturating_sub(AT_MOST);
    peers.truncate(AT_MOST);
    let what = match (peers.is_empty(), more) {
        (true, _) => "none but to the broker".to_owned(),
        (false, 0) => peers.join(", "),
        (false, more) => format!("{} and {more} more", peers.join(", ")),
    };
    Weight::Seen {
        by: Source::Agent,
        what,
    }
}

/// They run again in the copy, while the source works.
pub(super) fn init_containers(world: &World) -> Option<Weight> {
    let named = &world.pod.init_containers;
    (!named.is_empty()).then(|| Weight::Seen {
        by: Source::Pod,
        what: format!(
            "{} run again in the copy while the source works",
            named.join(", ")
        ),
    })
}

/// "Exact" is said of the named stream alone.
pub(super) fn other_inputs(_: &World) -> Weight {
    Weight::Seen {
        by: Source::Pod,
        what: "not covered: requests, timers, files and other data bases that change the memory".to_owned(),
    }
}
