//! Devices, whose state lies outside the process.

use super::descriptors::Opened;

pub(super) fn obstacle(opened: &Opened) -> Option<String> {
    if opened.block {
        return Some(format!(
            "the disk {} open, which cannot be taken to another node",
            opened.link
        ));
    }
    let (major, minor) = opened.device?;
    unknown(major, minor, &opened.link)
}

/// Memory devices (null, zero, random …), terminals and tun are dumped.
fn unknown(major: u64, minor: u64, link: &str) -> Option<String> {
    const MEMORY: u64 = 1;
    const TUN: (u64, u64) = (10, 200);
    let terminal = matches!(major, 4 | 5 | 128..=143);
    (major != MEMORY && !terminal && (major, minor) != TUN).then(|| {
        format!("the device {link} open, whose state is in this node's kernel or hardware; let the application close it")
    })
}

#[cfg(test)]
mod tests {
    use super::super::descriptors::tests::linked;
    use super::*;

    #[test]
    fn devices_are_judged_as_criu_does() {
        for (device, known) in [
            ((1, 3), true),
            ((1, 9), true),
            ((5, 2), true),
            ((136, 0), true),
            ((10, 200), true),
            ((10, 229), false),
            ((10, 232), false),
            ((226, 128), false),
        ] {
            let opened = Opened {
                device: Some(device),
                ..linked("/dev/x")
            };
            assert_eq!(opened.obstacle().is_none(), known, "{device:?}");
        }
    }
}
