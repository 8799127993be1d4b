//! Effects on pods. A deletion always names the incarnation that is meant.

use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, PostParams, Preconditions};
use kube::{Api, ResourceExt};
use shadow_core::machine::proof::{Dead, Expendable};
use shadow_core::restore_pod::{self, Cause};
use shadow_core::wire::PodRef;

use super::Subject;
use crate::context::Context;
use crate::error::ControllerError;

/// Creates the pod that takes over in the first handoff. One that exists already is left to the next look.
pub(super) async fn create_shadow(ctx: &Context, subject: Subject<'_>) -> Result<(), ControllerError> {
    let Subject { migration, plan, leg } = subject;
    let api: Api<Pod> = Api::namespaced(ctx.client.clone(), &plan.source.namespace);
    let source = api.get(&plan.source.name).await?;
    let (name, uid) = (migration.name_any(), subject.uid());
    let cause = Cause {
        name: &name,
        uid: &uid,
    };
    let shadow = restore_pod::shadow_of(&source, &leg.key, cause, &plan.container, &leg.to.node);
    match api.create(&PostParams::default(), &shadow).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.reason == "AlreadyExists" => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Deletes in the ordinary way, with the pod's own grace period. Gone or replaced is fine.
pub(super) async fn delete(ctx: &Context, proof: &Expendable) -> Result<(), ControllerError> {
    delete_incarnation(ctx, proof.pod(), None).await
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
