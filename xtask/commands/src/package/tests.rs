//! Archive and manifest of small stand-ins, unpacked and held against each other.

use std::io::Read as _;

use flate2::read::GzDecoder;
use serde_yaml_ng::Value;

use super::*;

fn stand_ins() -> Vec<Entry> {
    vec![
        Entry::file("images/agent.tar", b"an image".to_vec()),
        Entry::program(PLUGIN, b"a program".to_vec()),
        Entry::program(COMPLETION, b"#!/bin/sh\n".to_vec()),
        Entry::file("LICENSE", b"a licence".to_vec()),
    ]
}

/// Unpacks as krew does; it knows files and folders only, and follows no path out of its folder.
fn unpack(archive: &[u8], into: &Path) {
    let mut archive = tar::Archive::new(GzDecoder::new(archive));
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().into_owned();
        let header = entry.header();
        assert!(header.entry_type().is_file(), "{}", path.display());
        assert!(path.is_relative() && !path.to_string_lossy().contains(".."));
        assert_eq!(
            (
                header.mtime().unwrap(),
                header.uid().unwrap(),
                header.gid().unwrap()
            ),
            (0, 0, 0)
        );
        fs::create_dir_all(into.join(&path).parent().unwrap()).unwrap();
        entry.unpack(into.join(&path)).unwrap();
    }
}

#[test]
fn krew_finds_the_plugin_in_the_archive_of_the_manifest() {
    let out = tempfile::tempdir().unwrap();
    let [archive, manifest, _] = write(out.path(), stand_ins()).unwrap();
    let bytes = fs::read(&archive).unwrap();
    let manifest: Value = serde_yaml_ng::from_slice(&fs::read(manifest).unwrap()).unwrap();
    let spec = &manifest["spec"];
    let platform = &spec["platforms"][0];
    assert_eq!(platform["sha256"], digest(&bytes).as_str());
    let uri = platform["uri"].as_str().unwrap();
    assert!(uri.ends_with(&format!(
        "/{}/{}",
        version(),
        archive.file_name().unwrap().to_string_lossy()
    )));
    assert_eq!(manifest["metadata"]["name"], "shadow");
    assert_eq!(spec["version"], version().as_str());
    let short = spec["shortDescription"].as_str().unwrap();
    assert!(
        !short.is_empty() && short.len() <= 50 && !short.ends_with('.'),
        "{short}"
    );

    let folder = tempfile::tempdir().unwrap();
    unpack(&bytes, folder.path());
    assert_eq!(
        (&platform["files"][0]["from"], &platform["files"][0]["to"]),
        (&"*".into(), &".".into())
    );
    let plugin = folder.path().join(platform["bin"].as_str().unwrap());
    assert_eq!(fs::read(&plugin).unwrap(), b"a program");
    let mode = std::os::unix::fs::PermissionsExt::mode(&plugin.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o755);
    assert_eq!(
        fs::read(folder.path().join("images/agent.tar")).unwrap(),
        b"an image"
    );
}

#[test]
fn the_same_files_in_any_order_are_the_same_archive() {
    let one = archive::packed(stand_ins()).unwrap();
    let mut turned = stand_ins();
    turned.reverse();
    assert_eq!(one, archive::packed(turned).unwrap());
    let mut other = stand_ins();
    other.pop();
    assert_ne!(one, archive::packed(other).unwrap());
}

#[test]
fn checksums_are_those_of_the_files() {
    let out = tempfile::tempdir().unwrap();
    let [.., sums] = write(out.path(), stand_ins()).unwrap();
    let mut text = String::new();
    fs::File::open(sums).unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text.lines().count(), 2);
    for line in text.lines() {
        let (sum, name) = line.split_once("  ").unwrap();
        assert_eq!(sum, digest(&fs::read(out.path().join(name)).unwrap()), "{name}");
    }
}

#[test]
fn a_release_has_plugin_completion_licence_and_images() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let plugin = folder.path().join("plugin");
    fs::write(&plugin, "#!/bin/sh\necho \"$@\"\n").unwrap();
    fs::set_permissions(&plugin, fs::Permissions::from_mode(0o755)).unwrap();
    let image = folder.path().join("agent.tar");
    fs::write(&image, "an image").unwrap();
    let bytes = archive::packed(entries(&plugin, &[image]).unwrap()).unwrap();
    unpack(&bytes, folder.path());
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(read(COMPLETION), "completion kubectl\n");
    assert_eq!(read("images/agent.tar"), "an image");
    for name in ["LICENSE", "README.md"] {
        assert!(!read(name).is_empty(), "{name}");
    }
    fs::write(&plugin, vec![0; LARGEST_PLUGIN + 1]).unwrap();
    let error = entries(&plugin, &[]).err().unwrap().to_string();
    assert!(error.contains("more than"), "{error}");
}
