//! The pictures of the README are made from a recording of a real move. `UPDATE_SCREENS=1 cargo test -p kubectl-shadow --test
//! pictures` makes them again.
#![allow(clippy::unwrap_used, reason = "in a test, a failed step is the verdict")]

use std::fs;
use std::path::Path;
use std::process::Command;

/// Name of the picture, where in the recording, size.
const PICTURES: [(&str, &str, &str); 2] = [
    ("orders-move-held", "1.5s", "140x45"),
    ("orders-move-exact", "9s", "80x24"),
];

#[test]
fn pictures_are_what_the_recording_gives() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for (name, at, size) in PICTURES {
        let made = tempfile::tempdir().unwrap();
        let status = Command::new(env!("CARGO_BIN_EXE_kubectl-shadow"))
            .args(["watch", "--at", at, "--size", size, "--play"])
            .arg(root.join("examples/recordings/orders-move.ndjson"))
            .arg("--frames")
            .arg(made.path())
            .env("KUBECONFIG", "/nonexistent")
            .output()
            .unwrap();
        assert_eq!(status.status.code(), Some(0), "{status:?}");
        let file = fs::read_dir(made.path()).unwrap().next().unwrap().unwrap();
        let picture = fs::read_to_string(file.path()).unwrap();
        let kept = root.join(format!("docs/pictures/{name}.svg"));
        if std::env::var_os("UPDATE_SCREENS").is_some() {
            fs::write(&kept, &picture).unwrap();
        }
        assert!(
            fs::read_to_string(&kept).is_ok_and(|kept| kept == picture),
            "{}",
            kept.display()
        );
    }
}

#[test]
fn each_picture_of_a_recording_shows_the_moment_that_its_name_says() {
    let recording = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/recordings/orders-move.ndjson");
    let header = fs::read_to_string(&recording).unwrap();
    let header: serde_json::Value = serde_json::from_str(header.lines().next().unwrap()).unwrap();
    let begun: jiff::Timestamp = header["at"].as_str().unwrap().parse().unwrap();
    let made = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_kubectl-shadow"))
        .args(["watch", "--size", "140x45", "--play"])
        .arg(&recording)
        .arg("--frames")
        .arg(made.path())
        .env("KUBECONFIG", "/nonexistent")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let mut seen = 0;
    for file in fs::read_dir(made.path()).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let (_, offset) = name.split_once('-').unwrap();
        let offset: f64 = offset.trim_end_matches('s').parse().unwrap();
        let at = begun + jiff::SignedDuration::from_secs_f64(offset);
        let clock = format!("{}.{}", at.strftime("%H:%M:%S"), at.subsec_millisecond() / 100);
        let picture = fs::read_to_string(&path).unwrap();
        assert!(picture.contains(&clock), "{name} does not show {clock}");
        seen += 1;
    }
    assert!(seen > 10, "{seen} pictures");
}
