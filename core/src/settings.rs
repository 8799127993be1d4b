//! What a migration is told about its stream and its container, from the spec or from the workload's annotations.
//!
//! Guarantee: admission, controller and command line resolve alike: the spec wins over the pod, the pod over its
//! owner.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Pod;

use crate::api::StatefulMigrationSpec;
use crate::names;
use crate::workload::Workload;

/// Settings with templates filled in; what nobody said is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Primary queue.
    pub queue: Option<String>,
    /// What names it, or would name it: the field or the annotation.
    pub queue_named_by: &'static str,
    /// Secret with the broker's addresses.
    pub secret: Option<String>,
    /// Broker URL with credentials, in the clear; only looked at when there is no secret.
    pub broker_url: Option<String>,
    /// Container to move.
    pub container: Option<String>,
    /// What names it, or would name it.
    pub container_named_by: &'static str,
}

const QUEUE: [&str; 2] = [
    "spec.messageQueueConfig.queueName",
    "annotation migration.ms2m.io/queue",
];
const CONTAINER: [&str; 2] = ["spec.containerName", "annotation migration.ms2m.io/container"];

/// Resolves the settings of a migration of `pod`.
pub fn resolve(spec: &StatefulMigrationSpec, pod: &Pod, owner: Option<&Workload>) -> Settings {
    let stream = spec.message_queue_config.clone().unwrap_or_default();
    let name = spec.source_pod.as_str();
    let fill = |text: String| names::fill_template(&text, name);
    // What is named, and by which of the two.
    let said = |own: Option<String>, annotation: &str, [field, note]: [&'static str; 2]| {
        let own = own.filter(|text| !text.is_empty());
        match own {
            Some(own) => (Some(own), field),
            None => annotated(pod, owner, annotation).map_or((None, field), |text| (Some(text), note)),
        }
    };
    let (queue, queue_named_by) = said(stream.queue_name, names::QUEUE, QUEUE);
    let (container, container_named_by) = said(spec.container_name.clone(), names::CONTAINER, CONTAINER);
    let broker_url = stream.broker_url.filter(|url| !url.is_empty());
    let in_spec = spec.broker_secret_ref.clone().filter(|name| !name.is_empty());
    let secret = match (&in_spec, &broker_url) {
        (None, None) => annotated(pod, owner, names::BROKER_SECRET),
        (Some(_), _) | (None, Some(_)) => in_spec,
    };
    Settings {
        queue: queue.map(fill),
        queue_named_by,
        secret,
        broker_url,
        container: container.or_else(|| only_container(pod)),
        container_named_by,
    }
}

/// Name of the pod's container, when it has just one.
pub fn only_container(pod: &Pod) -> Option<String> {
    match pod.spec.as_ref()?.containers.as_slice() {
        [only] => Some(only.name.clone()),
        _ => None,
    }
}

fn annotated(pod: &Pod, owner: Option<&Workload>, annotation: &str) -> Option<String> {
    let find = |map: Option<&BTreeMap<String, String>>| {
        map.and_then(|map| map.get(annotation))
            .filter(|text| !text.is_empty())
            .cloned()
    };
    find(pod.metadata.annotations.as_ref())
        .or_else(|| find(owner.and_then(|owner| owner.metadata.annotations.as_ref())))
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::apps::v1::StatefulSet;
    use serde_json::json;

    use super::*;

    fn pod() -> Pod {
        serde_json::from_value(json!({
            "metadata": {"name": "orders-3", "annotations": {
                names::QUEUE: "orders.{pod}", names::BROKER_SECRET: "pod-secret"}},
            "spec": {"containers": [{"name": "orders"}]}
        }))
        .unwrap()
    }

    fn owner() -> Workload {
        let annotations = json!({names::QUEUE: "other", names::CONTAINER: "main"});
        let set = json!({"metadata": {"annotations": annotations}});
        serde_json::from_value::<StatefulSet>(set).unwrap().into()
    }

    #[test]
    fn the_spec_wins_over_the_pod_and_the_pod_over_its_owner() {
        let mut spec = StatefulMigrationSpec {
            source_pod: "orders-3".into(),
            ..Default::default()
        };
        let found = resolve(&spec, &pod(), Some(&owner()));
        assert_eq!(found.queue.as_deref(), Some("orders.orders-3"));
        assert_eq!(found.secret.as_deref(), Some("pod-secret"));
        assert_eq!(found.container.as_deref(), Some("main"));

        spec.broker_secret_ref = Some("spec-secret".into());
        let config = json!({"queueName": "q{ordinal}", "brokerUrl": ""});
        spec.message_queue_config = Some(serde_json::from_value(config).unwrap());
        let found = resolve(&spec, &pod(), Some(&owner()));
        assert_eq!(found.queue.as_deref(), Some("q3"));
        assert_eq!(found.secret.as_deref(), Some("spec-secret"));
        assert_eq!(found.broker_url, None);
    }

    #[test]
    fn what_names_queue_and_container_is_told() {
        let named = |queue: &str, container: &str, owner: Option<&Workload>, pod: &Pod| {
            let spec = StatefulMigrationSpec {
                source_pod: "orders-3".into(),
                container_name: Some(container.into()),
                message_queue_config: Some(serde_json::from_value(json!({"queueName": queue})).unwrap()),
                ..Default::default()
            };
            let found = resolve(&spec, pod, owner);
            (found.queue_named_by, found.container_named_by)
        };
        let fields = ("spec.messageQueueConfig.queueName", "spec.containerName");
        assert_eq!(named("q", "c", Some(&owner()), &pod()), fields);
        assert_eq!(named("", "", None, &Pod::default()), fields);
        let (queue, container) = named("", "", Some(&owner()), &pod());
        assert_eq!(queue, format!("annotation {}", names::QUEUE));
        assert_eq!(container, format!("annotation {}", names::CONTAINER));
    }

    #[test]
    fn a_broker_that_the_spec_names_wins_over_the_annotation() {
        let spec = |secret: &str, url: &str| StatefulMigrationSpec {
            source_pod: "orders-3".into(),
            broker_secret_ref: Some(secret.into()),
            message_queue_config: Some(serde_json::from_value(json!({"brokerUrl": url})).unwrap()),
            ..Default::default()
        };
        for (secret, url, used) in [
            ("", "", Some("pod-secret")),
            ("", "amqp://mq", None),
            ("spec-secret", "amqp://mq", Some("spec-secret")),
        ] {
            let found = resolve(&spec(secret, url), &pod(), Some(&owner()));
            assert_eq!(found.secret.as_deref(), used, "{secret:?} {url:?}");
        }
    }

    #[test]
    fn of_several_containers_none_is_guessed() {
        let mut pod = pod();
        let twice = pod.spec.as_ref().unwrap().containers[0].clone();
        pod.spec.as_mut().unwrap().containers.push(twice);
        assert_eq!(
            resolve(&StatefulMigrationSpec::default(), &pod, None).container,
            None
        );
    }
}
