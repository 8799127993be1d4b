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
