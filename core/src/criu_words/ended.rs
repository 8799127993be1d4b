//! What runc, CRIU and containerd say when they do not know why a restore ended.

/// runc talks to CRIU by a socket of this kind, and loses it when CRIU is killed.
const KILLED: [&str; 4] = [
    "killed by signal 9",
    "signal: killed",
    "out of memory",
    "unixpacket",
];

/// Whether a restore was killed, by the words of runc and of CRIU.
pub fn was_killed(said: &[&str]) -> bool {
    said.iter()
        .any(|text| KILLED.iter().any(|word| text.contains(word)))
}

/// Whether a container runtime says that CRIU failed. containerd says no more, and deletes CRIU's log.
pub fn is_of_criu(said: &str) -> bool {
    said.contains("criu failed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_killed_restore_is_told_from_one_that_failed() {
        for said in [
            [
                "criu failed: type RESTORE errno 0",
                "Error: 7 killed by signal 9: Killed",
            ],
            ["read unixpacket @->@: EOF", ""],
            [
                "read unixpacket @->@: recvmsg: connection reset by peer",
                "cgroupd: recv req error",
            ],
            ["write unixpacket @->@: write: broken pipe", ""],
        ] {
            assert!(was_killed(&said), "{said:?}");
        }
        let failed = [
            "criu failed: type RESTORE errno 0",
            "File etc/hosts has bad size 26 (expect 23)",
        ];
        assert!(!was_killed(&failed));
    }
}
