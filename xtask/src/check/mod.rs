//! Compares what is generated with what is committed; `--fix` writes it.

use std::path::Path;

use anyhow::{Context, bail};
use shadow_deploy::crd;

use crate::bench;

/// Arguments of the command.
#[derive(clap::Args, Default)]
pub(crate) struct Args {
    /// Write the generated files instead of comparing them.
    #[arg(long)]
    fix: bool,
}

/// Runs the command.
pub(crate) fn run(args: Args) -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let path = root.join(crd::PATH);
    let generated = crd::generated().context("generate the custom resource")?;
    if args.fix {
        std::fs::write(&path, &generated).with_context(|| format!("write {}", path.display()))?;
        println!("wrote {}", crd::PATH);
        return Ok(());
    }
    let committed = std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    if committed != generated {
        bail!(
            "{} is not what core/src/api says: run `cargo xtask check --fix` and commit it",
            crd::PATH
        );
    }
    println!("{} is up to date", crd::PATH);
    bench::check()
}
