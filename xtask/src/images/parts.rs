//! The images of our own parts and of the sample consumer.

use super::binaries;
use super::image::{Image, Launch};
use super::layer::{self, Entry};
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

const NOBODY: &str = "65532:65532";
const ROOT: &str = "0:0";

/// An image made of the programs of one package.
pub(crate) struct Part {
    repository: &'static str,
    package: &'static str,
    /// Started when the pod names no other.
    program: &'static str,
    others: &'static [&'static str],
    user: &'static str,
}

/// All of them.
pub(crate) const PARTS: [Part; 4] = [
    Part {
        repository: "shadow/controller",
        package: "shadow-controller",
        program: "shadow-controller",
        others: &[],
        user: NOBODY,
    },
    Part {
        repository: "shadow/webhook",
        package: "shadow-webhook",
        program: "shadow-webhook",
        others: &[],
        user: NOBODY,
    },
    Part {
        repository: "shadow/agent",
        package: "shadow-agent",
        program: "shadow-agent",
        others: &["shadow-node-helper", "shadow-runc"],
        // It owns the archives and its init container writes on the node.
        user: ROOT,
    },
    Part {
        repository: "samples/orders",
        package: "orders",
        program: "orders",
        others: &["orders-plain", "orders-load", "orders-oracle"],
        user: NOBODY,
    },
];

impl Part {
    /// The last part of the repository.
    pub(crate) fn name(&self) -> &'static str {
        self.repository.rsplit('/').next().unwrap_or(self.repository)
    }

    fn image(&self, built: &BTreeMap<String, PathBuf>) -> Result<Image> {
        let mut files = BTreeMap::new();
        for &program in [&self.program].into_iter().chain(self.others) {
            let path = built
                .get(program)
                .with_context(|| format!("package {} has no program {program}", self.package))?;
            let content = fs::read(path).with_context(|| format!("read {}", path.display()))?;
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
pub(crate) fn images(parts: &[&Part]) -> Result<Vec<Image>> {
    let packages: Vec<_> = parts.iter().map(|part| part.package).collect();
    let built = binaries::build(&packages)?;
    parts.iter().map(|part| part.image(&built)).collect()
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
