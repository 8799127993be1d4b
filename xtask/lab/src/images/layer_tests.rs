//! Layers are deterministic and hold what was put into them.

use super::*;
use std::os::unix::fs::{PermissionsExt, symlink};

fn sample(names: [&str; 2]) -> BTreeMap<String, Entry> {
    names
        .map(|name| {
            (
                name.to_owned(),
                Entry {
                    mode: 0o755,
                    content: name.into(),
                },
            )
        })
        .into()
}

fn listing(layer: &Layer) -> Vec<(String, u32, u64, u64)> {
    let bytes = layer.blob.bytes().unwrap();
    let mut archive = tar::Archive::new(zstd::stream::read::Decoder::new(bytes.as_slice()).unwrap());
    let entries = archive.entries().unwrap().map(|entry| {
        let entry = entry.unwrap();
        let header = entry.header();
        assert_eq!(header.mtime().unwrap(), 0);
        let path = entry
            .path()
            .unwrap()
            .to_string_lossy()
            .trim_end_matches('/')
            .to_owned();
        (
            path,
            header.mode().unwrap(),
            header.uid().unwrap(),
            header.size().unwrap(),
        )
    });
    entries.collect()
}

#[test]
fn order_of_insertion_does_not_change_the_digest() {
    let one = of_files(&sample(["usr/bin/b", "etc/a"])).unwrap();
    let other = of_files(&sample(["etc/a", "usr/bin/b"])).unwrap();
    assert_eq!(one.blob.digest, other.blob.digest);
    assert_eq!(one.diff_id, other.diff_id);
    assert_ne!(one.diff_id, one.blob.digest);
}

#[test]
fn content_and_mode_change_the_digest() {
    let one = of_files(&sample(["a", "b"])).unwrap();
    let mut files = sample(["a", "b"]);
    files.get_mut("a").unwrap().mode = 0o644;
    assert_ne!(of_files(&files).unwrap().diff_id, one.diff_id);
    let mut files = sample(["a", "b"]);
    files.get_mut("a").unwrap().content.push(b'!');
    assert_ne!(of_files(&files).unwrap().diff_id, one.diff_id);
}

#[test]
fn parents_come_before_their_files() {
    let layer = of_files(&sample(["usr/bin/b", "etc/a"])).unwrap();
    let paths: Vec<_> = listing(&layer).into_iter().map(|(path, ..)| path).collect();
    assert_eq!(paths, ["etc", "usr", "usr/bin", "etc/a", "usr/bin/b"]);
}

#[test]
fn digest_and_size_are_those_of_the_bytes() {
    let layer = of_files(&sample(["a", "b"])).unwrap();
    let bytes = layer.blob.bytes().unwrap();
    assert_eq!(layer.blob.digest, super::super::digest::of(&bytes));
    assert_eq!(layer.blob.size, bytes.len() as u64);
}

#[test]
fn cached_layer_is_built_once_and_equal_trees_are_equal_layers() {
    let cache = tempfile::tempdir().unwrap();
    let tree = |name: &str| {
        let root = cache.path().join(name);
        fs::create_dir_all(root.join("z/y")).unwrap();
        fs::write(root.join("z/y/file"), name.len().to_string()).unwrap();
        fs::set_permissions(root.join("z/y/file"), fs::Permissions::from_mode(0o640)).unwrap();
        symlink("/absolute/target", root.join("a-link")).unwrap();
        root
    };
    let (one, two) = (tree("one"), tree("two"));
    let first = cached(cache.path(), "first", |writer| writer.tree(&one)).unwrap();
    let second = cached(cache.path(), "second", |writer| writer.tree(&two)).unwrap();
    assert_eq!(first.blob.digest, second.blob.digest);
    let again = cached(cache.path(), "first", |_| anyhow::bail!("it is there already")).unwrap();
    assert_eq!(again.diff_id, first.diff_id);
    let paths: Vec<_> = listing(&first)
        .into_iter()
        .map(|(path, mode, ..)| (path, mode))
        .collect();
    assert_eq!(paths[0].0, "a-link");
    assert_eq!(paths[3], ("z/y/file".to_owned(), 0o640));
}

#[test]
fn file_with_two_names_is_stored_once() {
    let cache = tempfile::tempdir().unwrap();
    let root = cache.path().join("root");
    fs::create_dir(&root).unwrap();
    fs::write(root.join("a"), "twelve bytes").unwrap();
    fs::hard_link(root.join("a"), root.join("b")).unwrap();
    let layer = cached(cache.path(), "x", |writer| writer.tree(&root)).unwrap();
    let sizes: Vec<_> = listing(&layer)
        .into_iter()
        .map(|(path, _, _, size)| (path, size))
        .collect();
    assert_eq!(sizes, [("a".to_owned(), 12), ("b".to_owned(), 0)]);
}

#[test]
fn half_built_layer_is_not_taken_for_a_whole_one() {
    let cache = tempfile::tempdir().unwrap();
    assert!(cached(cache.path(), "x", |_| anyhow::bail!("no space")).is_err());
    let layer = cached(cache.path(), "x", |writer| {
        writer.file("f", 0o644, Path::new("/etc/hostname"))
    })
    .unwrap();
    assert_eq!(listing(&layer).len(), 1);
}
