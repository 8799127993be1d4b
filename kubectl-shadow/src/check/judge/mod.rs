//! Facts to findings. Pure.

pub mod before;
pub mod cluster;
pub mod nodes;
pub mod pod;
#[cfg(test)]
mod tests;

/// Names that a line holds; a cluster may have thousands of nodes.
const NAMED: usize = 5;

/// The first ones, and how many more there are.
fn some<T: AsRef<str>>(names: &[T]) -> String {
    let named: Vec<&str> = names.iter().take(NAMED).map(AsRef::as_ref).collect();
    match names.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}
