//! One module per command: each talks to the API server, renders, and says how it ended.

mod allow;
mod bundle;
mod cancel;
mod check;
mod explain;
mod find;
mod follow;
mod install;
mod migrate;
mod node_removal;
mod report;
mod setup;
mod status;
mod uninstall;
mod watch;

use crate::cli::{Cli, Command};
use crate::connection;
use crate::ending::Ending;
use crate::problem::Problem;

/// Runs the command.
pub async fn run(cli: Cli) -> Result<Ending, Problem> {
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
    let connection = connection::open(&cli.place).await?;
    match cli.command {
        Command::Migrate(args) => migrate::run(&connection, &args).await,
        Command::Watch(args) => watch::run(&connection, &args).await,
        Command::Status(args) => status::run(&connection, &args).await,
        Command::Report(args) => report::run(&connection, &args).await,
        Command::Cancel(args) => cancel::run(&connection, &args).await,
        Command::Check(args) => check::run(&connection, &args).await,
        Command::Explain(args) => explain::run(&args),
        Command::Bundle(args) => bundle::run(&connection, &args).await,
        Command::Setup(args) => setup::run(&connection, &args).await,
        Command::Allow(args) => allow::run(&connection, &args).await,
        Command::Install(args) => install::run(&connection, &args).await,
        Command::Uninstall(args) => uninstall::run(&connection, &args).await,
    }
}
