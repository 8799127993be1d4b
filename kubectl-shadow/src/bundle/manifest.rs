//! What is in the archive, what was taken out, what could not be read.

use jiff::Timestamp;

use super::File;
use super::redact::TAKEN_OUT;
use crate::say::printable;

/// Its name in the archive.
pub const NAME: &str = "MANIFEST";

/// When, by what and of what it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// When.
    pub at: Timestamp,
    /// Version of the plugin.
    pub plugin: String,
    /// Version of the API server, if it was told.
    pub server: Option<String>,
    /// What was asked for.
    pub of: String,
}

/// The text.
pub fn text(made: &Made, files: &[File], unread: &[(String, String)], values: usize) -> String {
    let at = made.at.strftime("%Y-%m-%d %H:%M:%S UTC");
    let mut lines = vec![
        format!("kubectl shadow bundle, of {}, made at {at}", made.of),
        format!("plugin {}", made.plugin),
        format!(
            "API server {}",
            made.server.as_deref().unwrap_or("did not tell its version")
        ),
        String::new(),
        "What is in it (bytes, file):".to_owned(),
    ];
    lines.extend(
        files
            .iter()
            .map(|file| format!("{:>10}  {}", file.text.len(), file.path)),
    );
    lines.extend([String::new(), "What was taken out:".to_owned()]);
    lines.extend(TAKEN_OUT.iter().map(|one| format!("  {one}")));
    lines.push(format!("  {values} such values were known in this bundle"));
    lines.extend([String::new(), "What could not be read:".to_owned()]);
    if unread.is_empty() {
        lines.push("  nothing".to_owned());
    }
    lines.extend(
        unread
            .iter()
            .map(|(what, why)| format!("  {what}: {}", printable(why))),
    );
    lines.extend([
        String::new(),
        "Names of pods, nodes, images and queues are in it. Look through it before you give it away."
            .to_owned(),
    ]);
    lines.iter().map(|line| format!("{line}\n")).collect()
}
