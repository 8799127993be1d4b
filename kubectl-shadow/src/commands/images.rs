//! `kubectl shadow images`: image archives into a registry, without a container engine.

use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::amount;
use crate::cli::{Images, ImagesCommand, ListImages, PushImages, RegistryLogin, VersionFormat};
use crate::connection::Connection;
use crate::ending::Ending;
use crate::images::archive::{Archive, ArchiveError};
use crate::images::login::{self, Known};
use crate::images::place::{Place, archives, folder};
use crate::images::push;
use crate::images::trouble::Trouble;
use crate::output::{Format, table};
use crate::problem::Problem;
use crate::say;

/// A terminal is painted anew so often.
const PAINTS: Duration = Duration::from_millis(100);

/// Whether the cluster is asked for a Secret.
pub(super) fn needs_cluster(args: &Images) -> bool {
    match &args.command {
        ImagesCommand::Push(args) => args.login.registry_secret.is_some(),
        ImagesCommand::List(_) => false,
    }
}

/// Runs the command.
pub(super) async fn run(connection: Option<&Connection>, args: &Images) -> Result<Ending, Problem> {
    match &args.command {
        ImagesCommand::List(args) => list(args),
        ImagesCommand::Push(args) => push(connection, args).await,
    }
}

fn list(args: &ListImages) -> Result<Ending, Problem> {
    let archives = archives(&folder(args.from.as_deref()))?;
    let printed = match args.output {
        Some(VersionFormat::Json) => Format::Json.object(&document(&archives))?,
        Some(VersionFormat::Yaml) => Format::Yaml.object(&document(&archives))?,
        None => None,
    };
    let lines = printed.unwrap_or_else(|| {
        let row = |(part, archive): &(&str, Archive)| {
            let size = amount::bytes(archive.size());
            let file = archive.path.display().to_string();
            [*part, &archive.digest, &size, &file]
                .map(table::Cell::from)
                .to_vec()
        };
        table::lines(
            Some(&["IMAGE", "DIGEST", "SIZE", "FILE"]),
            archives.iter().map(row).collect(),
        )
    });
    lines.iter().for_each(|line| say::line(line));
    Ok(Ending::Done)
}

fn document(archives: &[(&str, Archive)]) -> Value {
    let image = |(part, archive): &(&str, Archive)| json!({"name": part, "digest": archive.digest, "bytes": archive.size(), "file": archive.path});
    json!({"images": archives.iter().map(image).collect::<Vec<_>>()})
}

async fn push(connection: Option<&Connection>, args: &PushImages) -> Result<Ending, Problem> {
    let place = Place::new(&args.registry, &args.tag)?;
    let archives = archives(&folder(args.from.as_deref()))?;
    let known = known(connection, &place, &args.login).await?;
    push_all(&archives, &place, &known, args.plain_http).await?;
    let tag = if args.tag == crate::cli::TAG {
        String::new()
    } else {
        format!(" --tag {}", args.tag)
    };
    say::line(&format!(
        "To install them, type: kubectl shadow install --registry {}{tag}",
        place.registry
    ));
    Ok(Ending::Done)
}

/// Who to be at the registry: as typed, of the Secret, else of Docker's file.
pub(super) async fn known(
    connection: Option<&Connection>,
    place: &Place,
    wanted: &RegistryLogin,
) -> Result<Known, Problem> {
    let repository = place.repository("agent")?;
    match (&wanted.username, &wanted.registry_secret, connection) {
        (Some(user), _, _) => login::typed(user),
        (None, Some((namespace, name)), Some(connection)) => {
            login::of_secret(&connection.client, (namespace, name), &repository).await
        }
        (None, _, _) => login::of_docker(&repository),
    }
}

/// Pushes them one after the other; a line for each.
pub(super) async fn push_all(
    archives: &[(&'static str, Archive)],
    place: &Place,
    known: &Known,
    plain_http: bool,
) -> Result<(), Problem> {
    let client = push::client(plain_http)?;
    for (part, archive) in archives {
        let image = place.image(part)?;
        let pushed = push::push(&client, archive, &image, known, painter(part, archive.size())).await;
        let pushed = pushed.map_err(|error| {
            let registry = image.registry();
            Problem::Refused(Trouble::of(&error).told(registry, plain_http, &known.source))
        })?;
        let name = image.whole();
        say::line(&match (pushed.sent, pushed.there) {
            (0, _) => format!("there   {name} (nothing to send)"),
            (sent, 0) => format!("pushed  {name} ({} sent)", amount::bytes(sent)),
            (sent, there) => format!(
                "pushed  {name} ({} sent, {} were there)",
                amount::bytes(sent),
                amount::bytes(there)
            ),
        });
    }
    Ok(())
}

/// On a terminal: how much of an image has gone.
fn painter(part: &'static str, of: u64) -> impl Fn(u64) + Clone + Send + Sync + 'static {
    let last = Arc::new(Mutex::new(Instant::now()));
    let paints = say::can_repaint();
    move |sent| {
        let Ok(mut last) = last.lock() else { return };
        if paints && last.elapsed() >= PAINTS {
            *last = Instant::now();
            say::paint(&format!(
                "{part}: {} of {}",
                amount::bytes(sent),
                amount::bytes(of)
            ));
        }
    }
}

impl From<ArchiveError> for Problem {
    fn from(error: ArchiveError) -> Self {
        Self::Refused(error.to_string())
    }
}

/// The archives that are going to be pushed, before anything else is done.
pub(super) fn of_folder(named: Option<&Path>) -> Result<Vec<(&'static str, Archive)>, Problem> {
    Ok(archives(&folder(named))?)
}
