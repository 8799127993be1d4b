//! `cargo xtask criu`: whether CRIU still prints what the table in core (`criu_words`) translates.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context, Result, bail};
use shadow_core::criu_words::{explain, telling};
use xtask_lab::criu::{self, Log};

/// What CRIU printed when the table was written.
const KEPT: &str = "core/src/criu_words/printed.txt";

/// Arguments of the command.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Keep what CRIU prints now instead of comparing it.
    #[arg(long)]
    write: bool,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> Result<()> {
    let version = criu::version()?;
    let logs = criu::print()?;
    let path = xtask::workspace().join(KEPT);
    if args.write {
        std::fs::write(&path, page(&version, &logs)?).with_context(|| format!("write {}", path.display()))?;
        println!("wrote {KEPT}: {} failures of CRIU {version}", logs.len());
        return Ok(());
    }
    let kept = std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    let (kept, now) = (causes(&sections(&kept)), causes(&logs));
    for (name, cause) in &now {
        println!("{name}: {}", cause.unwrap_or("is not translated"));
    }
    if kept != now {
        bail!(
            "CRIU {version} does not print what {KEPT} has; run `cargo xtask criu --write` and correct the table"
        );
    }
    println!("{} failures of CRIU {version} are translated as kept", now.len());
    Ok(())
}

fn page(version: &str, logs: &[Log]) -> Result<String> {
    let mut page = format!("CRIU {version}, written by cargo xtask criu --write\n");
    for log in logs {
        writeln!(page, "\n## {}", log.name)?;
        for line in telling(&log.text) {
            writeln!(page, "{line}")?;
        }
    }
    Ok(page)
}

fn sections(page: &str) -> Vec<Log> {
    let sections = page.split("\n## ").skip(1);
    let log = |section: &str| {
        let (name, text) = section.split_once('\n')?;
        Some(Log {
            name: name.to_owned(),
            text: text.to_owned(),
        })
    };
    sections.filter_map(log).collect()
}

/// The row of the table for each failure.
fn causes(logs: &[Log]) -> BTreeMap<String, Option<&'static str>> {
    let cause = |log: &Log| (log.name.clone(), explain(&log.text).map(|found| found.cause));
    logs.iter().map(cause).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_as_it_was_written() {
        let log = Log {
            name: "other_user.dump".to_owned(),
            text: "(0.1) before\n(0.2) Error (criu/cr-dump.c:389): Can't get rlimit 0: Operation not permitted\n".to_owned(),
        };
        let page = page("4.2.1", std::slice::from_ref(&log)).unwrap();
        assert!(
            page.starts_with("CRIU 4.2.1") && !page.contains("before"),
            "{page}"
        );
        assert_eq!(causes(&sections(&page)), causes(&[log]));
    }
}
