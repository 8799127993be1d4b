//! Compares what is generated with what is committed; `--fix` writes it.

mod faults;
mod messages;
mod metrics;
mod refusals;
mod rights;

use std::path::Path;

use anyhow::{Context, bail};
use shadow_deploy::crd;

/// Arguments of the command.
#[derive(clap::Args, Default)]
pub(crate) struct Args {
    /// Write the generated files instead of comparing them.
    #[arg(long)]
    fix: bool,
}

/// Runs the command.
pub(crate) fn run(args: Args) -> anyhow::Result<()> {
    let root = xtask::workspace();
    for definition in crd::ALL {
        let generated = definition
            .generated()
            .with_context(|| format!("generate {}", definition.path))?;
        compared(root, definition.path, "core/src/api", &generated, args.fix)?;
    }
    let scenarios = "xtask/e2e/src/scenarios.rs";
    compared(root, "docs/scenarios.md", scenarios, &xtask_e2e::page(), args.fix)?;
    let broken = xtask_e2e::broker_faults(root)?;
    let runs = "xtask/e2e/src/brokers and its record";
    compared(root, "docs/broker-faults.md", runs, &broken, args.fix)?;
    compared(
        root,
        "docs/metrics.md",
        "telemetry/src",
        &metrics::page(),
        args.fix,
    )?;
    let rights = rights::page().context("judge the manifests' roles")?;
    compared(root, "docs/rights.md", "deploy/manifests", &rights, args.fix)?;
    let said = messages::page(root)?;
    compared(root, "docs/messages.md", "the product", &said, args.fix)?;
    faults::check(root)?;
    refusals::check(root)?;
    if args.fix {
        return Ok(());
    }
    xtask_bench::check()
}

/// Writes what was made from `source`, or compares it with what is there.
fn compared(root: &Path, at: &str, source: &str, generated: &str, fix: bool) -> anyhow::Result<()> {
    let path = root.join(at);
    if fix {
        std::fs::write(&path, generated).with_context(|| format!("write {}", path.display()))?;
        println!("wrote {at}");
        return Ok(());
    }
    let committed = std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    if committed != generated {
        bail!("{at} is not what {source} says: run `cargo xtask check --fix` and commit it");
    }
    println!("{at} is up to date");
    Ok(())
}
