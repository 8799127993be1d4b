//! Facts to findings. Pure.

pub mod before;
pub mod cluster;
pub mod nodes;
pub mod pod;
#[cfg(test)]
mod tests;
