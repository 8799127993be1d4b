//! How the binaries log: lines on standard error, chosen by `RUST_LOG`.

use tracing_subscriber::EnvFilter;

/// Starts logging; `level` holds where `RUST_LOG` says nothing.
///
/// The client library is silent by default: it calls every lost connection an error, and what a loss
/// means is told by the one who lost it.
pub fn start(level: &str) {
    let chosen = EnvFilter::try_from_default_env();
    let filter = chosen.unwrap_or_else(|_| EnvFilter::new(format!("{level},lapin=off")));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
}
