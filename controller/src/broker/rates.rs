//! What the broker's statistics tell of a queue, for people who watch: some seconds old, and a mean over some seconds.

use serde::Deserialize;
use shadow_core::api::progress::Rate;
use shadow_core::progress;

use super::{Broker, BrokerError};

/// A queue's counters. One whose statistics have not come yet, or are switched off, has none.
#[derive(Debug, Deserialize)]
struct Counted {
    message_stats: Option<Stats>,
}

#[derive(Debug, Deserialize)]
struct Stats {
    publish_details: Option<Mean>,
    deliver_get_details: Option<Mean>,
    ack_details: Option<Mean>,
}

#[derive(Debug, Deserialize)]
struct Mean {
    rate: Option<f64>,
}

impl Counted {
    fn rate(self) -> Option<Rate> {
        let stats = self.message_stats?;
        let kinds = [
            stats.publish_details,
            stats.deliver_get_details,
            stats.ack_details,
        ];
        progress::flow(kinds.map(|kind| kind?.rate))
    }
}

impl Broker {
    /// Messages a second of a queue; `None` where the broker does not tell them, or has no such queue.
    ///
    /// # Errors
    /// When the management API does not answer.
    pub async fn rate(&self, queue: &str) -> Result<Option<Rate>, BrokerError> {
        if !self.has_management() {
            return Ok(None);
        }
        let management = self.management("read the rates of a queue")?;
        let counted: Option<Counted> = management.counted(queue).await?;
        Ok(counted.and_then(Counted::rate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(document: &str) -> Option<Rate> {
        serde_json::from_str::<Counted>(document).unwrap().rate()
    }

    #[test]
    fn what_the_broker_does_not_tell_is_absent() {
        let told = rate(
            r#"{"message_stats": {"publish": 500, "publish_details": {"rate": 99.6},
                "deliver_get": 400, "deliver_get_details": {"rate": 0.0}, "ack_details": {}}}"#,
        )
        .unwrap();
        assert_eq!(
            (told.publish, told.deliver, told.ack),
            (Some(99.6), Some(0.0), None)
        );
        for nothing in [
            "{}",
            r#"{"message_stats": {}}"#,
            r#"{"message_stats": {"publish": 3}}"#,
        ] {
            assert_eq!(rate(nothing), None, "{nothing}");
        }
    }
}
