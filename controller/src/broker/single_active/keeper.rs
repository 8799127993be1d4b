//! The task behind a hold: keeps the connection alive, listens, and lets go when asked.
//!
//! Guarantee: the state it tells is never better than what the broker said last; when it ends, however it ends, the
//! connection is closed.
//!
//! A node that is cut off from the other members of a queue goes on talking to us, and says nothing of the leader that these have
//! chosen meanwhile. RabbitMQ 4.3 keeps our consumer there for 60 s after the cut was noticed, then it serves the application. So
//! the queue itself is asked all the time: only a leader with a majority answers a FLOW that asks for an echo.

use std::time::Duration;

use fe2o3_amqp_types::performatives::{Close, Detach, End, Flow, Performative};
use futures::{SinkExt, StreamExt};
use serde_amqp::Value;
use serde_amqp::primitives::Symbol;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep_until, timeout};
use tracing::{info, warn};

use super::attach::{Attached, WINDOW};
use super::frames::{Frame, FrameError, Say};
use super::refusal::spoken;
use super::wire::Wire;
use super::{ACTIVE_PROPERTY, HANDLE, HoldState, SILENCE};

/// A socket that takes nothing for this long has nobody behind it.
const SAY: Duration = Duration::from_secs(5);

/// Where the answer to a release goes: the reason when it was not done in order.
pub(super) type Told = oneshot::Sender<Result<(), String>>;

/// Why a hold is over.
type Loss = String;

/// How the queue is asked whether it still knows us.
#[derive(Clone, Copy)]
pub(super) struct Asking {
    /// How long after an answer.
    pub(super) every: Duration,
    /// An answer that is not there after this long does not come: a new leader is chosen sooner.
    pub(super) within: Duration,
}

impl Asking {
    pub(super) const USUAL: Self = Self {
        every: Duration::from_secs(2),
        within: Duration::from_secs(10),
    };
}

pub(super) struct Keeper {
    wire: Wire,
    speak_every: Duration,
    state: watch::Sender<HoldState>,
    asking: Asking,
    /// When the question was put that has no answer yet.
    asked: Option<Instant>,
}

impl Keeper {
    pub(super) fn new(attached: Attached, state: watch::Sender<HoldState>, asking: Asking) -> Self {
        Self {
            wire: attached.wire,
            speak_every: attached.speak_every,
            state,
            asking,
            asked: None,
        }
    }

    /// Until the hold is lost or released.
    pub(super) async fn keep(mut self, mut released: oneshot::Receiver<Told>) {
        let (mut speak, mut ask) = (every(self.speak_every), every(self.asking.every));
        let mut heard = Instant::now();
        let loss = loop {
            let answered_until = self.asked.map(|asked| asked + self.asking.within);
            let step = tokio::select! {
                biased;
                asked = &mut released => match asked {
                    Ok(told) => return self.let_go(told).await,
                    // The hold was dropped, which aborts this task as well.
                    Err(_) => return,
                },
                frame = self.wire.next() => {
                    heard = Instant::now();
                    received(frame).and_then(|frame| self.note(frame))
                }
                () = sleep_until(heard + SILENCE) => {
                    Err(format!("the broker sent nothing for {} s", SILENCE.as_secs()))
                }
                () = passed(answered_until) => Err(format!(
                    "the queue has not answered for {} s: the broker's node may be cut off from the others",
                    self.asking.within.as_secs()
                )),
                _ = ask.tick(), if self.asked.is_none() => {
                    self.asked = Some(Instant::now());
                    self.say(question().into()).await
                }
                _ = speak.tick() => self.say(Say::Empty).await,
            };
            if let Err(loss) = step {
                break loss;
            }
        };
        warn!(reason = loss, "hold lost");
        self.state.send_replace(HoldState::Lost(loss));
    }

    fn note(&mut self, frame: Frame) -> Result<(), Loss> {
        match frame {
            Frame::Empty | Frame::Amqp(Performative::Disposition(_)) => Ok(()),
            Frame::Amqp(Performative::Flow(flow)) => self.note_flow(&flow),
            Frame::Amqp(Performative::Transfer(_)) => Err(
                "the broker delivered a message to a consumer without credit; the message returns when this connection ends"
                    .to_owned(),
            ),
            Frame::Amqp(over) => Err(ended(&over).unwrap_or_else(|| out_of_turn(&over))),
            Frame::Mechanisms(_) | Frame::Outcome(_) => Err("the broker asked for a login again".to_owned()),
        }
    }

    fn note_flow(&mut self, flow: &Flow) -> Result<(), Loss> {
        let said = flow
            .properties
            .as_ref()
            .and_then(|properties| properties.get(&Symbol::from(ACTIVE_PROPERTY)));
        let ours = flow.handle == Some(HANDLE);
        // What is told of a change is no answer.
        if ours && said.is_none() {
            self.asked = None;
        }
        match said {
            // It was not told that we were passed over: whoever was served meanwhile is not known.
            Some(Value::Bool(true)) if ours && *self.state.borrow() == HoldState::Active => {
                Err("the broker made this consumer the active one again".to_owned())
            }
            Some(Value::Bool(true)) if ours => {
                info!("hold active");
                self.state.send_replace(HoldState::Active);
                Ok(())
            }
            Some(Value::Bool(false)) if ours && *self.state.borrow() == HoldState::Active => {
                Err("the broker made another consumer the active one".to_owned())
            }
            Some(_) | None => Ok(()),
        }
    }

    async fn say(&mut self, say: Say) -> Result<(), Loss> {
        match timeout(SAY, self.wire.send(say)).await {
            Ok(said) => said.map_err(|error| error.to_string()),
            Err(_) => Err(format!("the broker accepted nothing for {} s", SAY.as_secs())),
        }
    }

    /// Link, session, connection. The queue chooses its next consumer before it answers the first of them.
    async fn let_go(mut self, told: Told) {
        let parting = [
            Performative::Detach(Detach {
                handle: HANDLE,
                closed: true,
                error: None,
            }),
            Performative::End(End { error: None }),
            Performative::Close(Close { error: None }),
        ];
        let mut done = Ok(());
        for word in parting {
            done = self.part(word).await;
            if done.is_err() {
                break;
            }
        }
        // Whoever asked may have given up waiting; then there is nobody to tell.
        if told.send(done).is_err() {
            warn!("a hold was released after nobody waited for it any more");
        }
    }

    /// Says one of the last words and waits for the same word in return.
    async fn part(&mut self, word: Performative) -> Result<(), Loss> {
        let wanted = std::mem::discriminant(&word);
        self.say(word.into()).await?;
        loop {
            match received(self.wire.next().await)? {
                Frame::Amqp(answer) if std::mem::discriminant(&answer) == wanted => return accepted(&answer),
                Frame::Amqp(other) => {
                    if let Some(reason) = ended(&other) {
                        return Err(reason);
                    }
                }
                Frame::Empty => {}
                Frame::Mechanisms(_) | Frame::Outcome(_) => {
                    return Err("the broker asked for a login again".to_owned());
                }
            }
        }
    }
}

/// Never, where nothing is waited for.
async fn passed(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

fn every(pause: Duration) -> Interval {
    let mut ticks = interval_at(Instant::now() + pause, pause);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// No credit, and an answer is wanted.
fn question() -> Performative {
    Performative::Flow(Flow {
        next_incoming_id: Some(0),
        incoming_window: WINDOW,
        next_outgoing_id: 0,
        outgoing_window: WINDOW,
        handle: Some(HANDLE),
        delivery_count: Some(0),
        link_credit: Some(0),
        available: None,
        drain: false,
        echo: true,
        properties: None,
    })
}

fn received(frame: Option<Result<Frame, FrameError>>) -> Result<Frame, Loss> {
    match frame {
        Some(Ok(frame)) => Ok(frame),
        Some(Err(error)) => Err(format!("the connection broke: {error}")),
        None => Err("the broker closed the connection".to_owned()),
    }
}

/// The same word with an error in it is no answer: the broker ended it at the same moment, for a reason of its own.
fn accepted(answer: &Performative) -> Result<(), Loss> {
    let error = match answer {
        Performative::Detach(detach) => &detach.error,
        Performative::End(end) => &end.error,
        Performative::Close(close) => &close.error,
        Performative::Open(_)
        | Performative::Begin(_)
        | Performative::Attach(_)
        | Performative::Flow(_)
        | Performative::Transfer(_)
        | Performative::Disposition(_) => &None,
    };
    error.as_ref().map_or(Ok(()), |error| Err(spoken(Some(error))))
}

/// Why, when the broker ended link, session or connection.
fn ended(said: &Performative) -> Option<Loss> {
    match said {
        Performative::Detach(detach) => Some(("link", &detach.error)),
        Performative::End(end) => Some(("session", &end.error)),
        Performative::Close(close) => Some(("connection", &close.error)),
        Performative::Open(_)
        | Performative::Begin(_)
        | Performative::Attach(_)
        | Performative::Flow(_)
        | Performative::Transfer(_)
        | Performative::Disposition(_) => None,
    }
    .map(|(what, error)| format!("the broker ended the {what}: {}", spoken(error.as_ref())))
}

fn out_of_turn(said: &Performative) -> Loss {
    let what = match said {
        Performative::Open(_) => "an open",
        Performative::Begin(_) => "a begin",
        Performative::Attach(_) => "an attach",
        Performative::Flow(_)
        | Performative::Transfer(_)
        | Performative::Disposition(_)
        | Performative::Detach(_)
        | Performative::End(_)
        | Performative::Close(_) => "something",
    };
    format!("the broker sent {what} when it was not expected")
}
