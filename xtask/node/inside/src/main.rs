//! The program inside the virtual machine of the node test: kubelet and containerd as packaged, our helper, our `shadow-runc`,
//! and the agent's own code. It dumps a container, restores it, dumps and restores the copy, and tells what it saw on a serial
//! line. `node-inside LINE` is started by systemd, when the container runtime answers.
#![forbid(unsafe_code)]

mod agent;
mod facts;
mod judge;
mod node;
mod pods;
mod portrait;
mod report;
mod scenes;
mod sees;
mod wait;

use std::process::ExitCode;

use anyhow::{Context, Result};
use report::Report;

fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the test cannot tell what it saw: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let line = std::env::args().nth(1).context("which serial line?")?;
    let mut report = Report::to(&line)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("start the runtime")?;
    let outcome = runtime.block_on(scenes::all(&mut report));
    if outcome.is_err() {
        // The console is what is left of the machine.
        let journal = [
            "--no-pager",
            "-o",
            "short-monotonic",
            "-n",
            "80",
            "-u",
            "kubelet",
            "-u",
            "containerd",
        ];
        println!("{}", facts::said("journalctl", &journal)?);
    }
    report.claim("the machine can be tested to the end", outcome)?;
    report.end()
}
