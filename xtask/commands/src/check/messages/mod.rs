//! docs/messages.md: every text of the product that a user can meet, as it stands in the sources.
//!
//! Guarantee: nothing is chosen by hand. All sources of the product are read, what is left out is left out by a rule, and the
//! page names each rule.

pub(super) mod collect;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::Deserialize;
use serde_yaml_ng::Value;

/// The folders whose texts are collected.
const CRATES: [&str; 8] = [
    "core",
    "controller",
    "webhook",
    "agent",
    "identity",
    "dialling",
    "kubectl-shadow",
    "deploy",
];

/// Policies whose messages the API server says.
const POLICIES: &str = "deploy/manifests";

const HEADER: &str = "# Messages

Generated from the sources of the product: `cargo xtask check --fix` writes it, `cargo xtask check` compares it. It is the list to read
when words are changed, and each change of a message is seen here.

Listed are, file by file, all texts of two words and more: string literals, the texts of errors and of attributes, and the messages
of the admission policies. `{}` and `{name}` stand for what is put in. A message that is put together from several texts stands in
several lines. Some texts are not for people (a command that is run, a line of a protocol): no rule can tell.

Left out are: tests; log lines (`info!` and its like) and assertions, which only the programs' logs have; texts of one word, such
as reasons (`core/src/reason.rs`), phases and headings; byte strings; doc comments. Of these, users meet the help screens
(`kubectl-shadow/tests/screens`) and the descriptions of fields (`deploy/crd`).
";

/// The page.
pub(super) fn page(root: &Path) -> anyhow::Result<String> {
    let mut page = HEADER.to_owned();
    for krate in CRATES {
        for file in product_files(&root.join(krate).join("src"))? {
            let text = fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
            let texts = collect::texts(&text).with_context(|| format!("parse {}", file.display()))?;
            section(&mut page, root, &file, texts)?;
        }
    }
    for file in files(&root.join(POLICIES), "yaml")? {
        let text = fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
        let texts = policy_messages(&text).with_context(|| format!("parse {}", file.display()))?;
        section(&mut page, root, &file, texts)?;
    }
    Ok(page)
}

fn section(page: &mut String, root: &Path, file: &Path, texts: Vec<String>) -> anyhow::Result<()> {
    let mut seen = BTreeSet::new();
    let lines: Vec<String> = texts
        .into_iter()
        .map(|text| text.trim().replace('\\', "\\\\").replace('\n', "\\n"))
        .filter(|line| is_sentence(line) && seen.insert(line.clone()))
        .collect();
    if lines.is_empty() {
        return Ok(());
    }
    let at = file.strip_prefix(root)?.display();
    write!(page, "\n## {at}\n\n```text\n{}\n```\n", lines.join("\n"))?;
    Ok(())
}

/// Two words and more.
fn is_sentence(line: &str) -> bool {
    let words = line
        .split_whitespace()
        .filter(|word| word.contains(|c: char| c.is_ascii_alphanumeric()));
    words.count() > 1 && line.contains(|c: char| c.is_ascii_alphabetic())
}

fn policy_messages(text: &str) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    for document in serde_yaml_ng::Deserializer::from_str(text) {
        messages_in(&Value::deserialize(document)?, &mut found);
    }
    Ok(found)
}

fn messages_in(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Mapping(fields) => {
            for (name, field) in fields {
                match (name.as_str(), field.as_str()) {
                    (Some("message"), Some(text)) => found.push(text.to_owned()),
                    _ => messages_in(field, found),
                }
            }
        }
        Value::Sequence(items) => items.iter().for_each(|item| messages_in(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Tagged(_) => {}
    }
}

/// Sources that are compiled into the product, in the order of their names.
pub(super) fn product_files(src: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let all = files(src, "rs")?;
    let mut tests = Vec::new();
    for file in &all {
        let text = fs::read_to_string(file)?;
        let parsed = syn::parse_file(&text).with_context(|| format!("parse {}", file.display()))?;
        tests.extend(collect::test_modules(&parsed).map(|name| below(file).join(name)));
    }
    Ok(all
        .into_iter()
        .filter(|file| !tests.iter().any(|test| file.with_extension("").starts_with(test)))
        .collect())
}

/// The folder of a file's modules.
fn below(file: &Path) -> PathBuf {
    let named = !["mod", "lib", "main"]
        .map(Some)
        .contains(&file.file_stem().and_then(|stem| stem.to_str()));
    if named {
        file.with_extension("")
    } else {
        file.parent().unwrap_or(file).to_owned()
    }
}

fn files(folder: &Path, extension: &str) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path, extension)?);
        } else if path.extension().is_some_and(|is| is == extension) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_one_word_is_none_and_a_policys_message_is_one() {
        for (line, is) in [
            ("Completed", false),
            (": ", false),
            (", {}", false),
            ("pod {pod} is gone", true),
            ("after {n} s", true),
        ] {
            assert_eq!(is_sentence(line), is, "{line}");
        }
        let policy = "spec:\n- expression: a\n  message: >-\n    not for\n    you\n---\nmessage: nor you";
        assert_eq!(policy_messages(policy).unwrap(), ["not for you", "nor you"]);
    }

    #[test]
    fn the_modules_of_a_file_lie_beside_or_below_it() {
        assert_eq!(below(Path::new("src/a/mod.rs")), Path::new("src/a"));
        assert_eq!(below(Path::new("src/b.rs")), Path::new("src/b"));
    }

    #[test]
    fn the_tests_of_a_crate_are_no_part_of_the_product() {
        let core = product_files(&xtask::workspace().join("core/src")).unwrap();
        let has = |name: &str| core.iter().any(|file| file.ends_with(name));
        assert!(has("premise/mod.rs") && has("doubt.rs") && !has("premise/tests.rs"));
    }
}
