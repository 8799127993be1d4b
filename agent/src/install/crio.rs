//! CRI-O: our drop-in.

use std::path::Path;

use super::InstallError;
use crate::layout;

/// Where it answers.
pub const SOCKET: &str = "/run/crio/crio.sock";
/// Our drop-in.
pub const DROP_IN: &str = "/etc/crio/crio.conf.d/50-kubectl-shadow.conf";

/// Our drop-in: the handler `shadow`.
pub fn drop_in() -> Result<String, InstallError> {
    let folder = Path::new(DROP_IN).parent().unwrap_or(Path::new("/"));
    if !folder.exists() {
        return Err(InstallError::Unfit(format!(
            "{} does not exist; CRI-O 1.30 or newer is needed",
            folder.display()
        )));
    }
    Ok(format!(
        r#"# written by kubectl-shadow
[crio.runtime.runtimes.shadow]
runtime_path = "{}/shadow-runc"
runtime_type = "oci"
runtime_root = "/run/runc"
allowed_annotations = ["migration.ms2m.io/restore", "migration.ms2m.io/restore-container", "migration.ms2m.io/migration"]
"#,
        layout::INSTALLED
    ))
}
