//! Files that Kubernetes makes for each pod anew, in the images of a dump.
//!
//! CRIU notes the size of every open file and refuses to open one of another size. A process that was dumped while it
//! read `/etc/hosts` or `/etc/hostname`, as every look-up of a name does, meets another file of that name in the new
//! pod, and rightly so. Done before the archive is sealed, so it holds for whoever restores: our agent, or a runtime from
//! an image. Guarantees: the sizes of exactly these files are taken out of the images, nothing else changes; an image that
//! is not understood stays as it is, and CRIU says what it thinks of it.
//!
//! Format: `images/fdinfo.proto` and `images/regfile.proto` of CRIU 4; an image is two magic numbers, then entries, each
//! with its length before it (32 bits, little endian).

use std::fs;
use std::path::Path;

use prost::Message;

use crate::archive::ArchiveError;

/// In the images of a dump: every open file.
const FILES: &str = "files.img";
/// Two magic numbers.
const HEADER: usize = 8;
/// Made by kubelet or the runtime for each pod.
const PER_POD: [&str; 4] = [
    "etc/hosts",
    "etc/hostname",
    "etc/resolv.conf",
    "dev/termination-log",
];

/// An entry of `files.img`, as far as it is a regular file.
#[derive(Clone, PartialEq, Message)]
struct FileEntry {
    #[prost(int32, required, tag = "1")]
    kind: i32,
    #[prost(uint32, required, tag = "2")]
    id: u32,
    #[prost(message, optional, tag = "3")]
    reg: Option<RegFile>,
}

#[derive(Clone, PartialEq, Message)]
struct RegFile {
    #[prost(uint32, required, tag = "1")]
    id: u32,
    #[prost(uint32, required, tag = "2")]
    flags: u32,
    #[prost(uint64, required, tag = "3")]
    pos: u64,
    /// A message, kept as it is.
    #[prost(bytes = "vec", required, tag = "5")]
    fown: Vec<u8>,
    #[prost(string, required, tag = "6")]
    name: String,
    #[prost(sint32, optional, tag = "7")]
    mnt_id: Option<i32>,
    #[prost(uint64, optional, tag = "8")]
    size: Option<u64>,
    #[prost(bool, optional, tag = "9")]
    ext: Option<bool>,
    #[prost(uint32, optional, tag = "10")]
    mode: Option<u32>,
}

/// Lets CRIU open the per-pod files of the new pod in place of those that were open in the old one.
pub(super) fn accept_new(images: &Path) -> Result<(), ArchiveError> {
    let path = images.join(FILES);
    let image = fs::read(&path).map_err(ArchiveError::at("read", &path))?;
    match without_sizes(&image) {
        Some(changed) if changed != image => {
            fs::write(&path, changed).map_err(ArchiveError::at("write", &path))
        }
        Some(_) | None => Ok(()),
    }
}

/// The image without the sizes of per-pod files; `None` when it is no such image.
fn without_sizes(image: &[u8]) -> Option<Vec<u8>> {
    let (header, mut rest) = image.split_at_checked(HEADER)?;
    let mut changed = header.to_vec();
    while !rest.is_empty() {
        let (length, tail) = rest.split_first_chunk::<4>()?;
        let (entry, tail) = tail.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
        let entry = without_size(entry).unwrap_or_else(|| entry.to_vec());
        changed.extend(u32::try_from(entry.len()).ok()?.to_le_bytes());
        changed.extend(entry);
        rest = tail;
    }
    Some(changed)
}

/// The entry without its size, if it is a per-pod file's.
fn without_size(entry: &[u8]) -> Option<Vec<u8>> {
    let mut file = FileEntry::decode(entry).ok()?;
    // A field that we do not know would be lost.
    let understood = file.encode_to_vec() == entry;
    let reg = file.reg.as_mut()?;
    if !understood || !PER_POD.contains(&reg.name.trim_start_matches('/')) {
        return None;
    }
    reg.size = None;
    Some(file.encode_to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str) -> FileEntry {
        FileEntry {
            kind: 1,
            id: 0xd,
            reg: Some(RegFile {
                id: 0xd,
                flags: 0o100_000,
                pos: 0,
                fown: vec![8, 0],
                name: name.to_owned(),
                mnt_id: Some(1163),
                size: Some(9),
                ext: None,
                mode: Some(0o100_644),
            }),
        }
    }

    fn image(entries: &[Vec<u8>]) -> Vec<u8> {
        let mut image = vec![0x19, 0x43, 0x56, 0x54, 0x38, 0x31, 0x30, 0x56];
        for entry in entries {
            image.extend(u32::try_from(entry.len()).unwrap().to_le_bytes());
            image.extend(entry);
        }
        image
    }

    fn without(mut entry: FileEntry) -> Vec<u8> {
        entry.reg.as_mut().unwrap().size = None;
        entry.encode_to_vec()
    }

    #[test]
    fn sizes_of_per_pod_files_are_taken_out_and_no_others() {
        let before = image(&[
            file("/etc/hostname").encode_to_vec(),
            file("/var/lib/orders.db").encode_to_vec(),
            file("/data/etc/hosts").encode_to_vec(),
        ]);
        let after = image(&[
            without(file("/etc/hostname")),
            file("/var/lib/orders.db").encode_to_vec(),
            file("/data/etc/hosts").encode_to_vec(),
        ]);
        assert_eq!(without_sizes(&before), Some(after));
    }

    /// A pipe of CRIU, and an entry with a field of a later version.
    #[test]
    fn what_is_not_understood_stays_as_it_is() {
        let pipe = vec![8, 2, 16, 14, 146, 1, 2, 8, 14];
        let mut later = file("/etc/hosts").encode_to_vec();
        later.extend([0xf8, 0x07, 1]);
        let before = image(&[pipe, later]);
        assert_eq!(without_sizes(&before), Some(before));
    }

    #[test]
    fn what_is_no_image_is_left_to_criu() {
        let whole = image(&[file("/etc/hosts").encode_to_vec()]);
        assert_eq!(without_sizes(&whole[..whole.len() - 1]), None);
        assert_eq!(without_sizes(b"short"), None);
        assert_eq!(without_sizes(&image(&[])), Some(image(&[])));
    }
}
