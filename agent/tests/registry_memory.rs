//! However large the archive, pushing and pulling it takes the same little memory. A program of its own: what other tests
//! hold would be counted.
#![allow(
    missing_docs,
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends at the first surprise; the scene holds more than is needed here"
)]

#[path = "registry/process.rs"]
mod process;
#[path = "registry/scene.rs"]
mod scene;

use std::fs;

use scene::Node;
use serde_json::json;

const ARCHIVE: u64 = 300_000_000;
const MOST: u64 = 64 * 1024 * 1024;

/// A value of `/proc/self/status`, bytes.
fn of_status(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

/// How far the resident memory rose above where it was, bytes.
async fn rise<T>(what: &str, work: impl Future<Output = T>) -> (T, u64) {
    // 5: the high-water mark begins anew at what is resident now.
    fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = of_status("VmRSS:");
    let done = work.await;
    let rise = of_status("VmHWM:").saturating_sub(before);
    println!("{what}: {} KiB above {} KiB", rise / 1024, before / 1024);
    (done, rise)
}

#[tokio::test]
async fn a_large_archive_is_never_held() {
    let registry = process::plain(true);
    let repository = format!("{}/checkpoints", registry.address);
    let (source, target) = (Node::new("node-a"), Node::new("node-b"));
    let dump = source.dumped(ARCHIVE);
    target.announced().await;
    let anyone = json!({});
    // Whoever did hold it would be seen.
    let (held, seen) = rise("holding", async { vec![1u8; 2 * MOST as usize] }).await;
    assert!(seen > MOST, "{} bytes were held and {seen} seen", held.len());
    drop(held);
    let (pushed, most) = rise("push", source.push(&repository, &anyone)).await;
    let pushed = pushed.unwrap();
    assert!(most < MOST, "the push took {most} bytes of memory");
    assert!(pushed.bytes > ARCHIVE, "it was not sent: {pushed:?}");
    let pulling = target.pull(&repository, &anyone, &pushed.image, &dump);
    let (pulled, most) = rise("pull", pulling).await;
    let pulled = pulled.unwrap();
    assert!(most < MOST, "the pull took {most} bytes of memory");
    println!(
        "push {} ms, pull {} ms",
        pushed.total_micros / 1000,
        pulled.total_micros / 1000
    );
    assert!(pulled.wire_bytes > ARCHIVE, "it did not come: {pulled:?}");
    target.holds(&dump);
}
