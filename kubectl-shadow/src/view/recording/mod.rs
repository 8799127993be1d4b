//! A recording: one line of JSON for each change. It is evidence, so it holds whole objects, and no secrets.
//!
//! - [`write`]: changes to lines
//! - [`read`]: lines to changes
//! - [`clean`]: takes secrets out
//! - [`rename`]: other names, if that is wanted
//! - [`sink`]: the file, which may be packed
//! - [`merge`]: the difference of two objects (RFC 7396)

pub mod clean;
pub mod merge;
pub mod read;
pub mod rename;
pub mod sink;
pub mod write;

use serde::{Deserialize, Serialize};

/// The format that this version writes. Another number is another format.
pub const FORMAT: u32 = 1;

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Header {
    /// [`FORMAT`].
    pub shadow_recording: u32,
    /// Version of the plugin that wrote it.
    pub plugin: String,
    /// Version of the API server, if it was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// When it began.
    pub at: jiff::Timestamp,
    /// The namespace that was watched; absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// What was taken out.
    #[serde(default)]
    pub removed: Vec<String>,
    /// It was made up, and shows no real move. For tests.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub invented: bool,
}

impl Header {
    /// Of a recording that begins now.
    pub fn new(at: jiff::Timestamp, namespace: Option<String>, server: Option<String>) -> Self {
        Self {
            shadow_recording: FORMAT,
            plugin: env!("CARGO_PKG_VERSION").to_owned(),
            server,
            at,
            namespace,
            removed: clean::REMOVED.iter().map(|&one| one.to_owned()).collect(),
            invented: false,
        }
    }
}

/// Why a recording cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// It cannot be read or written.
    #[error("{file}: {error}")]
    File {
        /// The file.
        file: String,
        /// Why.
        error: std::io::Error,
    },
    /// The first line is not a header.
    #[error(
        "{file} is not a recording of kubectl shadow: its first line does not begin with {{\"shadowRecording\":1"
    )]
    NoHeader {
        /// The file.
        file: String,
    },
    /// Another format.
    #[error(
        "{file} has recording format {format}, and this plugin reads format {FORMAT}. Use the plugin that wrote it ({plugin})"
    )]
    Format {
        /// The file.
        file: String,
        /// Its format.
        format: u32,
        /// The version that wrote it.
        plugin: String,
    },
    /// A line in the middle makes no sense.
    #[error("{file}, line {line}: {why}")]
    Line {
        /// The file.
        file: String,
        /// Its number, from 1.
        line: usize,
        /// What is wrong.
        why: String,
    },
}
