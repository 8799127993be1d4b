//! `shadow-node-helper`: the privileged part of the agent's pod.
//!
//! `serve` (default) answers the agent; `install` and `uninstall` put the runtime handler on the node and take it away;
//! `in-node …` is how it calls itself.
#![forbid(unsafe_code)]

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use nix::sys::signal::{SigSet, Signal};
use shadow_agent::helper::{Answer, server, worker};
use shadow_agent::{install, layout, node};

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .json()
        .with_writer(std::io::stderr)
        .init();
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "node helper ends");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.split_first() {
        Some((word, rest)) if word == worker::IN_NODE => {
            let answer = worker::in_node(rest);
            let json = serde_json::to_vec(&answer).context("writing the answer")?;
            std::io::stdout().write_all(&json).context("writing the answer")
        }
        Some((word, _)) if word == "install" => install::install().context("installing the runtime handler"),
        Some((word, _)) if word == "prepare" => {
            install::prepare().context("preparing the node without a runtime handler")
        }
        Some((word, _)) if word == "uninstall" => {
            install::uninstall().context("removing the runtime handler")
        }
        Some((word, _)) if word != "serve" => {
            bail!("unknown word {word:?}; serve, install, prepare and uninstall are known")
        }
        Some(_) | None => serve(),
    }
}

fn serve() -> Result<()> {
    // Every thread inherits that it is not interrupted; what is started by them does not.
    let mut ends = SigSet::empty();
    ends.add(Signal::SIGTERM);
    ends.thread_block().context("blocking SIGTERM")?;
    // Before any thread exists, so that none stays behind in the network.
    node::enter::leave_network()?;
    if let Answer::Failed(why) = worker::thaw_leftovers() {
        bail!("could not thaw containers left paused: {why}");
    }
    std::thread::spawn(move || match ends.wait() {
        Ok(signal) => {
            tracing::info!(%signal, "node helper ends when what it does is done");
            server::settle();
            std::process::exit(0);
        }
        Err(errno) => {
            tracing::error!(%errno, "SIGTERM is not waited for: this helper ends only when it is killed")
        }
    });
    std::thread::spawn(worker::watch_over_frozen);
    server::serve(Path::new(layout::HELPER_SOCKET)).context("serving the agent")
}
