//! The images of our own parts and of the sample consumer.

use super::binaries::{self, Profile};
use super::image::{Image, Launch};
use super::layer::{self, Entry};
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

const NOBODY: &str = "65532:65532";
const ROOT: &str = "0:0";

/// An image made of the programs of one package.
pub(super) struct Part {
    repository: &'static str,
    /// Started when the pod names no other.
    program: &'static str,
    others: &'static [&'static str],
    user: &'static str,
}

/// All of them.
pub(super) const PARTS: [Part; 4] = [
    Part {
        repository: "shadow/controller",
        program: "shadow-controller",
        others: &[],
        user: NOBODY,
    },
    Part {
        repository: "shadow/webhook",
        program: "shadow-webhook",
        others: &[],
        user: NOBODY,
    },
    Part {
        repository: "shadow/agent",
        program: "shadow-agent",
        others: &["shadow-node-helper", "shadow-runc"],
        // It owns the archives and its init container writes on the node.
        user: ROOT,
    },
    Part {
        repository: "samples/orders",
        program: "orders",
        others: &["orders-plain", "orders-load", "orders-oracle"],
        user: NOBODY,
    },
];

impl Part {
    /// The last part of the repository.
    pub(super) fn name(&self) -> &'static str {
        self.repository.rsplit('/').next().unwrap_or(self.repository)
    }

    /// Whether it is of the product, not a sample.
    pub(super) fn is_ours(&self) -> bool {
        self.repository.starts_with("shadow/")
    }

    fn programs(&self) -> impl Iterator<Item = &'static str> + use<> {
        [self.program].into_iter().chain(self.others.iter().copied())
    }

    fn image(&self, built: &BTreeMap<String, PathBuf>) -> Result<Image> {
        let mut files = BTreeMap::new();
        for program in self.programs() {
            let path = built_program(built, program)?;
            let content = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
            files.insert(format!("usr/bin/{program}"), Entry { mode: 0o755, content });
        }
        let entrypoint = format!("/usr/bin/{}", self.program);
        let launch = Launch {
            entrypoint: &entrypoint,
            user: self.user,
            environment: &["PATH=/usr/bin"],
        };
        Image::new(
            self.repository,
            "dev",
            &launch,
            vec![users()?, layer::of_files(&files)?],
        )
    }
}

/// Builds the images of these parts, with one build for all.
pub(super) fn images(parts: &[&Part], profile: Profile) -> Result<Vec<Image>> {
    let built = binaries::build(profile)?;
    for program in parts.iter().flat_map(|part| part.programs()) {
        binaries::check_static(&built_program(&built, program)?)?;
    }
    parts.iter().map(|part| part.image(&built)).collect()
}

fn built_program(built: &BTreeMap<String, PathBuf>, program: &str) -> Result<PathBuf> {
    let path = built.get(program);
    path.cloned()
        .with_context(|| format!("the workspace has no program {program}"))
}

/// Names for the user ids; the same layer for all images, so it is stored once.
fn users() -> Result<layer::Layer> {
    let file = |content: &str| Entry {
        mode: 0o644,
        content: content.into(),
    };
    layer::of_files(&BTreeMap::from([
        (
            "etc/passwd".to_owned(),
            file("root:x:0:0:root:/:\nnonroot:x:65532:65532:nonroot:/:\n"),
        ),
        ("etc/group".to_owned(), file("root:x:0:\nnonroot:x:65532:\n")),
    ]))
}
