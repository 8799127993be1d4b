//! A fixed compile: how fast this machine is now. Times of builds and tests are told as multiples of it beside seconds, since
//! the speed of one machine drifts by a factor of two.
//!
//! The source is made here and needs the standard library alone, so that no change of ours or of a dependency changes it.

use std::env;
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Modules of the source; some seconds of compiling on two cores.
const MODULES: u32 = 12;

/// How long the fixed compile takes now. Nothing else should run meanwhile.
///
/// # Errors
///
/// rustc is not there or cannot compile it.
pub fn fixed_compile() -> Result<Duration> {
    let folder = tempfile::tempdir().context("make a folder for the fixed compile")?;
    let path = folder.path().join("fixed.rs");
    fs::write(&path, source()).context("write the source of the fixed compile")?;
    let begun = Instant::now();
    let status = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
        .args([
            "--edition=2024",
            "--crate-type=lib",
            "-Copt-level=1",
            "-Ccodegen-units=16",
            "-Cdebuginfo=0",
        ])
        .arg("--out-dir")
        .args([folder.path(), path.as_path()])
        .status()
        .context("run rustc")?;
    let took = begun.elapsed();
    if !status.success() {
        bail!("the fixed compile ended with {status}");
    }
    Ok(took)
}

/// A time in seconds and in fixed compiles.
#[must_use]
pub fn told(time: Duration, fixed: Duration) -> String {
    format!(
        "{:.0} s, {:.0} fixed compiles of {:.1} s",
        time.as_secs_f64(),
        time.as_secs_f64() / fixed.as_secs_f64(),
        fixed.as_secs_f64()
    )
}

/// Generic code of the kind that our crates consist of, made concrete once a module.
fn source() -> String {
    let mut text = String::new();
    for n in 0..MODULES {
        let module = format!(
            "pub mod m{n} {{
    use std::collections::BTreeMap;
    #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct Key([u8; {n} + 1], String);
    pub fn grouped(all: &[(Key, u64)]) -> BTreeMap<Key, Vec<u64>> {{
        let mut groups: BTreeMap<Key, Vec<u64>> = BTreeMap::new();
        for (key, value) in all {{
            groups.entry(key.clone()).or_default().push(*value);
        }}
        for values in groups.values_mut() {{
            values.sort_by_key(|value| std::cmp::Reverse(*value ^ {n}));
        }}
        groups
    }}
    pub fn told(all: &[(Key, u64)]) -> String {{
        grouped(all).iter().map(|(key, values)| format!(\"{{key:?}} {{values:?}}\")).collect::<Vec<_>>().join(\",\")
    }}
}}"
        );
        text.push_str(&module);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn source_compiles_and_is_the_same_each_time() {
        assert_eq!(source(), source());
        assert!(fixed_compile().unwrap() > Duration::ZERO);
    }

    #[test]
    fn time_is_told_in_both_units() {
        let text = told(Duration::from_secs(1_650), Duration::from_millis(5_500));
        assert_eq!(text, "1650 s, 300 fixed compiles of 5.5 s");
    }
}
