//! Requests to the broker within a connection generation: each is answered, or the generation is over.

use std::future::Future;
use std::time::Duration;

use lapin::options::BasicConsumeOptions;
use lapin::types::FieldTable;
use lapin::{Channel, Consumer};

use super::{Identity, Loss, Memory, Settings, Watchdog};
use crate::link::Link;
use crate::topology::{QueueType, bind_queue, declare_exchange, declare_queue};

/// A broker that does not answer a request for this long is taken for lost.
const ANSWER: Duration = Duration::from_secs(5);

/// A request's answer, unless the connection ends first or the broker is silent for too long.
pub(super) async fn answered<T>(
    watchdog: &Watchdog,
    request: &'static str,
    answer: impl Future<Output = lapin::Result<T>>,
) -> Result<T, Loss> {
    tokio::select! {
        biased;
        loss = watchdog.lost() => Err(loss),
        answer = tokio::time::timeout(ANSWER, answer) => match answer {
            Ok(answer) => answer.map_err(|error| Loss::Broken(error.to_string())),
            Err(_) => Err(Loss::Silent { request }),
        },
    }
}

/// Declares the exchange and the primary queue and binds it, for the first time in the process's life.
pub(super) async fn bind_primary(
    settings: &Settings,
    watchdog: &Watchdog,
    channel: &Channel,
    memory: &mut Memory,
) -> Result<(), Loss> {
    let Identity {
        primary_queue,
        routing_key,
    } = &memory.identity;
    answered(
        watchdog,
        "exchange.declare",
        declare_exchange(channel, &settings.exchange),
    )
    .await?;
    answered(
        watchdog,
        "queue.declare",
        declare_queue(channel, primary_queue, settings.queue_type),
    )
    .await?;
    answered(
        watchdog,
        "queue.bind",
        bind_queue(channel, primary_queue, &settings.exchange, routing_key),
    )
    .await?;
    memory.bound = true;
    Ok(())
}

/// Declares a queue, the same way for the primary one and for helpers, and consumes it.
pub(super) async fn consume(
    settings: &Settings,
    watchdog: &Watchdog,
    channel: &Channel,
    queue: &str,
) -> Result<Consumer, Loss> {
    answered(
        watchdog,
        "queue.declare",
        declare_queue(channel, queue, settings.queue_type),
    )
    .await?;
    let consume = channel.basic_consume(
        queue.into(),
        "".into(),
        BasicConsumeOptions::default(),
        FieldTable::default(),
    );
    answered(watchdog, "basic.consume", consume).await
}

/// Consumes the control queue on a channel of its own, so that no backlog stands before it.
pub(super) async fn consume_control(watchdog: &Watchdog, link: &Link, queue: &str) -> Result<Consumer, Loss> {
    let channel = declare_control(watchdog, link, queue).await?;
    let consume = channel.basic_consume(
        queue.into(),
        "control".into(),
        BasicConsumeOptions::default(),
        FieldTable::default(),
    );
    answered(watchdog, "basic.consume", consume).await
}

/// Declares the control queue; returns the channel on which it is to be read.
pub(super) async fn declare_control(watchdog: &Watchdog, link: &Link, queue: &str) -> Result<Channel, Loss> {
    let channel = answered(watchdog, "basic.qos", link.channel(1)).await?;
    answered(
        watchdog,
        "queue.declare",
        declare_queue(&channel, queue, QueueType::Classic),
    )
    .await?;
    Ok(channel)
}
