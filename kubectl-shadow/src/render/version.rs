//! Versions, and in words whether they fit. Pure.

use serde::Serialize;
use shadow_core::names;

/// What is known.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Versions {
    /// This plugin.
    pub plugin: Plugin,
    /// The cluster, if it was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<Found>,
}

/// This plugin.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plugin {
    /// `v0.1.0`.
    pub version: String,
    /// Commit that it was built from, if that was known then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

impl Plugin {
    /// This program.
    pub fn this() -> Self {
        Self {
            version: concat!("v", env!("CARGO_PKG_VERSION")).to_owned(),
            commit: option_env!("KUBECTL_SHADOW_COMMIT").map(str::to_owned),
        }
    }
}

/// The cluster.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Found {
    /// Version of Kubernetes.
    pub kubernetes: String,
    /// Versions of our API that are served.
    pub api: Vec<String>,
    /// What runs in our namespace; none if it may not be seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parts: Option<Vec<Part>>,
}

/// Pods of one image.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Part {
    /// `shadow-controller`, `shadow-webhook`, `shadow-agent`.
    pub name: String,
    /// Tag of its image, or the digest of one without a tag.
    pub version: String,
    /// Its image.
    pub image: String,
    /// How many pods run it.
    pub pods: usize,
}

/// The tag of an image; of one without a tag its digest.
pub fn tag(image: &str) -> String {
    let (name, digest) = match image.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (image, None),
    };
    let last = name.rsplit('/').next().unwrap_or(name);
    match (last.split_once(':'), digest) {
        (Some((_, tag)), _) => tag.to_owned(),
        (None, Some(digest)) => digest.to_owned(),
        (None, None) => "latest".to_owned(),
    }
}

/// The lines for a person.
pub fn lines(versions: &Versions) -> Vec<String> {
    let plugin = &versions.plugin;
    let commit = plugin.commit.as_ref();
    let built = commit
        .map(|commit| format!(" (commit {commit})"))
        .unwrap_or_default();
    let mut lines = vec![line("plugin", &format!("{}{built}", plugin.version))];
    let Some(server) = &versions.server else {
        return lines;
    };
    match &server.parts {
        None => lines.push(format!(
            "What runs in the cluster is not known: to see it, you need the verb list on pods in namespace {}.",
            names::SYSTEM_NAMESPACE
        )),
        Some(parts) => lines.extend(parts.iter().map(|part| {
            let pods = if part.pods == 1 { "pod" } else { "pods" };
            let name = part.name.strip_prefix("shadow-").unwrap_or(&part.name);
            line(name, &format!("{} ({} {pods})", part.version, part.pods))
        })),
    }
    if !server.api.is_empty() {
        lines.push(line("api", &server.api.join(", ")));
    }
    lines.push(line("kubernetes", &server.kubernetes));
    lines.push(String::new());
    lines.extend(fit(plugin, server));
    lines
}

fn line(name: &str, value: &str) -> String {
    format!("{name:<10}   {value}")
}

/// Whether they fit, and what to do if not.
fn fit(plugin: &Plugin, server: &Found) -> Vec<String> {
    const SERVED: &str = "v1alpha1";
    if server.api.is_empty() {
        return vec![
            "This cluster does not know StatefulMigrations. To install kubectl-shadow, type: kubectl shadow install --registry REGISTRY"
                .to_owned(),
        ];
    }
    let mut said = Vec::new();
    if !server.api.iter().any(|version| version.ends_with(SERVED)) {
        said.push(format!(
            "This plugin speaks {}/{SERVED}, and the cluster does not: take a plugin of the cluster's version.",
            names::GROUP
        ));
    }
    let parts = server.parts.as_deref().unwrap_or_default();
    let differ: Vec<String> = parts.iter().filter_map(|part| skew(plugin, part)).collect();
    let is_known = !parts.is_empty();
    said.extend(differ);
    if said.is_empty() && is_known {
        said.push("All parts have the version of this plugin.".to_owned());
    }
    if server.parts.as_ref().is_some_and(Vec::is_empty) {
        said.push(format!(
            "No pod of kubectl-shadow runs in namespace {}. To see why, type: kubectl -n {0} get deployments,daemonsets",
            names::SYSTEM_NAMESPACE
        ));
    }
    said
}

/// How a part differs from the plugin.
fn skew(plugin: &Plugin, part: &Part) -> Option<String> {
    let name = part.name.strip_prefix("shadow-").unwrap_or(&part.name);
    let (Some(ours), theirs) = (numbers(&plugin.version), numbers(&part.version)) else {
        return None;
    };
    match theirs {
        None => Some(format!(
            "The {name} has image tag {:?}, which tells no version.",
            part.version
        )),
        Some(theirs) if theirs == ours => None,
        Some(theirs) if theirs < ours => Some(format!(
            "The {name} ({}) is older than this plugin ({}). To update the cluster, type: kubectl shadow install --registry REGISTRY",
            part.version, plugin.version
        )),
        Some(_) => Some(format!(
            "The {name} ({}) is newer than this plugin ({}): take the plugin of that version.",
            part.version, plugin.version
        )),
    }
}

/// `v1.2.3` and `1.2.3-rc.1` as numbers.
fn numbers(version: &str) -> Option<(u64, u64, u64)> {
    let plain = version.strip_prefix('v').unwrap_or(version);
    let plain = plain.split(['-', '+']).next().unwrap_or(plain);
    let mut numbers = plain.split('.').map(|number| number.parse().ok());
    let three = (numbers.next()??, numbers.next()??, numbers.next()??);
    numbers.next().is_none().then_some(three)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn versions(tags: &[(&str, &str)]) -> Versions {
        let part = |(name, tag): &(&str, &str)| Part {
            name: (*name).to_owned(),
            version: (*tag).to_owned(),
            image: String::new(),
            pods: 1,
        };
        Versions {
            plugin: Plugin {
                version: "v0.2.0".to_owned(),
                commit: Some("abc".to_owned()),
            },
            server: Some(Found {
                kubernetes: "v1.36.0".to_owned(),
                api: vec!["migration.ms2m.io/v1alpha1".to_owned()],
                parts: Some(tags.iter().map(part).collect()),
            }),
        }
    }

    fn last(tags: &[(&str, &str)]) -> String {
        lines(&versions(tags)).pop().unwrap()
    }

    #[test]
    fn an_image_tells_its_tag_or_its_digest() {
        let cases = [
            ("10.0.0.1:5000/agent:v0.1.0", "v0.1.0"),
            ("ghcr.io/me/agent:v1@sha256:aa", "v1"),
            ("10.0.0.1:5000/agent@sha256:aa", "sha256:aa"),
            ("agent", "latest"),
        ];
        for (image, wanted) in cases {
            assert_eq!(tag(image), wanted, "{image}");
        }
    }

    #[test]
    fn a_difference_is_told_with_what_to_do() {
        assert_eq!(
            last(&[("shadow-agent", "v0.2.0")]),
            "All parts have the version of this plugin."
        );
        assert!(last(&[("shadow-agent", "v0.1.9")]).contains("agent (v0.1.9) is older"));
        assert!(last(&[("shadow-agent", "v0.10.0")]).contains("is newer than this plugin"));
        assert!(last(&[("shadow-agent", "dev")]).contains("tells no version"));
        assert!(last(&[]).contains("No pod of kubectl-shadow runs"));
    }

    #[test]
    fn a_cluster_without_us_or_with_another_api_is_told() {
        let mut none = versions(&[]);
        none.server.as_mut().unwrap().api.clear();
        assert!(lines(&none).pop().unwrap().contains("kubectl shadow install"));
        let mut other = versions(&[("shadow-agent", "v0.2.0")]);
        other.server.as_mut().unwrap().api = vec!["migration.ms2m.io/v2".to_owned()];
        assert!(lines(&other).pop().unwrap().contains("the cluster does not"));
    }

    #[test]
    fn what_may_not_be_seen_is_told_with_the_missing_right() {
        let mut hidden = versions(&[]);
        hidden.server.as_mut().unwrap().parts = None;
        let text = lines(&hidden).join("\n");
        assert!(
            text.contains("the verb list on pods in namespace shadow-system"),
            "{text}"
        );
        assert!(!text.contains("All parts"), "{text}");
        assert!(text.starts_with("plugin       v0.2.0 (commit abc)"), "{text}");
    }
}
