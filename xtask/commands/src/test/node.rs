//! `cargo xtask test --only node`: an ordinary node in a virtual machine. Part of `--all`, in its first part.

use anyhow::Result;
use xtask_e2e::tally::Tally;
use xtask_lab::images::binaries::Profile;
use xtask_node::told::Told;

/// How it is asked for.
pub(super) const NAME: &str = "node";

/// Runs it; each claim that the machine tells of is a test.
pub(super) fn run(tally: &mut Tally) {
    println!("test {NAME} ...");
    let outcome = xtask_node::run(Profile::Verify, |told| take_in(told, tally));
    tally.note("node: the virtual machine tells everything", outcome);
}

fn take_in(told: &Told, tally: &mut Tally) {
    match told {
        Told::Fact { name, value } => println!("     node: {name}: {value}"),
        Told::Passed { claim, at_seconds } => tally.note(&named(claim, *at_seconds), Ok(())),
        Told::Failed {
            claim,
            at_seconds,
            why,
        } => tally.note(&named(claim, *at_seconds), failed(why)),
        Told::End => {}
    }
}

fn named(claim: &str, at_seconds: u64) -> String {
    format!("node: {claim} ({at_seconds} s after its start)")
}

fn failed(why: &str) -> Result<()> {
    Err(anyhow::anyhow!(why.to_owned()))
}
