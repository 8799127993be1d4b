//! The copy of the queue, by the broker's management API.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use xtask_lab::cluster::Cluster;
use xtask_lab::stage::{broker_api, broker_call, broker_queues};

const EXCHANGE: &str = "orders";

/// Queue `replay.<stream>`, which gets what the primary queue gets.
pub(super) struct Replay<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) primary: String,
    /// Routing key.
    pub(super) stream: String,
}

impl Replay<'_> {
    pub(super) fn name(&self) -> String {
        format!("replay.{}", self.stream)
    }

    /// From now on it gets every message, too.
    pub(super) fn bind(&self) -> Result<()> {
        let durable = json!({"durable": true, "arguments": {}});
        self.call("PUT", &format!("queues/%2F/{}", self.name()), &durable)?;
        let binding = json!({"routing_key": self.stream, "arguments": {}});
        let path = format!("bindings/%2F/e/{EXCHANGE}/q/{}", self.name());
        self.call("POST", &path, &binding)
    }

    /// Nobody consumes the primary queue: what waits there waits in the copy, too. Messages that are routed between the
    /// two calls stay in both; the other way around they would be lost.
    pub(super) fn drop_what_was_copied(&self) -> Result<()> {
        broker_api(
            self.cluster,
            "DELETE",
            &format!("queues/%2F/{}/contents", self.primary),
        )?;
        let (name, stream) = (self.name(), &self.stream);
        let path = format!("bindings/%2F/e/{EXCHANGE}/q/{name}/{stream}");
        broker_api(self.cluster, "DELETE", &path).map(drop)
    }

    /// A message for the application in this pod, whether it runs already or not.
    pub(super) fn tell(&self, pod: &str, message: &Value) -> Result<()> {
        let queue = control_queue(pod);
        let durable = json!({"durable": true, "arguments": {}});
        self.call("PUT", &format!("queues/%2F/{queue}"), &durable)?;
        let publish = json!({
            "properties": {"delivery_mode": 2}, "routing_key": queue,
            "payload": message.to_string(), "payload_encoding": "string",
        });
        self.call("POST", "exchanges/%2F/amq.default/publish", &publish)
    }

    /// Messages that the copy has not acknowledged yet.
    pub(super) fn left(&self) -> Result<i64> {
        // The ordinary figures are some seconds old.
        let live = "disable_stats=true&enable_queue_totals=true";
        let path = format!("queues/%2F/{}?{live}", self.name());
        let queue: Value = serde_json::from_str(&broker_api(self.cluster, "GET", &path)?)
            .context("the broker printed no JSON")?;
        queue["messages"]
            .as_i64()
            .context("the broker does not tell how many messages wait")
    }

    pub(super) fn consumers(&self, queue: &str) -> Result<usize> {
        let all: Value = serde_json::from_str(&broker_api(self.cluster, "GET", "consumers/%2F")?)
            .context("the broker printed no JSON")?;
        let all = all.as_array().context("the broker lists no consumers")?;
        Ok(all
            .iter()
            .filter(|consumer| consumer["queue"]["name"] == queue)
            .count())
    }

    /// The copy of the queue goes, and so does the control queue of this pod.
    pub(super) fn forget(&self, pod: &str) -> Result<()> {
        let there = broker_queues(self.cluster)?;
        for queue in [self.name(), control_queue(pod)] {
            if there.contains(&queue) {
                broker_api(self.cluster, "DELETE", &format!("queues/%2F/{queue}"))?;
            }
        }
        Ok(())
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Result<()> {
        broker_call(self.cluster, method, path, body).map(drop)
    }
}

fn control_queue(pod: &str) -> String {
    format!("ms2m.control.{pod}")
}
