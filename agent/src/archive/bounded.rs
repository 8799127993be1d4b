//! A writer that takes a number of bytes and no more: what a container has written decides how much is copied while it stands still,
//! and the folder that is copied to is shared with the node.

use std::io::{self, Write};

/// See the module.
pub(crate) struct Bounded<W> {
    inner: W,
    most: u64,
    left: u64,
}

impl<W: Write> Bounded<W> {
    /// At most `most` bytes.
    pub(crate) fn to(inner: W, most: u64) -> Self {
        Self {
            inner,
            most,
            left: most,
        }
    }

    /// What was written to.
    pub(crate) fn into_inner(self) -> W {
        self.inner
    }
}

impl<W: Write> Write for Bounded<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() as u64 > self.left {
            let most = self.most / 1_000_000;
            return Err(io::Error::new(
                io::ErrorKind::StorageFull,
                format!(
                    "the files that the container wrote take more than the {most} MB for which there is room"
                ),
            ));
        }
        let written = self.inner.write(bytes)?;
        self.left -= written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_bytes_pass_and_not_one_more() {
        let mut bounded = Bounded::to(Vec::new(), 5);
        bounded.write_all(b"12345").unwrap();
        let error = bounded.write_all(b"6").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert_eq!(bounded.into_inner(), b"12345");
    }
}
