//! `kubectl shadow watch`: migrations as they go on, or a recording of them.

use std::io::IsTerminal;
use std::path::Path;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;
use tokio::sync::mpsc::unbounded_channel;

use crate::cli::{Colour, FOREVER, Migrate, Place, Watch};
use crate::commands::{colour, find};
use crate::connection::Connection;
use crate::ending::Ending;
use crate::named::Named;
use crate::problem::Problem;
use crate::say;
use crate::view::draw::theme::Theme;
use crate::view::model::{Head, Model, Setting};
use crate::view::outside::Outside;
use crate::view::recording::read::{self, Recording};
use crate::view::source::live::{self, Look};
use crate::view::source::play;
use crate::view::tee::Tee;
use crate::view::{after, frames, plain, run};

/// Watches the cluster.
pub(super) async fn run(connection: &Connection, args: &Watch) -> Result<Ending, Problem> {
    let mut wanted = Vec::new();
    for name in &args.names {
        wanted.push(find::migration(connection, name).await?.name_any());
    }
    live(connection, args, wanted, None).await
}

/// Follows migrations that were just begun.
pub(super) async fn of_begun(
    connection: &Connection,
    args: &Migrate,
    names: Vec<String>,
) -> Result<Ending, Problem> {
    let watch = Watch {
        record: args.record.clone(),
        redact: args.redact,
        plain: !args.watch,
        ..Watch::default()
    };
    live(connection, &watch, names, Some(args.timeout.0.unwrap_or(FOREVER))).await
}

async fn live(
    connection: &Connection,
    args: &Watch,
    wanted: Vec<String>,
    patience: Option<Duration>,
) -> Result<Ending, Problem> {
    let namespace = (!args.all_namespaces).then(|| connection.namespace.clone());
    let mut tee = Tee::new(namespace.clone()).redacted(args.redact);
    if let Some(file) = &args.record {
        tee.begin(file, Timestamp::now()).map_err(refused)?;
    }
    let look = Look {
        namespace: namespace.clone(),
        labels: args.selector.clone().unwrap_or_default(),
        only: Some(&wanted)
            .filter(|wanted| wanted.len() == 1)
            .and_then(|wanted| wanted.first().cloned()),
    };
    let setting = Setting {
        place: connection.context.clone(),
        namespace,
        wanted,
        read_only: args.read_only,
        exit: args.exit,
        ..Setting::default()
    };
    let model = Model::new(setting, Head::newest());
    let (events, receiver) = unbounded_channel();
    let (orders, ordered) = unbounded_channel();
    tokio::spawn(live::run(
        connection.client.clone(),
        look,
        events.clone(),
        ordered,
    ));
    if !has_terminal() || args.plain {
        let ending = plain::run(model, tee, receiver, patience).await;
        // The source ends with its orders.
        drop(orders);
        return ending;
    }
    let outside = Outside {
        client: Some(connection.client.clone()),
        orders: Some(orders),
        drain: None,
        tee,
        begun: patience.is_some(),
        events: (events, receiver),
    };
    run::run(model, colour::of_view(connection.looks, args.ascii), outside).await
}

/// Plays a recording. No kubeconfig is read, and no cluster is asked.
pub(super) async fn play(place: &Place, args: &Watch, file: &Path) -> Result<Ending, Problem> {
    let recording = read::file(file).map_err(refused)?;
    let begun = recording.header.at;
    let at = args
        .at
        .map(|at| begun + SignedDuration::try_from(at).unwrap_or_default());
    let model = of_recording(place, args, file, &recording);
    if let Some(folder) = &args.frames {
        let wanted = frames::Wanted {
            folder: folder.clone(),
            size: args.size,
            at,
            begun,
        };
        let model = play::events(recording).fold(model, |model, event| after(model, event).0);
        let files = frames::write(model, &theme_of_frames(place.color, args), &wanted).map_err(refused)?;
        say::line(&format!("{} pictures in {}", files.len(), folder.display()));
        return Ok(Ending::Done);
    }
    if !has_terminal() {
        return Ok(plain::play(model, play::events(recording)));
    }
    let mut model = play::events(recording).fold(model, |model, event| after(model, event).0);
    if let Some(at) = at {
        model.head.show(&model.history, at);
    }
    let outside = Outside {
        client: None,
        orders: None,
        drain: None,
        tee: Tee::default(),
        begun: false,
        events: unbounded_channel(),
    };
    run::run(model, colour::of_view(place.looks(), args.ascii), outside).await
}

fn of_recording(place: &Place, args: &Watch, file: &Path, recording: &Recording) -> Model {
    let header = &recording.header;
    let setting = Setting {
        file: Some(
            file.file_name()
                .unwrap_or(file.as_os_str())
                .to_string_lossy()
                .into_owned(),
        ),
        invented: header.invented,
        place: format!("plugin {}", header.plugin),
        namespace: header.namespace.clone().or_else(|| place.namespace.clone()),
        wanted: args.names.iter().map(|name| Named::parse(name).name).collect(),
        read_only: true,
        exit: args.exit,
        drain: false,
    };
    Model::new(setting, Head::playing(args.speed))
}

/// Whether there is a terminal that can be drawn on, and a person at it.
pub(super) fn has_terminal() -> bool {
    say::can_repaint() && std::io::stdin().is_terminal()
}

/// A picture does not depend on the machine that makes it.
fn theme_of_frames(colour: Colour, args: &Watch) -> Theme {
    Theme {
        colour: colour != Colour::Never,
        light: false,
        ascii: args.ascii,
    }
}

fn refused(error: crate::view::recording::RecordingError) -> Problem {
    Problem::Refused(error.to_string())
}
