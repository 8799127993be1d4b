//! No test. A build that names it asks dependencies for the features that tests need: see `xtask/src/build.rs`.
