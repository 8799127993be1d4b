//! The rule that sends exactly the re-created pod to our webhook. It exists only while a migration needs it, and it
//! fails closed for that pod alone: every other pod never meets us.

use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{PersistentVolumeClaimVolumeSource, Pod, PodSpec, Volume};
use kube::api::{DeleteParams, ObjectMeta, PostParams};
use kube::{Api, ResourceExt};
use serde_json::json;
use shadow_core::api::Owner;
use shadow_core::machine::{Outcome, Route};
use shadow_core::names;

use super::Subject;
use crate::context::Context;
use crate::error::ControllerError;

pub(super) async fn install(ctx: &Context, subject: Subject<'_>) -> Result<(), ControllerError> {
    let api: Api<MutatingWebhookConfiguration> = Api::all(ctx.client.clone());
    match api
        .create(&PostParams::default(), &configuration(subject, &ctx.ca_pem)?)
        .await
    {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.reason == "AlreadyExists" => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// A dry-run creation of the pod must come back rewritten.
pub(super) async fn prove(ctx: &Context, subject: Subject<'_>) -> Result<Outcome, ControllerError> {
    let plan = subject.plan;
    let sets: Api<StatefulSet> = Api::namespaced(ctx.client.clone(), &plan.source.namespace);
    let owner = owner(subject)?;
    let set = sets.get(&owner.name).await?;
    let pods: Api<Pod> = Api::namespaced(ctx.client.clone(), &plan.source.namespace);
    let probe = probe(&set, owner, subject)?;
    let params = PostParams {
        dry_run: true,
        field_manager: None,
    };
    let answer = pods.create(&params, &probe).await?;
    let status = subject.migration.status.clone().unwrap_or_default();
    let key = Route::of(plan)
        .key_of_recreated(&status, &subject.uid())
        .map_err(|e| ControllerError::Malformed(e.to_string()))?;
    let answered = answer.annotations().get(names::RESTORE_KEY).map(String::as_str);
    if answered.is_some() && answered == key.as_ref().map(names::Key::as_str) {
        ctx.rule_was_proven(&subject.uid());
        return Ok(Outcome::RuleProven);
    }
    Err(ControllerError::RuleNotInForce)
}

pub(super) async fn remove(ctx: &Context, subject: Subject<'_>) -> Result<(), ControllerError> {
    let api: Api<MutatingWebhookConfiguration> = Api::all(ctx.client.clone());
    ctx.rule_is_gone(&subject.uid());
    match api
        .delete(&names::rewrite_rule(&subject.uid()), &DeleteParams::default())
        .await
    {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// The pod as the StatefulSet would create it, under the source's name. The dry run uses a generated suffix, since
/// the name itself is taken while the source lives.
fn probe(set: &StatefulSet, owner: &Owner, subject: Subject<'_>) -> Result<Pod, ControllerError> {
    let plan = subject.plan;
    let template = set
        .spec
        .as_ref()
        .map(|spec| spec.template.clone())
        .ok_or_else(|| ControllerError::Malformed(format!("StatefulSet {} has no spec", owner.name)))?;
    let mut metadata = template.metadata.unwrap_or_default();
    metadata
        .annotations
        .get_or_insert_default()
        .insert(names::RULE_PROBE.to_owned(), plan.source.name.clone());
    let references = serde_json::from_value(json!([{
        "apiVersion": "apps/v1", "kind": "StatefulSet", "name": owner.name, "uid": owner.uid, "controller": true
    }]))
    .map_err(|e| ControllerError::Malformed(e.to_string()))?;
    Ok(Pod {
        metadata: ObjectMeta {
            name: Some(format!("{}-rule-probe", plan.source.name)),
            namespace: Some(plan.source.namespace.clone()),
            labels: metadata.labels,
            annotations: metadata.annotations,
            owner_references: Some(references),
            ..ObjectMeta::default()
        },
        spec: template
            .spec
            .map(|spec| with_claims(spec, set, &plan.source.name)),
        status: None,
    })
}

/// A StatefulSet adds a volume for each of its claim templates, which the containers mount.
fn with_claims(mut spec: PodSpec, set: &StatefulSet, pod: &str) -> PodSpec {
    let templates = set
        .spec
        .iter()
        .flat_map(|spec| spec.volume_claim_templates.iter().flatten());
    let volumes = templates.filter_map(|template| {
        let name = template.metadata.name.clone()?;
        let claim_name = format!("{name}-{pod}");
        Some(Volume {
            name,
            persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
                claim_name,
                read_only: None,
            }),
            ..Volume::default()
        })
    });
    spec.volumes.get_or_insert_default().extend(volumes);
    spec
}

/// Only on the routes on which a StatefulSet re-creates the pod is there a rule.
fn owner(subject: Subject<'_>) -> Result<&Owner, ControllerError> {
    subject
        .plan
        .owner
        .as_ref()
        .ok_or_else(|| ControllerError::Malformed("the plan has a rule but no owner".to_owned()))
}

fn configuration(
    subject: Subject<'_>,
    ca_pem: &str,
) -> Result<MutatingWebhookConfiguration, ControllerError> {
    let plan = subject.plan;
    let ours = of_name(&plan.source.name);
    let owned = of_owner(&owner(subject)?.uid);
    serde_json::from_value(json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {
            "name": names::rewrite_rule(&subject.uid()),
            "labels": {names::MIGRATION_UID: subject.uid(), "app.kubernetes.io/part-of": "kubectl-shadow"},
        },
        "webhooks": [{
            "name": "pods.migration.ms2m.io",
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "failurePolicy": "Fail",
            // Another webhook may take the node or the image back after us.
            "reinvocationPolicy": "IfNeeded",
            "timeoutSeconds": 3,
            "clientConfig": {
                "service": {
                    "namespace": names::SYSTEM_NAMESPACE,
                    "name": names::WEBHOOK_SERVICE,
                    "path": names::WEBHOOK_PODS_PATH,
                    "port": 443,
                },
                "caBundle": k8s_openapi::ByteString(ca_pem.as_bytes().to_vec()),
            },
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": plan.source.namespace}},
            "rules": [{
                "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"], "scope": "Namespaced"
            }],
            "matchConditions": [
                {"name": "announced-name", "expression": ours},
                {"name": "announced-owner", "expression": owned},
            ],
        }],
    }))
    .map_err(|e| ControllerError::Malformed(e.to_string()))
}

/// The pod of this name, or the probe that asks in its place.
fn of_name(pod: &str) -> String {
    let (name, probe) = (quoted(pod), quoted(&format!("{pod}-rule-probe")));
    let mark = quoted(names::RULE_PROBE);
    format!(
        "object.metadata.name == {name} || (has(object.metadata.annotations) && {mark} in object.metadata.annotations && \
         object.metadata.name == {probe})"
    )
}

fn of_owner(uid: &str) -> String {
    let uid = quoted(uid);
    format!(
        "has(object.metadata.ownerReferences) && object.metadata.ownerReferences.exists(o, o.uid == {uid})"
    )
}

/// As a literal of CEL, whatever is in it: what a pod says of its owner is its creator's text. Every escape of JSON is one of CEL, too.
fn quoted(text: &str) -> String {
    json!(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_pod_says_of_its_owner_never_becomes_a_part_of_the_rule() {
        for (uid, literal) in [
            ("b1f4c1de-30c8", r#""b1f4c1de-30c8""#),
            ("') || true || ('", r#""') || true || ('""#),
            (r#"") || true || (""#, r#""\") || true || (\"""#),
            ("a\\", r#""a\\""#),
            ("a\nb", r#""a\nb""#),
        ] {
            assert_eq!(quoted(uid), literal);
            assert!(of_owner(uid).ends_with(&format!("o.uid == {literal})")), "{uid}");
        }
    }
}
