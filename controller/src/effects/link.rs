//! Effects on single-active queues: our consumer comes and goes.

use shadow_core::machine::Outcome;

use super::Subject;
use super::stream::address_of;
use crate::context::Context;
use crate::error::ControllerError;

/// Attaches, unless it is attached already. Who is served at that time is noted first.
pub(super) async fn attach(
    ctx: &Context,
    subject: Subject<'_>,
    pod: &str,
) -> Result<Outcome, ControllerError> {
    let queue = &subject.plan.queue;
    let broker = ctx.broker(subject.migration, queue.secret.as_deref()).await?;
    let known = subject.leg.witness.clone();
    let witness = match known {
        Some(witness) => witness,
        None => {
            let_go_of_unwitnessed(ctx, subject).await?;
            let like = broker
                .describe_with_consumers(&queue.queue)
                .await?
                .ok_or_else(|| {
                    ControllerError::Malformed(format!("queue {} does not exist any more", queue.queue))
                })?;
            let address = address_of(ctx, subject, pod).await?;
            let seen = broker.witness(&like, address.as_deref()).await?;
            if seen.application.is_none() {
                return Err(ControllerError::Blind(format!(
                    "the broker does not yet list the connection over which pod {pod} consumes {}",
                    queue.queue
                )));
            }
            seen
        }
    };
    if !ctx.holds.is_held(&subject.leg.key) {
        let hold = broker.hold_single_active(&queue.queue).await?;
        ctx.holds.keep(&subject.leg.key, hold);
    }
    Ok(Outcome::ParkSent(witness))
}

/// A hold whose witness could not be written down: nobody could tell later whether the source has gone.
async fn let_go_of_unwitnessed(ctx: &Context, subject: Subject<'_>) -> Result<(), ControllerError> {
    if ctx.holds.get(&subject.leg.key).is_none() {
        return Ok(());
    }
    detach(ctx, subject).await?;
    if ctx.holds.is_held(&subject.leg.key) {
        return Err(ControllerError::Blind(format!(
            "the hold on queue {} was read while it had to be attached again",
            subject.plan.queue.queue
        )));
    }
    Ok(())
}

/// Detaches in order. One that was lost before is no error: the queue is let go, which is what was wanted.
pub(super) async fn detach(ctx: &Context, subject: Subject<'_>) -> Result<Outcome, ControllerError> {
    if let Some(hold) = ctx.holds.take(&subject.leg.key)
        && let Err(error) = hold.release().await
    {
        tracing::info!(queue = subject.plan.queue.queue, %error, "the hold had ended before");
    }
    Ok(Outcome::UnparkSent)
}
