//! Every refusal tells the way out: a command, a flag, or something that the user can do. A field alone is none: it says where,
//! not what.
//!
//! Guarantee: refusals are looked for where they are made ([`sites`]), not by hand. What a refusal says is put together from the
//! texts of the expression, of the variables and constants it names, and of the functions it calls. Alternatives of one expression
//! count as one text: one of them without a way out is not found.

mod sites;
mod way;

use std::fs;
use std::path::Path;

use anyhow::{Context, bail};

use super::messages::product_files;
use sites::Site;

/// The crates that refuse.
const CRATES: [&str; 2] = ["core", "controller"];

/// Files whose errors are parts of others: what came over a wire, or what a key or a Secret is.
const PARTS: [&str; 5] = [
    "controller/src/broker/single_active/depth.rs",
    "controller/src/broker/single_active/frames.rs",
    "controller/src/broker/wire/tables.rs",
    "core/src/names.rs",
    "core/src/registry_users.rs",
];

/// Fails if a refusal names no way out.
pub(super) fn check(root: &Path) -> anyhow::Result<()> {
    let all = all(root)?;
    let without: Vec<String> = all
        .iter()
        .filter(|site| !way::is_named(&site.said))
        .map(|site| format!("{}: {}", site.file, site.said.join(" ")))
        .collect();
    if !without.is_empty() {
        bail!(
            "these refusals name neither a command nor a flag nor something to do (xtask/commands/src/check/refusals/way.rs):\n{}",
            without.join("\n")
        );
    }
    println!("{} refusals name a way out", all.len());
    Ok(())
}

fn all(root: &Path) -> anyhow::Result<Vec<Site>> {
    let mut found = Vec::new();
    for krate in CRATES {
        let src = root.join(krate).join("src");
        let mut files = Vec::new();
        for path in product_files(&src)? {
            let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
            let parsed = syn::parse_file(&text).with_context(|| format!("parse {}", path.display()))?;
            files.push((path.strip_prefix(root)?.display().to_string(), parsed));
        }
        found.extend(
            sites::of(&files)
                .into_iter()
                .filter(|site| !PARTS.contains(&site.file.as_str())),
        );
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_of_core_and_controller_names_a_way_out() {
        check(xtask::workspace()).unwrap();
    }

    /// A rule that finds nothing would be kept by everything.
    #[test]
    fn refusals_are_found_where_they_are_made() {
        let all = all(xtask::workspace()).unwrap();
        assert!(all.len() > 100, "{} refusals", all.len());
        for part in [
            "core/src/validate/source.rs",
            "core/src/validate/stream.rs",
            "core/src/machine/steps/stage.rs",
            "core/src/strategy.rs",
            "controller/src/broker/error.rs",
        ] {
            assert!(all.iter().any(|site| site.file == part), "{part}");
        }
    }
}
