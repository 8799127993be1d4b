//! One module per command: each talks to the API server, renders, and says how it ended.

mod allow;
mod bundle;
mod cancel;
mod check;
mod colour;
pub mod complete;
mod completion;
mod drain;
mod explain;
mod find;
mod follow;
mod images;
mod install;
mod list;
mod logs;
mod migrate;
mod node_removal;
mod pause;
mod plan;
mod pods;
mod policy;
mod report;
mod setup;
mod status;
mod uninstall;
mod version;
mod wanted;
mod watch;

use crate::cli::{Cli, Command};
use crate::connection::{self, Connection};
use crate::ending::Ending;
use crate::problem::Problem;

/// Runs the command.
pub async fn run(cli: Cli) -> Result<Ending, Problem> {
    // Of these no file is read, and no cluster is asked.
    if let Command::Watch(args) = &cli.command
        && let Some(file) = &args.play
    {
        return watch::play(&cli.place, args, file).await;
    }
    if let Command::Report(args) = &cli.command
        && let Some(file) = &args.from
    {
        return report::of_recording(&cli.place, args, file);
    }
    if let Command::Explain(args) = &cli.command {
        return explain::run(args);
    }
    if let Command::Completion(args) = &cli.command {
        return completion::run(args);
    }
    if let Command::Version(args) = &cli.command
        && args.client
    {
        return version::client(args);
    }
    if let Command::Images(args) = &cli.command
        && !images::needs_cluster(args)
    {
        return images::run(None, args).await;
    }
    if let Command::Install(args) = &cli.command
        && install::is_printed(args)
    {
        return install::print(args);
    }
    let connection = connection::open(&cli.place).await?;
    let ended = dispatch(cli.command, &connection).await;
    ended.map_err(|problem| problem.in_context(&connection.context))
}

async fn dispatch(command: Command, connection: &Connection) -> Result<Ending, Problem> {
    match command {
        Command::Images(args) => images::run(Some(connection), &args).await,
        Command::Migrate(args) => migrate::run(connection, &args).await,
        Command::Plan(args) => plan::run(connection, &args).await,
        Command::Drain(args) => drain::run(connection, &args).await,
        Command::Watch(args) => watch::run(connection, &args).await,
        Command::List(args) => list::run(connection, &args).await,
        Command::Status(args) => status::run(connection, &args).await,
        Command::Cancel(args) => cancel::run(connection, &args).await,
        Command::Pause(args) => pause::run(connection, &args).await,
        Command::Resume(args) => pause::resume(connection, &args).await,
        Command::Policy(args) => policy::run(connection, &args).await,
        Command::Logs(args) => logs::run(connection, &args).await,
        Command::Allow(args) => allow::run(connection, &args).await,
        Command::Install(args) => install::run(connection, &args).await,
        Command::Uninstall(args) => uninstall::run(connection, &args).await,
        Command::Version(args) => version::run(connection, &args).await,
        Command::Completion(args) => completion::run(&args),
        Command::Report(args) => report::run(connection, &args).await,
        Command::Check(args) => check::run(connection, &args).await,
        Command::Explain(args) => explain::run(&args),
        Command::Bundle(args) => bundle::run(connection, &args).await,
        Command::Setup(args) => setup::run(connection, &args).await,
    }
}
