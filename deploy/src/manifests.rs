//! Every object of an installation. Guarantee: in an order in which each finds what it refers to, and with no
//! placeholder left.

use kube::core::DynamicObject;
use serde::Deserialize;
use shadow_core::repository::Repository;

use crate::crd;
use crate::dialling::Dialling;

const FILES: [(&str, &str); 10] = [
    (
        "00-namespace.yaml",
        include_str!("../manifests/00-namespace.yaml"),
    ),
    (
        "10-runtimeclass.yaml",
        include_str!("../manifests/10-runtimeclass.yaml"),
    ),
    (
        "20-rbac-controller.yaml",
        include_str!("../manifests/20-rbac-controller.yaml"),
    ),
    (
        "21-rbac-webhook.yaml",
        include_str!("../manifests/21-rbac-webhook.yaml"),
    ),
    (
        "22-rbac-agent.yaml",
        include_str!("../manifests/22-rbac-agent.yaml"),
    ),
    (
        "23-rbac-users.yaml",
        include_str!("../manifests/23-rbac-users.yaml"),
    ),
    (
        "30-admission-policies.yaml",
        include_str!("../manifests/30-admission-policies.yaml"),
    ),
    (
        "40-controller.yaml",
        include_str!("../manifests/40-controller.yaml"),
    ),
    ("41-webhook.yaml", include_str!("../manifests/41-webhook.yaml")),
    ("42-agent.yaml", include_str!("../manifests/42-agent.yaml")),
];

/// Applied last: from then on creations of migrations depend on the webhook.
const WEBHOOK_CONFIGURATIONS: (&str, &str) = (
    "50-webhook-configurations.yaml",
    include_str!("../manifests/50-webhook-configurations.yaml"),
);

/// Where the images come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Registry and, if any, folder in it; images are `<registry>/<part>:<tag>`.
    pub registry: String,
    /// Tag of all images.
    pub tag: String,
    /// Registries that agents may send checkpoint images to in plain HTTP, `host` or `host:port`.
    pub plain_http_registries: Vec<String>,
    /// Which hosts of users are dialled.
    pub dialling: Dialling,
    /// Secret in our namespace with which the images are pulled.
    pub pull_secret: Option<String>,
    /// Whether nodes get the runtime handler `shadow`. Without it their container runtimes stay as they are.
    pub runtime_handler: bool,
}

/// Why there are no manifests.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Would not be a part of an image name.
    #[error("{field} {value:?} cannot be part of an image name: use letters, digits and . : / - _ only")]
    NotAnImageName {
        /// Which setting.
        field: &'static str,
        /// What it was.
        value: String,
    },
    /// Is no host of a registry.
    #[error("plain-http {0:?} is not a host or host:port of a registry")]
    NotAHost(String),
    /// Is neither a host nor an address.
    #[error("{option} {why}")]
    NotAPlace {
        /// Which option of `install`.
        option: &'static str,
        /// What is wrong and what is expected.
        why: String,
    },
    /// Two options that contradict each other.
    #[error(
        "require-tls refuses registries without TLS, and plain-http {0:?} allows one. Leave one of the two out, or serve the registry by HTTPS"
    )]
    PlainDespiteTls(String),
    /// Is no name of a Secret.
    #[error("pull secret {0:?} is not the name of a Secret: use small letters, digits, - and . only")]
    NotASecret(String),
    /// An embedded file is broken: a defect of this build.
    #[error("embedded manifest {file} does not parse: {source}")]
    Embedded {
        /// Which file.
        file: &'static str,
        /// Why.
        source: serde_yaml_ng::Error,
    },
}

impl Settings {
    /// The image of one part: `controller`, `webhook` or `agent`.
    pub fn image(&self, part: &str) -> String {
        format!("{}/{part}:{}", self.registry, self.tag)
    }

    /// `dev` moves with every build of a working copy; other tags stand for one build.
    pub fn pull_policy(&self) -> &'static str {
        if self.tag == "dev" {
            "Always"
        } else {
            "IfNotPresent"
        }
    }

    fn check(&self) -> Result<(), SettingsError> {
        for (field, value) in [("registry", &self.registry), ("tag", &self.tag)] {
            let lawful = |c: char| c.is_ascii_alphanumeric() || ".:/-_".contains(c);
            if value.is_empty() || !value.chars().all(lawful) {
                return Err(SettingsError::NotAnImageName {
                    field,
                    value: value.clone(),
                });
            }
        }
        if let Some(name) = self.pull_secret.as_ref().filter(|name| !is_name(name)) {
            return Err(SettingsError::NotASecret(name.clone()));
        }
        for host in &self.plain_http_registries {
            let alone = Repository::parse(&format!("{host}/any")).is_ok_and(|parsed| parsed.path() == "any");
            if !alone {
                return Err(SettingsError::NotAHost(host.clone()));
            }
            if self.dialling.require_tls {
                return Err(SettingsError::PlainDespiteTls(host.clone()));
            }
        }
        Ok(())
    }
}

/// As Kubernetes names most objects.
fn is_name(text: &str) -> bool {
    let is_alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let lawful = |c: char| is_alphanumeric(c) || "-.".contains(c);
    let ends = text.starts_with(is_alphanumeric) && text.ends_with(is_alphanumeric);
    ends && text.len() <= 253 && text.chars().all(lawful)
}

/// Every object of an installation, the custom resources included, in the order in which to apply them.
pub fn manifests(settings: &Settings) -> Result<Vec<DynamicObject>, SettingsError> {
    settings.check()?;
    let pull_secrets = match &settings.pull_secret {
        Some(name) => format!("[{{name: {name}}}]"),
        None => "[]".to_owned(),
    };
    let dialling = settings.dialling.values()?;
    let mut objects = Vec::new();
    for (file, text) in FILES.into_iter().chain([WEBHOOK_CONFIGURATIONS]) {
        let text = text
            .replace("${REGISTRY}", &settings.registry)
            .replace("${TAG}", &settings.tag)
            .replace("${PULL}", settings.pull_policy())
            .replace("${PULL_SECRETS}", &pull_secrets)
            .replace(
                "${INSTALL}",
                if settings.runtime_handler {
                    "install"
                } else {
                    "prepare"
                },
            )
            .replace(
                "${PLAIN_HTTP_REGISTRIES}",
                &settings.plain_http_registries.join(","),
            );
        let filled = |text: String, (name, value): &(&str, String)| text.replace(name, value);
        let text = dialling.iter().fold(text, filled);
        for document in serde_yaml_ng::Deserializer::from_str(&text) {
            let object = DynamicObject::deserialize(document)
                .map_err(|source| SettingsError::Embedded { file, source })?;
            objects.push(object);
        }
    }
    let definitions = crd::ALL.iter().map(|definition| {
        let file = definition.path;
        definition
            .object()
            .map_err(|source| SettingsError::Embedded { file, source })
    });
    let mut all = definitions.collect::<Result<Vec<_>, _>>()?;
    all.append(&mut objects);
    Ok(all)
}
