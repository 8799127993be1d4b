//! What the user may, as the API server says.

use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::api::PostParams;
use kube::{Api, Client};

use super::{Got, got};
use crate::problem::Problem;

/// The verb of a user that may give rights without having them.
pub const ESCALATE: &str = "escalate";

/// Something that one may do, or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// `create`.
    pub verb: &'static str,
    /// API group; empty for the core.
    pub group: String,
    /// Plural.
    pub resource: String,
    /// Where; absent: in the whole cluster.
    pub namespace: Option<String>,
}

/// Whether the user may.
pub(super) async fn may(client: &Client, action: &Action) -> Result<Got<bool>, Problem> {
    let attributes = ResourceAttributes {
        verb: Some(action.verb.to_owned()),
        group: Some(action.group.clone()),
        resource: Some(action.resource.clone()),
        namespace: action.namespace.clone(),
        ..ResourceAttributes::default()
    };
    let review = SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec {
            resource_attributes: Some(attributes),
            non_resource_attributes: None,
        },
        ..SelfSubjectAccessReview::default()
    };
    let api: Api<SelfSubjectAccessReview> = Api::all(client.clone());
    let answer = got(api.create(&PostParams::default(), &review).await)?;
    Ok(answer.map(|review| review.status.is_some_and(|status| status.allowed)))
}

/// The name of the user, as the API server knows it; `you` where it does not say.
pub(super) async fn user(client: &Client) -> Result<String, Problem> {
    let api: Api<SelfSubjectReview> = Api::all(client.clone());
    let answer = got(api
        .create(&PostParams::default(), &SelfSubjectReview::default())
        .await)?;
    let told = answer.ok().and_then(|review| review.status?.user_info?.username);
    Ok(told.unwrap_or_else(|| "you".to_owned()))
}
