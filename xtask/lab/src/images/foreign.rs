//! The images of what the local cluster runs besides our parts: the pause program, cluster DNS and
//! RabbitMQ. Their layers are kept in the cache, so a warm run only looks them up.

use super::binaries;
use super::digest;
use super::image::{Image, Launch};
use super::layer::{self, Entry};
use crate::broker::server::{CONFIGURATION, PLUGINS};
use crate::broker::tree;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const PAUSE: &str = include_str!("pause.rs");
const START_RABBITMQ: &str = include_str!("rabbitmq.sh");

/// `pause:1`, the first process of every pod.
pub(super) fn pause() -> Result<Image> {
    single("pause", PAUSE, &[])
}

/// `NAME:1`, an image of one program, compiled from one source file that needs the standard library only.
/// Any user may write in these folders.
pub(super) fn single(name: &'static str, source: &str, folders: &[&str]) -> Result<Image> {
    let key = digest::of(source.as_bytes());
    let key = key.trim_start_matches("sha256:").get(..12).unwrap_or_default();
    let path = format!("usr/bin/{name}");
    let layer = layer::cached(&layer::cache_folder()?, &format!("{name}-{key}"), |writer| {
        let folder = tempfile::tempdir().context("make a folder for a program")?;
        let (from, program) = (folder.path().join("source.rs"), folder.path().join(name));
        fs::write(&from, source).with_context(|| format!("write the source of {name}"))?;
        binaries::compile(&from, &program)?;
        for folder in folders {
            writer.folder(folder, 0o1777)?;
        }
        writer.file(&path, 0o755, &program)
    })?;
    let launch = Launch {
        entrypoint: &format!("/{path}"),
        user: "65535:65535",
        environment: &[],
    };
    Image::new(name, "1", &launch, vec![layer])
}

/// `coredns:1`, from the folder with the CoreDNS program, whose name carries the version.
pub(super) fn coredns(folder: &Path) -> Result<Image> {
    let version = folder
        .file_name()
        .context("the folder of CoreDNS has no name")?
        .to_string_lossy();
    let layer = layer::cached(&layer::cache_folder()?, &version, |writer| {
        let program = folder.join("coredns");
        binaries::check_static(&program)?;
        writer.file("usr/bin/coredns", 0o755, &program)
    })?;
    let launch = Launch {
        entrypoint: "/usr/bin/coredns",
        user: "65532:65532",
        environment: &[],
    };
    Image::new("coredns", "1", &launch, vec![layer])
}

/// `samples/rabbitmq:dev`: the tree of the broker on loopback, and how to start it in the foreground.
pub(super) fn rabbitmq() -> Result<Image> {
    let tree = tree::ensure()?;
    let packages = layer::cached(&layer::cache_folder()?, tree::RECIPE, |writer| writer.tree(&tree))?;
    let file = |mode, content: &str| Entry {
        mode,
        content: content.into(),
    };
    let settings = layer::of_files(&BTreeMap::from([
        (
            "etc/rabbitmq/rabbitmq.conf".to_owned(),
            file(0o644, CONFIGURATION),
        ),
        (
            "etc/rabbitmq/enabled_plugins".to_owned(),
            file(0o644, &format!("{PLUGINS}\n")),
        ),
        (
            "usr/bin/rabbitmq-foreground".to_owned(),
            file(0o755, START_RABBITMQ),
        ),
    ]))?;
    let environment = [
        "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME=/var/lib/rabbitmq",
        "RABBITMQ_NODENAME=rabbit@localhost",
        "LANG=C.UTF-8",
    ];
    let launch = Launch {
        entrypoint: "/usr/bin/rabbitmq-foreground",
        user: "0:0",
        environment: &environment,
    };
    Image::new("samples/rabbitmq", "dev", &launch, vec![packages, settings])
}
