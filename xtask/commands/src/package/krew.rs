//! The manifest by which krew, the package manager of kubectl, installs the plugin.

/// Its file: krew names a manifest by its plugin.
pub(super) const FILE: &str = "shadow.yaml";

/// The manifest for one archive.
pub(super) fn manifest(version: &str, archive: &str, sha256: &str) -> String {
    let repository = env!("CARGO_PKG_REPOSITORY");
    format!(
        "apiVersion: krew.googlecontainertools.github.com/v1alpha2
kind: Plugin
metadata:
  name: shadow
spec:
  version: {version}
  homepage: {repository}
  shortDescription: Live-migrate stateful consumers
  description: |
    Moves a running consumer of a RabbitMQ queue to another node: its memory, its place in the message stream and its name. No
    message is lost, applied twice or reordered, and the verdict at the end says so or says why not. A move that cannot be
    finished is undone.
  caveats: |
    The cluster needs controller, webhook and agents. The images of them come with the plugin. To push them to your registry and
    install all of it, type: kubectl shadow install --registry REGISTRY --images
    For completion, put kubectl_complete-shadow into a folder of PATH; it lies beside the plugin.
  platforms:
  - selector:
      matchLabels:
        os: linux
        arch: amd64
    uri: {repository}/releases/download/{version}/{archive}
    sha256: {sha256}
    files:
    - from: \"*\"
      to: .
    bin: kubectl-shadow
"
    )
}
