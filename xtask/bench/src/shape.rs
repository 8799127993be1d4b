//! What tells one scenario from all others, and its name.

use std::cmp::Reverse;
use std::fmt;

use super::way;

/// Rows of the same shape are compared with each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) way: String,
    /// Messages a second.
    pub(crate) rate: u32,
    pub(crate) work_us: u32,
    pub(crate) heap_mb: u32,
    pub(crate) message_bytes: u32,
    pub(crate) prefetch: u32,
}

impl Shape {
    /// Neither a heap, nor large messages, nor a short prefetch: only the way and the rate tell them apart.
    pub(crate) fn is_plain(&self) -> bool {
        (self.heap_mb, self.message_bytes, self.prefetch) == (0, 100, 50)
    }

    /// As the ways are told, then what is special about them, then the rate.
    pub(crate) fn place(&self) -> impl Ord + use<> {
        let way = way::ALL.iter().position(|way| way.name == self.way);
        (
            way.unwrap_or(usize::MAX),
            self.way.clone(),
            self.heap_mb,
            self.message_bytes,
            Reverse(self.prefetch),
            self.rate,
            self.work_us,
        )
    }

    /// Work for a message, to be read.
    pub(crate) fn work(&self) -> String {
        format!("{} ms", f64::from(self.work_us) / 1_000.0)
    }
}

/// The name that `--only` looks into.
impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}, {} msg/s, {}, {} MB, {} B, prefetch {}",
            self.way,
            self.rate,
            self.work(),
            self.heap_mb,
            self.message_bytes,
            self.prefetch
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_everything() {
        let shape = Shape {
            way: "StatefulSet ShadowPod".into(),
            rate: 1_000,
            work_us: 50,
            heap_mb: 0,
            message_bytes: 100,
            prefetch: 50,
        };
        let wanted = "StatefulSet ShadowPod, 1000 msg/s, 0.05 ms, 0 MB, 100 B, prefetch 50";
        assert_eq!(shape.to_string(), wanted);
        assert!(shape.is_plain());
    }
}
