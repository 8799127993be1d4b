//! Entry point: arguments in, exit code out.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;
use kubectl_shadow::{cli::Cli, commands, complete, ending::Ending, say};

fn main() -> ExitCode {
    let typed = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
    if let Some(words) = complete::asked(typed) {
        return complete(&words);
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers; clap writes them to standard output itself.
            let code = if error.use_stderr() {
                Ending::Refused.code()
            } else {
                0
            };
            return match error.print() {
                Ok(()) => ExitCode::from(code),
                Err(_) => ExitCode::from(Ending::Refused.code()),
            };
        }
    };
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            say::problem(&format!("cannot start: {error}"));
            return ExitCode::from(Ending::Unknown.code());
        }
    };
    let ending = match runtime.block_on(commands::run(cli)) {
        Ok(ending) => ending,
        Err(problem) => {
            problem.lines().iter().for_each(|line| say::problem(line));
            problem.ending()
        }
    };
    // A name resolution that hangs must not keep the prompt.
    runtime.shutdown_background();
    ExitCode::from(ending.code())
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

/// kubectl asks what could be typed next.
fn complete(words: &[String]) -> ExitCode {
    let Ok(runtime) = runtime() else {
        return ExitCode::from(Ending::Unknown.code());
    };
    runtime.block_on(commands::complete::answer(words));
    runtime.shutdown_background();
    ExitCode::SUCCESS
}
