//! Streams that lie: each must be refused, and nothing may be written outside the folder.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends at the first surprise"
)]

use std::fs;
use std::path::Path;

use shadow_agent::archive::unpack::{Promise, unpack};
use shadow_agent::archive::{ArchiveError, FileEntry, Manifest, pack};
use tar::{EntryType, Header};

fn archive(dir: &Path) -> Manifest {
    fs::create_dir_all(dir.join("images")).unwrap();
    fs::write(dir.join("images/pages-1.img"), vec![7; 300_000]).unwrap();
    fs::write(dir.join("images/core-1.img"), b"core").unwrap();
    fs::write(dir.join("rootfs-diff.tar"), b"layer").unwrap();
    fs::write(dir.join("spec.json"), b"{}").unwrap();
    let manifest = Manifest::of(dir).unwrap();
    manifest.store(dir).unwrap();
    manifest
}

fn promise(manifest: &Manifest) -> Promise {
    Promise {
        digest: manifest.digest(),
        bytes: manifest.bytes(),
    }
}

/// A stream made by hand.
struct Forged(tar::Builder<Vec<u8>>);

impl Forged {
    fn new(manifest: &Manifest) -> Self {
        let mut forged = Self(tar::Builder::new(Vec::new()));
        forged.file("manifest.json", &serde_json::to_vec(manifest).unwrap());
        forged
    }

    fn file(&mut self, name: &str, content: &[u8]) {
        self.entry(name, EntryType::Regular, content);
    }

    fn entry(&mut self, name: &str, kind: EntryType, content: &[u8]) {
        let mut header = Header::new_ustar();
        // Around the checks of the library: the sender is an attacker.
        let raw = header.as_ustar_mut().unwrap();
        raw.name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(kind);
        header.set_size(content.len() as u64);
        header.set_mode(0o600);
        if kind == EntryType::Symlink || kind == EntryType::Link {
            header.set_link_name("/etc").unwrap();
        }
        header.set_cksum();
        self.0.append(&header, content).unwrap();
    }

    fn stream(self) -> Vec<u8> {
        zstd::encode_all(self.0.into_inner().unwrap().as_slice(), 1).unwrap()
    }
}

fn one_file(content: &[u8]) -> (tempfile::TempDir, Manifest) {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("images")).unwrap();
    fs::write(dir.path().join("spec.json"), content).unwrap();
    let manifest = Manifest::of(dir.path()).unwrap();
    (dir, manifest)
}

fn refusal(stream: &[u8], promise: &Promise) -> ArchiveError {
    let place = tempfile::tempdir().unwrap();
    let target = place.path().join("archive.partial");
    let error = unpack(stream, &target, promise).expect_err("the stream was accepted");
    let beside: Vec<_> = fs::read_dir(place.path()).unwrap().collect();
    assert_eq!(beside.len(), 1, "something was written beside the archive");
    error
}

#[test]
fn a_true_archive_arrives_as_it_was() {
    let source = tempfile::tempdir().unwrap();
    let manifest = archive(source.path());
    let stream = pack::pack(source.path(), Vec::new()).unwrap();
    let place = tempfile::tempdir().unwrap();
    let target = place.path().join("archive.partial");
    unpack(stream.as_slice(), &target, &promise(&manifest)).unwrap();
    assert_eq!(Manifest::of(&target).unwrap(), manifest);
    assert_eq!(Manifest::load(&target).unwrap(), manifest);
}

#[test]
fn a_stream_that_ends_early_is_refused_wherever_it_ends() {
    let source = tempfile::tempdir().unwrap();
    let manifest = archive(source.path());
    let stream = pack::pack(source.path(), Vec::new()).unwrap();
    for part in 0..20 {
        refusal(&stream[..stream.len() * part / 20], &promise(&manifest));
    }
}

#[test]
fn another_digest_or_size_is_refused_before_a_file_is_written() {
    let (_dir, manifest) = one_file(b"{}");
    let mut forged = Forged::new(&manifest);
    forged.file("spec.json", b"{}");
    let stream = forged.stream();
    let wrong = Promise {
        digest: "0".repeat(64),
        ..promise(&manifest)
    };
    assert!(matches!(refusal(&stream, &wrong), ArchiveError::Mismatch(_)));
    let wrong = Promise {
        bytes: 1,
        ..promise(&manifest)
    };
    assert!(matches!(refusal(&stream, &wrong), ArchiveError::Mismatch(_)));
}

#[test]
fn content_that_differs_from_its_hash_is_refused() {
    let (_dir, manifest) = one_file(b"{}");
    let mut forged = Forged::new(&manifest);
    forged.file("spec.json", b"[]");
    assert!(matches!(
        refusal(&forged.stream(), &promise(&manifest)),
        ArchiveError::Mismatch(_)
    ));
}

#[test]
fn names_outside_the_manifest_are_refused() {
    for name in [
        "../evil",
        "/tmp/evil",
        "images/../../evil",
        "images/unknown.img",
        "manifest.json",
    ] {
        let (_dir, manifest) = one_file(b"{}");
        let mut forged = Forged::new(&manifest);
        forged.file(name, b"{}");
        let error = refusal(&forged.stream(), &promise(&manifest));
        assert!(matches!(error, ArchiveError::Refused(_)), "{name}: {error}");
    }
}

#[test]
fn a_manifest_that_names_a_way_out_is_refused() {
    let entry = FileEntry {
        path: "images/../../evil".into(),
        size: 0,
        sha256: String::new(),
    };
    let manifest = Manifest {
        version: 1,
        files: vec![entry],
    };
    let forged = Forged::new(&manifest);
    assert!(matches!(
        refusal(&forged.stream(), &promise(&manifest)),
        ArchiveError::Refused(_)
    ));
}

#[test]
fn links_devices_folders_and_extension_headers_are_refused() {
    let kinds = [
        EntryType::Symlink,
        EntryType::Link,
        EntryType::Char,
        EntryType::Block,
        EntryType::Fifo,
        EntryType::Directory,
        EntryType::GNULongName,
        EntryType::XHeader,
        EntryType::GNUSparse,
    ];
    for kind in kinds {
        let (_dir, manifest) = one_file(b"{}");
        let mut forged = Forged::new(&manifest);
        forged.entry("spec.json", kind, b"");
        let error = refusal(&forged.stream(), &promise(&manifest));
        assert!(matches!(error, ArchiveError::Refused(_)), "{kind:?}: {error}");
    }
}

#[test]
fn a_file_that_comes_twice_is_refused() {
    let (_dir, manifest) = one_file(b"{}");
    let mut forged = Forged::new(&manifest);
    forged.file("spec.json", b"{}");
    forged.file("spec.json", b"{}");
    assert!(matches!(
        refusal(&forged.stream(), &promise(&manifest)),
        ArchiveError::Refused(_)
    ));
}

#[test]
fn a_file_larger_than_promised_is_refused_without_writing_it() {
    let (_dir, manifest) = one_file(b"{}");
    let mut forged = Forged::new(&manifest);
    forged.file("spec.json", &vec![0; 50_000_000]);
    assert!(matches!(
        refusal(&forged.stream(), &promise(&manifest)),
        ArchiveError::Mismatch(_)
    ));
}

#[test]
fn noise_is_refused() {
    let promise = Promise {
        digest: String::new(),
        bytes: 10,
    };
    for stream in [
        &b""[..],
        b"not zstd at all",
        &zstd::encode_all(&b"not tar at all"[..], 1).unwrap(),
    ] {
        refusal(stream, &promise);
    }
}
