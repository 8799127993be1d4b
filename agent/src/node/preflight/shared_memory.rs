//! Shared memory with a name.

use super::deleted;
use super::descriptors::Opened;

pub(super) fn obstacle(opened: &Opened) -> Option<String> {
    of_path(&opened.link)
}

/// A pod's `/dev/shm` belongs to its sandbox: the copy has another one.
pub(super) fn of_path(path: &str) -> Option<String> {
    (path.starts_with("/dev/shm/") && !deleted::is_deleted(path)).then(|| {
        format!(
            "the shared memory {path}, whose content does not travel; let the application use memory without a name (memfd_create, \
             an anonymous mapping), or, up to 1 MB, remove the name (shm_unlink) as soon as it has opened it"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::descriptors::tests::linked;
    use super::super::process::tests::{STATUS, process};

    #[test]
    fn a_segment_is_named_with_the_way_out() {
        let segment = "/dev/shm/psm_1a2b";
        let said = linked(segment).obstacle().unwrap();
        assert!(said.contains(segment) && said.contains("shm_unlink"), "{said}");
        let maps = format!("7f00-7f01 rw-s 00000000 00:0e 1                          {segment}\n");
        let found = process(&[], STATUS, &maps);
        assert!(found.obstacles[0].contains(segment), "{found:?}");
        assert_eq!(linked("/dev/shm/sem.x (deleted)").obstacle(), None);
    }
}
