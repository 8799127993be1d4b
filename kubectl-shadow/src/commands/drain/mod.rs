//! `kubectl shadow drain`: moves the consumers of a node away, and evicts the rest if asked to. The plan of every move comes first.
//!
//! Guarantee: a pod is known by its UID; a drain that is begun again goes on with the moves that are under way.
//!
//! - [`draining`]: the drain itself
//! - [`asked`]: what the user wants meanwhile; [`tell`]: who is told
//! - [`shown`]: the live view and the recording around it
//! - [`gather`], [`plans`], [`moves`], [`evictions`]: what it asks of the API server

mod asked;
mod draining;
mod evictions;
mod gather;
mod moves;
mod plans;
mod shown;
mod tell;

use asked::Asked;
use draining::Draining;
use tell::Teller;

use super::watch::has_terminal;
use crate::cli::{Drain, DrainOutput};
use crate::connection::Connection;
use crate::drain::{document, ending, ending_of_plan, summary, table};
use crate::ending::Ending;
use crate::problem::Problem;
use crate::say;

/// Runs the command.
pub(super) async fn run(connection: &Connection, args: &Drain) -> Result<Ending, Problem> {
    if args.dry_run {
        return planned(connection, args).await;
    }
    if args.watch && has_terminal() {
        let (draining, asked) = shown::run(connection, args).await?;
        table(&draining.rows).iter().for_each(|text| say::line(text));
        return Ok(told(args, draining, &asked));
    }
    let (recording, events) = if args.record.is_some() {
        let (recording, events) = shown::Recording::begin(connection, args)?;
        (Some(recording), Some(events))
    } else {
        (None, None)
    };
    let ended = lines(connection, args, Teller::new(args.output.is_none(), events)).await;
    if let Some(recording) = recording {
        recording.end().await?;
    }
    ended
}

async fn planned(connection: &Connection, args: &Drain) -> Result<Ending, Problem> {
    let mut asked = Asked::by_interrupts()?;
    let teller = Teller::new(args.output.is_none(), None);
    let mut draining = Draining::begin(connection, args, teller).await?;
    draining.planned(&mut asked).await?;
    draining.teller.say("nothing was done (--dry-run)");
    print(args, &draining, asked.stop);
    Ok(ending_of_plan(&draining.rows))
}

async fn lines(connection: &Connection, args: &Drain, teller: Teller) -> Result<Ending, Problem> {
    let mut asked = Asked::by_interrupts()?;
    let mut draining = Draining::begin(connection, args, teller).await?;
    if let Err(problem) = draining.whole(&mut asked).await {
        // A script wants to know what became of each pod nevertheless.
        print(args, &draining, asked.ends());
        return Err(problem);
    }
    Ok(told(args, draining, &asked))
}

/// The last lines.
fn told(args: &Drain, draining: Draining<'_>, asked: &Asked) -> Ending {
    if args.output.is_none() {
        let lines = summary(&args.node, &draining.rows, asked.ends());
        lines.iter().for_each(|text| say::line(text));
    }
    print(args, &draining, asked.ends());
    ending(&draining.rows, asked.ends())
}

fn print(args: &Drain, draining: &Draining<'_>, stopped: bool) {
    if args.output == Some(DrainOutput::Json) {
        say::line(&document(&args.node, &draining.rows, stopped).to_string());
    }
}
