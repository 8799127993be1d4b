//! Effects on pods. A deletion always names the incarnation that is meant.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use kube::{Api, ResourceExt};
use serde_json::json;
use shadow_core::api::RestoreBackend;
use shadow_core::machine::Route;
use shadow_core::machine::proof::{Dead, Expendable, Grace};
use shadow_core::names;
use shadow_core::restore_pod::{self, Cause};
use shadow_core::wire::PodRef;

use super::{Subject, image};
use crate::context::Context;
use crate::error::ControllerError;

/// Creates the pod that takes over in the first handoff. One that exists already is left to the next look.
pub(super) async fn create_target(ctx: &Context, subject: Subject<'_>) -> Result<(), ControllerError> {
    let Subject { migration, plan, leg } = subject;
    let api: Api<Pod> = Api::namespaced(ctx.client.clone(), &plan.source.namespace);
    let source = api.get(&plan.source.name).await?;
    let (name, uid) = (migration.name_any(), subject.uid());
    let cause = Cause {
        name: &name,
        uid: &uid,
    };
    let (key, container, node) = (&leg.key, plan.container.as_str(), leg.to.node.as_str());
    let mut target = match Route::of(plan) {
        Route::Twice => restore_pod::shadow_of(&source, key, cause, container, node),
        Route::Once | Route::Adopted => {
            restore_pod::successor_of(&source, &leg.to.pod, key, cause, container, node)
        }
        Route::InPlace => {
            return Err(ControllerError::Malformed(format!(
                "pod {} is re-created by its StatefulSet, not by the controller",
                leg.to.pod
            )));
        }
    };
    if let Some(pinned) = plan.image.as_ref().and_then(|image| image.pinned.as_deref()) {
        restore_pod::pin_image(&mut target, container, pinned);
    }
    match plan.restore {
        RestoreBackend::Image => image::await_image(&mut target, subject)?,
        RestoreBackend::RuntimeClass => {}
    }
    match api.create(&PostParams::default(), &target).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.reason == "AlreadyExists" => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// The copy gets the labels by which the ReplicaSet knows its pods. One that counts a pod too many then gives up the one with
/// the lowest cost: the source, should it act before the source is deleted, and should the source not have gone already.
pub(super) async fn adopt(ctx: &Context, from: &PodRef, to: &PodRef) -> Result<(), ControllerError> {
    let api: Api<Pod> = Api::namespaced(ctx.client.clone(), &from.namespace);
    let copy = api.get_opt(&to.name).await?;
    let Some(copy) = copy.filter(|pod| pod.uid().as_ref() == Some(&to.uid)) else {
        return Ok(());
    };
    if copy.labels().keys().any(|label| names::is_template_hash(label)) {
        return Ok(());
    }
    let labels = restore_pod::template_hashes(&copy);
    if labels.is_empty() {
        return Err(ControllerError::Malformed(format!(
            "pod {} lacks the annotation pod-template-hash. Without a label of that name and value its ReplicaSet does not \
             adopt it. Give the pod that label; to see its value, type: kubectl get replicasets --show-labels",
            to.name
        )));
    }
    let params = PatchParams::default();
    let cheap = json!({"metadata": {"uid": from.uid, "annotations": {names::DELETION_COST: LOWEST_COST}}});
    patched(
        api.patch_metadata(&from.name, &params, &Patch::Merge(&cheap))
            .await,
    )?;
    let no_more: BTreeMap<&String, Option<()>> = labels.keys().map(|name| (name, None)).collect();
    let known = json!({"metadata": {"uid": to.uid, "labels": labels, "annotations": no_more}});
    patched(api.patch_metadata(&to.name, &params, &Patch::Merge(&known)).await)
}

/// Lowest deletion cost there is.
const LOWEST_COST: &str = "-2147483647";

/// A pod that is gone or replaced meanwhile is for the next look.
pub(super) fn patched<T>(outcome: Result<T, kube::Error>) -> Result<(), ControllerError> {
    match outcome {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 404 || status.code == 409 => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Deletes in the ordinary way. Gone or replaced is fine.
pub(super) async fn delete(ctx: &Context, proof: &Expendable) -> Result<(), ControllerError> {
    let seconds = match proof.grace() {
        Grace::ItsOwn => None,
        Grace::Shortest => Some(1),
    };
    delete_incarnation(ctx, proof.pod(), seconds).await
}

/// Removes the object of a pod without processes at once.
pub(super) async fn drop_dead(ctx: &Context, dead: &Dead) -> Result<(), ControllerError> {
    delete_incarnation(ctx, dead.pod(), Some(0)).await
}

async fn delete_incarnation(
    ctx: &Context,
    pod: &PodRef,
    grace_period_seconds: Option<u32>,
) -> Result<(), ControllerError> {
    let api: Api<Pod> = Api::namespaced(ctx.client.clone(), &pod.namespace);
    let preconditions = Preconditions {
        uid: Some(pod.uid.clone()),
        resource_version: None,
    };
    let params = DeleteParams {
        preconditions: Some(preconditions),
        grace_period_seconds,
        ..DeleteParams::default()
    };
    match api.delete(&pod.name, &params).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 404 || status.code == 409 => Ok(()),
        Err(error) => Err(error.into()),
    }
}
