//! Pods of a kubelet that has no API server: it starts what stands in its folder of manifests.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use shadow_agent::layout;
use shadow_agent::node::ContainerId;
use shadow_core::names::{self, Key};

use crate::sees::Sees;
use crate::wait::until;

/// Kubelet adds the node's name to that of a pod from its folder.
pub(crate) const NODE: &str = "vm";
pub(crate) const NAMESPACE: &str = "default";
pub(crate) const CONTAINER: &str = "subject";
pub(crate) const IMAGE: &str = "localhost/subject:1";
/// As the manifest says, and as the kernel writes it.
pub(crate) const MEMORY: (&str, &str) = ("128Mi", "134217728");
pub(crate) const CPU: (&str, &str) = ("2", "200000 100000");
const MANIFESTS: &str = "/etc/kubernetes/manifests";
const LOGS: &str = "/var/log/pods";

/// A pod with the subject in it.
pub(crate) struct Pod {
    /// As its manifest has it.
    name: String,
}

/// A running subject.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) id: ContainerId,
    pub(crate) sandbox: ContainerId,
    pub(crate) pod: String,
    pub(crate) pod_uid: String,
}

impl Pod {
    /// As kubelet and the runtime call it.
    pub(crate) fn full_name(name: &str) -> String {
        format!("{name}-{NODE}")
    }

    /// Hands a pod to kubelet; one with a key is a restore.
    pub(crate) fn create(name: &str, key: Option<&Key>) -> Result<Self> {
        let mut annotations = json!({});
        if let Some(key) = key {
            annotations = json!({
                names::RESTORE_KEY: key.as_str(), names::RESTORE_CONTAINER: CONTAINER, names::MIGRATION: "move",
            });
        }
        let pod = manifest(name, &annotations);
        let next = Path::new("/etc/kubernetes").join(format!("{name}.next"));
        fs::write(&next, serde_json::to_vec_pretty(&pod)?).context("write a manifest")?;
        fs::rename(&next, Self::manifest_of(name)).context("hand a manifest to kubelet")?;
        Ok(Self {
            name: name.to_owned(),
        })
    }

    /// Takes it away from kubelet and waits until it is gone.
    pub(crate) async fn delete(self) -> Result<()> {
        fs::remove_file(Self::manifest_of(&self.name)).context("take a manifest away")?;
        let name = Self::full_name(&self.name);
        until(&format!("pod {name} to go"), || {
            Ok(bundles()?.iter().all(|bundle| bundle.pod != name).then_some(()))
        })
        .await
    }

    fn manifest_of(name: &str) -> PathBuf {
        Path::new(MANIFESTS).join(format!("{name}.json"))
    }

    /// Waits until the subject runs.
    pub(crate) async fn subject(&self) -> Result<Subject> {
        let name = Self::full_name(&self.name);
        let found = until(&format!("a container of pod {name}"), || subject_of(&name)).await?;
        until(&format!("pod {name} to say something"), || self.last_line()).await?;
        Ok(found)
    }

    /// Waits for a line of the subject that is newer than `count`.
    pub(crate) async fn line_after(&self, count: u64) -> Result<Sees> {
        until(&format!("pod {} to count beyond {count}", self.name), || {
            Ok(self.last_line()?.filter(|sees| sees.count() > Some(count)))
        })
        .await
    }

    /// What the subject said last; nothing before its first whole line.
    pub(crate) fn last_line(&self) -> Result<Option<Sees>> {
        let Some(log) = self.newest_log()? else {
            return Ok(None);
        };
        Ok(text(&log)?.lines().rev().find_map(Sees::of_log))
    }

    /// The count of the first line.
    pub(crate) fn first_count(&self) -> Result<Option<u64>> {
        let Some(log) = self.newest_log()? else {
            return Ok(None);
        };
        Ok(text(&log)?
            .lines()
            .find_map(Sees::of_log)
            .and_then(|sees| sees.count()))
    }

    /// The count of the last line.
    pub(crate) fn last_count(&self) -> Result<u64> {
        let sees = self.last_line()?;
        sees.and_then(|sees| sees.count())
            .with_context(|| format!("pod {} has said nothing", self.name))
    }

    /// The log of the container's last start.
    fn newest_log(&self) -> Result<Option<PathBuf>> {
        let prefix = format!("{NAMESPACE}_{}_", Self::full_name(&self.name));
        let mut logs = Vec::new();
        for pod in entries(Path::new(LOGS))? {
            if pod
                .file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with(&prefix))
            {
                logs.extend(entries(&pod.join(CONTAINER))?);
            }
        }
        logs.sort();
        Ok(logs.pop())
    }

    /// What kubelet wrote of this pod into the journal, for a message.
    pub(crate) fn events(&self) -> String {
        let name = Self::full_name(&self.name);
        let Ok(output) = std::process::Command::new("journalctl")
            .args(["-u", "kubelet", "-o", "cat", "--no-pager"])
            .output()
        else {
            return "the journal cannot be read".to_owned();
        };
        let text = String::from_utf8_lossy(&output.stdout);
        let told = |line: &&str| line.contains(&name) && (line.contains("rror") || line.contains("ailed"));
        let mut lines: Vec<&str> = text.lines().filter(told).collect();
        lines.split_off(lines.len().saturating_sub(3)).join("\n")
    }
}

fn text(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("read {}", path.display()))
}

fn manifest(name: &str, annotations: &Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": NAMESPACE, "annotations": annotations},
        "spec": {
            "terminationGracePeriodSeconds": 1, "restartPolicy": "Never",
            "containers": [{
                "name": CONTAINER, "image": IMAGE, "imagePullPolicy": "Never",
                "resources": {"limits": {"memory": MEMORY.0, "cpu": CPU.0}, "requests": {"memory": "64Mi", "cpu": "10m"}},
                "securityContext": {
                    "runAsUser": 10001, "runAsGroup": 10002, "allowPrivilegeEscalation": false,
                    "capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]},
                    "seccompProfile": {"type": "RuntimeDefault"},
                },
            }],
        },
    })
}

/// What the runtime keeps of a container that it has.
struct Bundle {
    id: String,
    spec: Value,
    pod: String,
}

impl Bundle {
    fn annotation(&self, name: &str) -> &str {
        let found = self.spec["annotations"].get(format!("io.kubernetes.cri.{name}"));
        found.and_then(Value::as_str).unwrap_or_default()
    }
}

fn bundles() -> Result<Vec<Bundle>> {
    let mut found = Vec::new();
    for folder in entries(Path::new(layout::BUNDLES))? {
        // One that is made or goes at this moment has no spec.
        let Ok(text) = fs::read(folder.join("config.json")) else {
            continue;
        };
        let Ok(spec) = serde_json::from_slice(&text) else {
            continue;
        };
        let id = folder
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let mut bundle = Bundle {
            id,
            spec,
            pod: String::new(),
        };
        bundle.pod = bundle.annotation("sandbox-name").to_owned();
        found.push(bundle);
    }
    Ok(found)
}

/// Whether the runtime has a subject of this pod.
pub(crate) fn runs(pod: &str) -> Result<bool> {
    Ok(subject_of(pod)?.is_some())
}

fn subject_of(pod: &str) -> Result<Option<Subject>> {
    let found = bundles()?;
    let is_subject = |bundle: &&Bundle| bundle.pod == pod && bundle.annotation("container-name") == CONTAINER;
    let mut subjects = found.iter().filter(is_subject);
    let Some(subject) = subjects.next() else {
        return Ok(None);
    };
    if subjects.next().is_some() {
        bail!("pod {pod} has two containers {CONTAINER}");
    }
    Ok(Some(Subject {
        id: ContainerId::parse(&subject.id)?,
        sandbox: ContainerId::parse(subject.annotation("sandbox-id"))?,
        pod: pod.to_owned(),
        pod_uid: subject.annotation("sandbox-uid").to_owned(),
    }))
}

/// Paths in a folder; none of one that is not there.
pub(crate) fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let listing = match fs::read_dir(folder) {
        Ok(listing) => listing,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| format!("read {}", folder.display())),
    };
    listing
        .map(|entry| {
            Ok(entry
                .with_context(|| format!("read {}", folder.display()))?
                .path())
        })
        .collect()
}
