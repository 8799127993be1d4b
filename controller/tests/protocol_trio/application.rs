//! A consumer that knows nothing of us and connects again when it has to, always to the same node.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties};
use tokio::task::JoinHandle;

use super::scene::{Node, until};

/// What it has applied, in order.
type Applied = Arc<Mutex<Vec<u64>>>;

pub(crate) struct Application {
    applied: Applied,
    task: JoinHandle<()>,
}

impl Application {
    pub(crate) fn start(node: Node, queue: &str) -> Self {
        let applied = Applied::default();
        let (into, queue, uri) = (applied.clone(), queue.to_owned(), node.address().uri);
        let task = tokio::spawn(async move {
            loop {
                if let Err(error) = serve(&uri, &queue, &into).await {
                    eprintln!("application reconnects: {error}");
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        Self { applied, task }
    }

    pub(crate) fn applied(&self) -> Vec<u64> {
        self.applied.lock().unwrap().clone()
    }

    pub(crate) async fn has_applied(&self, wanted: &[u64]) {
        until(&format!("the application to apply {}", wanted.len()), || async {
            (self.applied().len() >= wanted.len()).then_some(())
        })
        .await;
        assert_eq!(self.applied(), wanted);
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(uri: &str, queue: &str, applied: &Mutex<Vec<u64>>) -> lapin::Result<()> {
    let connection = Connection::connect(uri, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    channel.basic_qos(10, BasicQosOptions::default()).await?;
    let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
    let mut serving = channel
        .basic_consume(queue.into(), "".into(), options, arguments)
        .await?;
    while let Some(message) = serving.next().await {
        let message = message?;
        let number = String::from_utf8_lossy(&message.data).parse().unwrap();
        applied.lock().unwrap().push(number);
        message.ack(BasicAckOptions::default()).await?;
    }
    Ok(())
}
