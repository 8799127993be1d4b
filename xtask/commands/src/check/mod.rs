//! Compares what is generated with what is committed; `--fix` writes it.

use std::path::Path;

use anyhow::{Context, bail};
use shadow_deploy::crd::{self, Definition};

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
        compared(root, &definition, args.fix)?;
    }
    if args.fix {
        return Ok(());
    }
    xtask_bench::check()
}

fn compared(root: &Path, definition: &Definition, fix: bool) -> anyhow::Result<()> {
    let path = root.join(definition.path);
    let generated = definition
        .generated()
        .with_context(|| format!("generate {}", definition.path))?;
    if fix {
        std::fs::write(&path, &generated).with_context(|| format!("write {}", path.display()))?;
        println!("wrote {}", definition.path);
        return Ok(());
    }
    let committed = std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    if committed != generated {
        bail!(
            "{} is not what core/src/api says: run `cargo xtask check --fix` and commit it",
            definition.path
        );
    }
    println!("{} is up to date", definition.path);
    Ok(())
}
