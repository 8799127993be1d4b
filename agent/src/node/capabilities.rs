//! What CRIU may do on this node: it is started from here and has what this process has.

use std::fs;
use std::path::Path;

use shadow_core::users::READ_LIMITS;

use super::NodeError;

/// Capabilities that CRIU can do without and some processes cannot be dumped without: number and name.
const LOOKED_FOR: [(u32, &str); 1] = [(24, READ_LIMITS)];

/// Those that are missing.
pub(super) fn lacking() -> Result<Vec<String>, NodeError> {
    let path = Path::new("/proc/self/status");
    let status = fs::read_to_string(path).map_err(NodeError::at("read", path))?;
    missing(&status).ok_or_else(|| NodeError::Unfit(format!("{} has no capabilities", path.display())))
}

fn missing(status: &str) -> Option<Vec<String>> {
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
    let effective = u64::from_str_radix(line.trim(), 16).ok()?;
    let missing = LOOKED_FOR
        .iter()
        .filter(|(number, _)| effective & (1 << number) == 0);
    Some(missing.map(|(_, name)| (*name).to_owned()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        let with = |capabilities: &str| missing(&format!("Name:\tx\nCapEff:\t{capabilities}\nCapBnd:\t0\n"));
        assert_eq!(with("000001ffffffffff"), Some(vec![]));
        assert_eq!(
            with("000001fffeffffff"),
            Some(vec!["CAP_SYS_RESOURCE".to_owned()])
        );
        assert_eq!(missing("Name:\tx\n"), None);
        assert!(lacking().is_ok());
    }
}
