//! Files of volumes whose content kubelet makes for each pod.

use super::deleted;
use super::descriptors::Opened;

pub(super) fn obstacle(opened: &Opened) -> Option<String> {
    of_path(&opened.link)
}

/// Kubelet keeps each version of such a volume in a folder named after its time, which no other pod has.
pub(super) fn of_path(path: &str) -> Option<String> {
    let versioned = path
        .split('/')
        .any(|part| part.starts_with("..20") && part.contains('_'));
    (versioned && !deleted::is_deleted(path)).then(|| {
        format!(
            "the file {path} of a ConfigMap, Secret, token or downward API volume open, which the new pod has under another name; \
             let the application close it when it has read it"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::descriptors::tests::linked;
    use super::super::process::tests::{STATUS, process};

    #[test]
    fn a_file_that_the_new_pod_has_under_another_name_is_named() {
        let versioned = "/etc/shop/..2026_11_29_10_00_00.123456789/prices.json";
        let said = linked(versioned).obstacle().unwrap();
        assert!(
            said.contains(versioned) && said.contains("ConfigMap, Secret"),
            "{said}"
        );
        let maps = format!("7f00-7f01 rw-s 00000000 00:0e 1                          {versioned}\n");
        let found = process(&[], STATUS, &maps);
        assert!(found.obstacles[0].contains(versioned), "{found:?}");
        for link in ["/srv/..data/a", "/usr/share/2026_11/x"] {
            assert_eq!(linked(link).obstacle(), None, "{link}");
        }
    }
}
