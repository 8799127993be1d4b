//! Our own parts, and what they logged.

use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration,
};
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::Api;
use kube::api::LogParams;
use kube::core::ApiResource;
use serde_json::Value;
use shadow_core::names::SYSTEM_NAMESPACE;

use super::{Asked, name_of};
use crate::problem::Problem;

/// Of a log, the last lines, and never more than so many bytes.
const LINES: i64 = 20_000;
const BYTES: i64 = 5_000_000;

impl Asked<'_> {
    /// Our own parts, and what they logged.
    pub(super) async fn system(&mut self) -> Result<(), Problem> {
        let ours = Some(SYSTEM_NAMESPACE);
        let parts = [
            (
                "Deployments of shadow-system",
                ApiResource::erase::<Deployment>(&()),
            ),
            (
                "DaemonSets of shadow-system",
                ApiResource::erase::<DaemonSet>(&()),
            ),
            ("Leases of shadow-system", ApiResource::erase::<Lease>(&())),
        ];
        let found = self.all(&parts, ours).await?;
        self.gathered.objects("system/parts.yaml", found);
        let webhooks = [
            (
                "ValidatingWebhookConfigurations",
                ApiResource::erase::<ValidatingWebhookConfiguration>(&()),
            ),
            (
                "MutatingWebhookConfigurations",
                ApiResource::erase::<MutatingWebhookConfiguration>(&()),
            ),
        ];
        let mut found = self.all(&webhooks, None).await?;
        found.retain(|one| name_of(one).starts_with("shadow-"));
        self.gathered.objects("system/webhooks.yaml", found);
        let events = [("events of shadow-system", ApiResource::erase::<Event>(&()))];
        let found = self.all(&events, ours).await?;
        self.gathered.objects("system/events.yaml", found);
        let pods = [("pods of shadow-system", ApiResource::erase::<Pod>(&()))];
        let found = self.all(&pods, ours).await?;
        for pod in &found {
            self.logs(pod).await?;
        }
        self.gathered.objects("system/pods.yaml", found);
        Ok(())
    }

    /// Objects of several kinds.
    async fn all(
        &mut self,
        kinds: &[(&str, ApiResource)],
        namespace: Option<&str>,
    ) -> Result<Vec<Value>, Problem> {
        let mut found = Vec::new();
        for (what, resource) in kinds {
            found.extend(self.list(what, resource, namespace).await?);
        }
        Ok(found)
    }

    /// The logs of each container, and of the one before it if it was restarted.
    async fn logs(&mut self, pod: &Value) -> Result<(), Problem> {
        let name = name_of(pod);
        let api: Api<Pod> = Api::namespaced(self.client.clone(), SYSTEM_NAMESPACE);
        for (container, restarts) in containers(pod) {
            for previous in [false, true] {
                if previous && restarts == 0 {
                    continue;
                }
                let params = LogParams {
                    container: Some(container.clone()),
                    previous,
                    tail_lines: Some(LINES),
                    limit_bytes: Some(BYTES),
                    timestamps: true,
                    ..LogParams::default()
                };
                let before = if previous { ".previous" } else { "" };
                match api.logs(name, &params).await {
                    Ok(text) => self
                        .gathered
                        .text(format!("system/logs/{name}.{container}{before}.log"), text),
                    Err(error) => {
                        self.unread(&format!("log of {name}, container {container}{before}"), error)?
                    }
                }
            }
        }
        Ok(())
    }
}

/// Containers that have run, with the number of their restarts.
fn containers(pod: &Value) -> Vec<(String, u64)> {
    let of = |field: &str| {
        pod.pointer(field)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    };
    let all = [
        of("/status/initContainerStatuses"),
        of("/status/containerStatuses"),
    ]
    .concat();
    let told = |status: &Value| {
        let name = status.get("name")?.as_str()?.to_owned();
        let restarts = status.get("restartCount").and_then(Value::as_u64).unwrap_or(0);
        Some((name, restarts))
    };
    all.iter().filter_map(told).collect()
}
