//! The control messages, and which queue is to be read after each: the protocol as plain data.

use serde::Deserialize;

/// A control message.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ControlMessage {
    /// Finish what is held, then read another queue.
    StartReplay {
        /// Which.
        payload: ReplayPayload,
    },
    /// Finish what is held, then read the primary queue again.
    EndReplay,
}

/// The payload of `START_REPLAY`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ReplayPayload {
    /// The queue to read.
    pub queue: String,
}

impl ControlMessage {
    /// Reads a control message.
    ///
    /// # Errors
    /// When the body is none.
    pub fn decode(body: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(body)
    }
}

/// Which queue is to be read. It lives in memory only, and so travels with a checkpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Assignment {
    /// The primary queue.
    #[default]
    Primary,
    /// The queue named by `START_REPLAY`.
    Replay {
        /// Its name.
        queue: String,
    },
}

impl Assignment {
    /// The assignment which a control message asks for.
    #[must_use]
    pub fn asked_by(message: ControlMessage) -> Self {
        match message {
            ControlMessage::StartReplay { payload } => Self::Replay { queue: payload.queue },
            ControlMessage::EndReplay => Self::Primary,
        }
    }

    /// The same, but never a replay of the primary queue: that is no replay.
    #[must_use]
    pub fn normal(self, primary: &str) -> Self {
        match self {
            Self::Replay { queue } if queue == primary => Self::Primary,
            Self::Replay { .. } | Self::Primary => self,
        }
    }

    /// The queue to read, given the primary one.
    #[must_use]
    pub fn queue<'a>(&'a self, primary: &'a str) -> &'a str {
        match self {
            Self::Primary => primary,
            Self::Replay { queue } => queue,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_messages_are_read_as_the_protocol_writes_them() {
        let start = ControlMessage::decode(br#"{"type":"START_REPLAY","payload":{"queue":"H"}}"#).unwrap();
        assert_eq!(Assignment::asked_by(start).queue("P"), "H");
        for end in [
            &br#"{"type":"END_REPLAY"}"#[..],
            br#"{"type":"END_REPLAY","payload":{}}"#,
        ] {
            assert_eq!(
                Assignment::asked_by(ControlMessage::decode(end).unwrap()).queue("P"),
                "P"
            );
        }
    }

    #[test]
    fn a_replay_of_the_primary_queue_is_none() {
        let replay = |queue: &str| Assignment::Replay {
            queue: queue.to_owned(),
        };
        assert_eq!(replay("P").normal("P"), Assignment::Primary);
        assert_eq!(replay("H").normal("P"), replay("H"));
        assert_eq!(Assignment::Primary.normal("P"), Assignment::Primary);
    }

    #[test]
    fn what_is_no_control_message_is_refused() {
        for body in [
            "",
            "{}",
            r#"{"type":"START_REPLAY"}"#,
            r#"{"type":"START_REPLAY","payload":{}}"#,
            r#"{"type":"X"}"#,
        ] {
            assert!(ControlMessage::decode(body.as_bytes()).is_err(), "{body}");
        }
    }
}
