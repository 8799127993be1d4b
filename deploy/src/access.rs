//! Gives the controller one broker Secret, and asks whether it has it.

use k8s_openapi::api::authorization::v1::{
    LocalSubjectAccessReview, ResourceAttributes, SubjectAccessReviewSpec,
};
use kube::api::PostParams;
use kube::{Api, Client};
use shadow_core::names::{CONTROLLER_ACCOUNT, account_user};

use crate::broker_access;
use crate::cluster::{ClusterError, apply, try_out};

/// Lets the controller read this one Secret.
pub async fn allow(client: &Client, namespace: &str, secret: &str) -> Result<(), ClusterError> {
    apply(client, &broker_access::grants(namespace, secret)?, |_| ()).await
}

/// The same without an effect: whether the API server would accept it.
pub async fn try_allow(client: &Client, namespace: &str, secret: &str) -> Result<(), ClusterError> {
    try_out(client, &broker_access::grants(namespace, secret)?).await
}

/// Whether the controller may read this Secret; `None` when the caller may not ask.
pub async fn may_read(client: &Client, namespace: &str, secret: &str) -> Result<Option<bool>, ClusterError> {
    let reviews: Api<LocalSubjectAccessReview> = Api::namespaced(client.clone(), namespace);
    let review = LocalSubjectAccessReview {
        spec: SubjectAccessReviewSpec {
            user: Some(account_user(CONTROLLER_ACCOUNT)),
            resource_attributes: Some(ResourceAttributes {
                namespace: Some(namespace.to_owned()),
                resource: Some("secrets".to_owned()),
                name: Some(secret.to_owned()),
                verb: Some("get".to_owned()),
                version: Some("v1".to_owned()),
                ..ResourceAttributes::default()
            }),
            ..SubjectAccessReviewSpec::default()
        },
        ..LocalSubjectAccessReview::default()
    };
    match reviews.create(&PostParams::default(), &review).await {
        Ok(answer) => Ok(Some(answer.status.is_some_and(|status| status.allowed))),
        Err(kube::Error::Api(status)) if status.code == 403 => Ok(None),
        Err(source) => Err(ClusterError::Api {
            doing: "ask for the controller's access to",
            object: format!("Secret {namespace}/{secret}"),
            source,
        }),
    }
}
