//! Type and totals of a queue, and whether anybody can count them.

use serde::Deserialize;

use super::QueueKind;
use super::facts::kind_of;

/// As the management API tells them, without statistics.
#[derive(Debug, Deserialize)]
pub(super) struct Totals {
    #[serde(rename = "type", default)]
    kind: String,
    messages_unacknowledged: Option<u64>,
    leader: Option<String>,
    #[serde(default)]
    online: Option<Vec<String>>,
    #[serde(default)]
    members: Option<Vec<String>>,
}

impl Totals {
    pub(super) fn kind(&self) -> QueueKind {
        kind_of(&self.kind)
    }

    pub(super) fn unacked(&self) -> Option<u64> {
        self.messages_unacknowledged
    }

    /// Whether somebody can count. A quorum queue without a reachable leader answers a passive declare with zeros; a leader that is
    /// cut off from the other members goes on leading them in its own eyes, and answers with what was true before.
    pub(super) fn led(&self) -> bool {
        let (Some(leader), Some(online)) = (&self.leader, &self.online) else {
            return self.kind() != QueueKind::Quorum;
        };
        let members = self.members.as_ref().map_or(1, Vec::len);
        online.contains(leader) && online.len() * 2 > members
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quorum_queue_counts_only_when_its_leader_is_online_with_a_majority() {
        let led = |document: &str| serde_json::from_str::<Totals>(document).unwrap().led();
        let members = r#""type":"quorum","leader":"a","members":["a","b","c"]"#;
        assert!(led(&format!(r#"{{{members},"online":["b","a"]}}"#)));
        assert!(!led(&format!(r#"{{{members},"online":["a"]}}"#)));
        assert!(!led(&format!(r#"{{{members},"online":["b","c"]}}"#)));
        assert!(!led(&format!(r#"{{{members},"online":[]}}"#)));
        assert!(led(
            r#"{"type":"quorum","leader":"a","online":["a"],"members":["a"]}"#
        ));
        assert!(!led(r#"{"type":"quorum"}"#));
        assert!(led(r#"{"type":"classic","online":null}"#));
    }
}
