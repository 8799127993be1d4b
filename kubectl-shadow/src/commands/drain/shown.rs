//! A drain in the live view, and into a recording.

use jiff::Timestamp;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use super::asked::Asked;
use super::draining::Draining;
use super::tell::Teller;
use crate::cli::Drain;
use crate::commands::colour;
use crate::connection::Connection;
use crate::problem::Problem;
use crate::say;
use crate::view::event::Event;
use crate::view::model::{Head, Model, Setting};
use crate::view::outside::Outside;
use crate::view::run;
use crate::view::source::live::{self, Look, Order};
use crate::view::tee::Tee;

/// Drains while a person looks on. The view and the drain go on side by side: leaving the view ends the drain, and the end of the
/// drain does not end the view.
pub(super) async fn run<'a>(
    connection: &'a Connection,
    args: &'a Drain,
) -> Result<(Draining<'a>, Asked), Problem> {
    let tee = tee(args)?;
    let (events, receiver) = unbounded_channel();
    let mut draining = Draining::begin(connection, args, Teller::new(false, Some(events.clone()))).await?;
    let (orders, ordered) = unbounded_channel();
    let mut asked = Asked::by_view(ordered);
    let outside = Outside {
        client: Some(connection.client.clone()),
        orders: Some(source(connection, events.clone())),
        drain: Some(orders),
        tee,
        begun: false,
        events: (events, receiver),
    };
    let setting = Setting {
        place: connection.context.clone(),
        drain: true,
        ..Setting::default()
    };
    let model = Model::new(setting, Head::newest());
    let looks = colour::of_view(connection.looks, args.ascii);
    let (shown, drained) = futures::join!(run::run(model, looks, outside), draining.whole(&mut asked));
    shown?;
    drained?;
    Ok((draining, asked))
}

/// A recording beside the lines of a drain.
pub(super) struct Recording {
    orders: UnboundedSender<Order>,
    task: JoinHandle<()>,
}

impl Recording {
    /// Begins it; gives where the drain sends its changes to.
    pub(super) fn begin(
        connection: &Connection,
        args: &Drain,
    ) -> Result<(Self, UnboundedSender<Event>), Problem> {
        let tee = tee(args)?;
        let (events, receiver) = unbounded_channel();
        let orders = source(connection, events.clone());
        let task = tokio::spawn(written(tee, receiver));
        Ok((Self { orders, task }, events))
    }

    /// Ends it. Whoever has sent changes has dropped that end before.
    pub(super) async fn end(self) -> Result<(), Problem> {
        drop(self.orders);
        let written = self.task.await;
        written.map_err(|error| Problem::Unknown(format!("the recording broke off: {error}")))
    }
}

/// Until the drain and the source have ended. A recording that fails ends no drain.
async fn written(mut tee: Tee, mut events: UnboundedReceiver<Event>) {
    while let Some(event) = events.recv().await {
        if let Event::Change(change) = &event
            && let Err(error) = tee.note(change)
        {
            say::remark(&format!("the recording has ended: {error}"));
        }
    }
    match tee.end(Timestamp::now()) {
        Ok(Some(file)) => say::remark(&format!("recorded in {}", file.display())),
        Ok(None) => {}
        Err(error) => say::remark(&format!("the recording has no end: {error}")),
    }
}

/// Watches the migrations of all namespaces, until its orders are dropped: a node has pods of any of them.
fn source(connection: &Connection, events: UnboundedSender<Event>) -> UnboundedSender<Order> {
    let (orders, ordered) = unbounded_channel();
    tokio::spawn(live::run(
        connection.client.clone(),
        Look::default(),
        events,
        ordered,
    ));
    orders
}

fn tee(args: &Drain) -> Result<Tee, Problem> {
    let mut tee = Tee::new(None).redacted(args.redact);
    if let Some(file) = &args.record {
        tee.begin(file, Timestamp::now())
            .map_err(|error| Problem::Refused(error.to_string()))?;
    }
    Ok(tee)
}
