//! The rw layer of one container, applied to the root file system of another.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends at the first surprise"
)]

use std::fs;
use std::io::Cursor;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use nix::sys::stat::{Mode, SFlag, mknod};
use shadow_agent::archive::{ArchiveError, apply, layer};
use tar::{EntryType, Header};

fn whiteout(path: &Path) {
    mknod(path, SFlag::S_IFCHR, Mode::empty(), 0).unwrap();
}

fn carry(upper: &Path, root: &Path) {
    let tar = layer::save(upper, Vec::new(), u64::MAX).unwrap();
    apply::apply(Cursor::new(tar), root).unwrap();
}

#[test]
fn files_links_owners_modes_and_times_arrive() {
    let (upper, root) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let deep = upper
        .path()
        .join("var")
        .join("a".repeat(120))
        .join("b".repeat(120));
    fs::create_dir_all(&deep).unwrap();
    fs::write(deep.join("data"), b"state").unwrap();
    fs::set_permissions(deep.join("data"), fs::Permissions::from_mode(0o4750)).unwrap();
    std::os::unix::fs::chown(deep.join("data"), Some(1234), Some(56)).unwrap();
    fs::hard_link(deep.join("data"), upper.path().join("second-name")).unwrap();
    symlink("/anywhere", upper.path().join("link")).unwrap();
    nix::unistd::mkfifo(&upper.path().join("pipe"), Mode::S_IRWXU).unwrap();
    carry(upper.path(), root.path());
    let arrived = root
        .path()
        .join(deep.strip_prefix(upper.path()).unwrap())
        .join("data");
    let (old, new) = (
        fs::metadata(deep.join("data")).unwrap(),
        fs::metadata(&arrived).unwrap(),
    );
    assert_eq!(fs::read(&arrived).unwrap(), b"state");
    assert_eq!(
        (new.mode(), new.uid(), new.gid(), new.mtime()),
        (old.mode(), 1234, 56, old.mtime())
    );
    assert_eq!(
        fs::metadata(root.path().join("second-name")).unwrap().ino(),
        new.ino()
    );
    assert_eq!(
        fs::read_link(root.path().join("link")).unwrap(),
        Path::new("/anywhere")
    );
    assert!(fs::symlink_metadata(root.path().join("pipe")).unwrap().mode() & 0o170_000 == 0o010_000);
}

#[test]
fn deleted_files_and_opaque_folders_stay_deleted() {
    let (upper, root) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::write(root.path().join("gone"), b"").unwrap();
    fs::create_dir_all(root.path().join("gone-folder/deep")).unwrap();
    fs::create_dir(root.path().join("hidden")).unwrap();
    fs::write(root.path().join("hidden/old"), b"").unwrap();
    fs::write(root.path().join("kept"), b"").unwrap();
    whiteout(&upper.path().join("gone"));
    whiteout(&upper.path().join("gone-folder"));
    fs::create_dir(upper.path().join("hidden")).unwrap();
    fs::write(upper.path().join("hidden/new"), b"").unwrap();
    if xattr::set(upper.path().join("hidden"), "user.overlay.opaque", b"y").is_err() {
        xattr::set(upper.path().join("hidden"), "trusted.overlay.opaque", b"y").unwrap();
    }
    carry(upper.path(), root.path());
    for name in ["gone", "gone-folder", "hidden/old"] {
        assert!(!root.path().join(name).exists(), "{name} came back");
    }
    assert!(root.path().join("hidden/new").exists() && root.path().join("kept").exists());
}

#[test]
fn a_folder_replaces_a_link_of_the_image_instead_of_following_it() {
    let (upper, root, outside) = (
        tempfile::tempdir().unwrap(),
        tempfile::tempdir().unwrap(),
        tempfile::tempdir().unwrap(),
    );
    symlink(outside.path(), root.path().join("data")).unwrap();
    fs::create_dir(upper.path().join("data")).unwrap();
    fs::write(upper.path().join("data/file"), b"x").unwrap();
    carry(upper.path(), root.path());
    assert!(fs::symlink_metadata(root.path().join("data")).unwrap().is_dir());
    assert_eq!(
        fs::read_dir(outside.path()).unwrap().count(),
        0,
        "written through a link"
    );
}

#[test]
fn a_device_made_by_the_container_is_an_error() {
    let upper = tempfile::tempdir().unwrap();
    let made = mknod(
        &upper.path().join("null"),
        SFlag::S_IFCHR,
        Mode::empty(),
        nix::sys::stat::makedev(1, 3),
    );
    if made == Err(nix::errno::Errno::EPERM) {
        eprintln!("this machine makes no device nodes; the rule is covered by devices in a forged layer");
        return;
    }
    let error = layer::save(upper.path(), Vec::new(), u64::MAX).unwrap_err();
    assert!(error.to_string().contains("device node"), "{error}");
}

fn forged(name: &str, kind: EntryType, link: &str) -> Vec<u8> {
    let mut header = Header::new_gnu();
    header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
    header.as_gnu_mut().unwrap().linkname[..link.len()].copy_from_slice(link.as_bytes());
    header.set_entry_type(kind);
    header.set_size(0);
    header.set_mode(0o644);
    header.set_cksum();
    let mut tar = tar::Builder::new(Vec::new());
    tar.append(&header, &b""[..]).unwrap();
    tar.into_inner().unwrap()
}

#[test]
fn forged_layers_do_not_leave_the_root() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("victim"), b"safe").unwrap();
    let victim = outside.path().join("victim").display().to_string();
    let cases = [
        ("../evil", EntryType::Regular, ""),
        ("/evil/../../x", EntryType::Regular, ""),
        ("way-out/victim", EntryType::Regular, ""),
        ("way-out/.wh.victim", EntryType::Regular, ""),
        (".wh...", EntryType::Regular, ""),
        ("steal", EntryType::Link, victim.trim_start_matches('/')),
        ("steal", EntryType::Link, "way-out/victim"),
        ("null", EntryType::Char, ""),
        ("disk", EntryType::Block, ""),
    ];
    for (name, kind, link) in cases {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().join("rootfs");
        fs::create_dir(&root).unwrap();
        symlink(outside.path(), root.join("way-out")).unwrap();
        let applied = apply::apply(Cursor::new(forged(name, kind, link)), &root);
        assert!(applied.is_err(), "{name} {kind:?} was applied");
        assert!(matches!(
            applied,
            Err(ArchiveError::Refused(_) | ArchiveError::Io { .. })
        ));
        assert_eq!(
            fs::read(outside.path().join("victim")).unwrap(),
            b"safe",
            "{name}"
        );
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1, "{name}");
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1, "{name}");
    }
}

/// A terabyte that nobody wrote is named in the layer, and is a terabyte that nobody wrote on the other side, too.
#[test]
fn holes_are_not_copied_and_stay_holes() {
    use std::os::unix::fs::FileExt;
    let (upper, root) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = upper.path().join("sparse");
    let file = fs::File::create(&path).unwrap();
    file.set_len(1 << 30).unwrap();
    file.write_all_at(b"in the middle", 1 << 29).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::chown(&path, Some(1234), Some(56)).unwrap();
    let tar = layer::save(upper.path(), Vec::new(), 1 << 20).unwrap();
    assert!(tar.len() < 1 << 20, "{} bytes", tar.len());
    apply::apply(Cursor::new(tar), root.path()).unwrap();
    let arrived = fs::metadata(root.path().join("sparse")).unwrap();
    assert_eq!(
        (
            arrived.len(),
            arrived.mode() & 0o7777,
            arrived.uid(),
            arrived.gid()
        ),
        (1 << 30, 0o640, 1234, 56)
    );
    assert!(arrived.blocks() * 512 < 1 << 20, "{} blocks", arrived.blocks());
    let mut read = [0; 13];
    let copy = fs::File::open(root.path().join("sparse")).unwrap();
    copy.read_exact_at(&mut read, 1 << 29).unwrap();
    assert_eq!(&read, b"in the middle");
}

#[test]
fn a_layer_that_is_larger_than_there_is_room_for_is_refused_before_it_fills_the_folder() {
    let upper = tempfile::tempdir().unwrap();
    fs::write(upper.path().join("log"), vec![1; 3_000_000]).unwrap();
    let error = layer::save(upper.path(), Vec::new(), 2_000_000).unwrap_err();
    let ArchiveError::Io { source, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(source.kind(), std::io::ErrorKind::StorageFull);
    assert!(error.to_string().contains("more than the 2 MB"), "{error}");
}

#[test]
fn more_holes_than_can_be_made_again_in_time_are_refused_by_name() {
    let upper = tempfile::tempdir().unwrap();
    let file = fs::File::create(upper.path().join("huge")).unwrap();
    file.set_len(1 << 40).unwrap();
    let error = layer::save(upper.path(), Vec::new(), u64::MAX)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("huge") && error.contains("put it into a volume"),
        "{error}"
    );
}
