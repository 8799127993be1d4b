//! A disk that every node can mount, as a network file system would be: one folder of the host, and the volume driver
//! by which kubelets mount a part of it (`flexVolume` with driver `kubectl-shadow/shared`, option `folder`).

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::Context;

use super::layout::Layout;
use super::rootfs;

const MOUNTED: &str = "mnt/shared";
const DRIVER: &str = "usr/libexec/kubernetes/kubelet-plugins/volume/exec/kubectl-shadow~shared/shared";

/// Kubelet calls `init`, `mount FOLDER OPTIONS` and `unmount FOLDER`, and reads one line of JSON.
const SCRIPT: &str = r#"#!/bin/sh
fail() { printf '{"status": "Failure", "message": "%s"}\n' "$1"; exit 1; }
case "$1" in
init)
    printf '{"status": "Success", "capabilities": {"attach": false, "selinuxRelabel": false}}\n' ;;
mount)
    folder=$(printf '%s' "$3" | sed -n 's/.*"folder": *"\([a-z0-9.-]*\)".*/\1/p')
    [ -n "$folder" ] || fail "option folder is missing"
    mkdir -p "/mnt/shared/$folder" "$2" || fail "cannot make the folder"
    mount --bind "/mnt/shared/$folder" "$2" || fail "cannot bind the folder"
    printf '{"status": "Success"}\n' ;;
unmount)
    umount "$2" || fail "cannot unmount"
    printf '{"status": "Success"}\n' ;;
*)
    printf '{"status": "Not supported"}\n' ;;
esac
"#;

/// Puts disk and driver into a node's root.
pub(super) fn install(layout: &Layout, root: &Path) -> anyhow::Result<()> {
    let folder = layout.machine("shared-disk");
    fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    rootfs::bind(&folder, &root.join(MOUNTED))?;
    let driver = root.join(DRIVER);
    rootfs::write(&driver, SCRIPT)?;
    fs::set_permissions(&driver, Permissions::from_mode(0o755))
        .with_context(|| format!("making {} executable", driver.display()))
}
