//! What a reader of the verdict has to know beside the stream. Nothing here forbids a move.

use super::world::{Known, Publishing, Way};
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

/// Passwords, control messages and archives can be read, and changed, on a way without TLS. `None`: nothing is known of the ways.
pub(super) fn encrypted(world: &World) -> Option<Weight> {
    let named = |way: &Way| {
        let (plain, encrypted) = way.transport.schemes();
        let scheme = if way.encrypted { encrypted } else { plain };
        format!("{} ({scheme}://{})", way.transport, way.host)
    };
    let (encrypted, plain): (Vec<&Way>, Vec<&Way>) = world.ways.iter().partition(|way| way.encrypted);
    let list = |ways: &[&Way]| ways.iter().map(|way| named(way)).collect::<Vec<_>>().join(", ");
    if plain.is_empty() {
        return (!encrypted.is_empty()).then(|| Weight::Seen {
            by: Source::Addresses,
            what: list(&encrypted),
        });
    }
    let mut schemes: Vec<String> = plain
        .iter()
        .map(|way| format!("{}://", way.transport.schemes().1))
        .collect();
    schemes.dedup();
    Some(Weight::Contradicted {
        by: Source::Addresses,
        what: format!(
            "passwords and messages of this move can be read on the way: {}",
            list(&plain)
        ),
        way_out: format!("write {}", schemes.join(" and ")),
    })
}

/// They run again in the copy, while the source works.
pub(super) fn init_containers(world: &World) -> Option<Weight> {
    let (named, beside) = (&world.pod.init_containers, &world.pod.sidecars);
    let again = (!named.is_empty()).then(|| {
        format!(
            "{} run again in the copy while the source works",
            named.join(", ")
        )
    });
    let anew = (!beside.is_empty()).then(|| format!("sidecars {} start anew in the copy", beside.join(", ")));
    let what: Vec<String> = again.into_iter().chain(anew).collect();
    (!what.is_empty()).then(|| Weight::Seen {
        by: Source::Pod,
        what: what.join("; "),
    })
}

/// A message that was published without a confirm may be lost with its connection, and nobody would know.
pub(super) fn publishes(world: &World) -> Weight {
    let process = match &world.process {
        Known::Seen(process) => process,
        Known::NotKnown { why, way_out } => {
            return Weight::NotKnown {
                by: Source::ManagementApi,
                why: why.clone(),
                way_out: way_out.clone(),
            };
        }
    };
    let (confirmed, unconfirmed): (Vec<&Publishing>, Vec<&Publishing>) =
        process.publishing.iter().partition(|channel| channel.confirms);
    let what = match (confirmed.len(), unconfirmed.as_slice()) {
        (0, []) => "nothing over this broker, as far as its statistics tell".to_owned(),
        (_, []) => "with confirms: what was not confirmed when its connection ended is the application's to publish again".to_owned(),
        (_, [one, ..]) => format!(
            "without confirms (channel {}): what it published just before its connection ended may be lost without a word",
            one.channel
        ),
    };
    Weight::Seen {
        by: Source::ManagementApi,
        what,
    }
}

/// "Exact" is said of the named stream alone.
pub(super) fn other_inputs(world: &World) -> Weight {
    let inputs = "not covered: requests, timers, files and other data bases that change the memory";
    let unready = world
        .pod
        .unready
        .as_ref()
        .map(|delay| format!(". Also, {}", delay.told()));
    Weight::Seen {
        by: Source::Pod,
        what: format!("{inputs}{}", unready.unwrap_or_default()),
    }
}
