//! Reading a review and answering it. What does not parse is still answered: with the review's own id, so that
//! the caller sees a reason and not a broken webhook.

use axum::Json;
use kube::Resource;
use kube::core::DynamicObject;
use kube::core::admission::{AdmissionRequest, AdmissionResponse, AdmissionReview};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// What a route answers.
pub(crate) type Answer = Json<AdmissionReview<DynamicObject>>;

/// A review whose object is not what it should be.
pub(crate) struct Unreadable {
    /// Allows, until it is told otherwise.
    pub(crate) response: AdmissionResponse,
    /// What is wrong.
    pub(crate) reason: String,
}

pub(crate) fn read<T>(review: Value) -> Result<AdmissionRequest<T>, Box<Unreadable>>
where
    T: Resource + DeserializeOwned,
{
    let reason = match serde_json::from_value::<AdmissionReview<T>>(review.clone()) {
        Ok(review) => match review.try_into() {
            Ok(request) => return Ok(request),
            Err(error) => error.to_string(),
        },
        Err(error) => error.to_string(),
    };
    let untyped: Option<AdmissionRequest<DynamicObject>> =
        serde_json::from_value::<AdmissionReview<_>>(review)
            .ok()
            .and_then(|review| review.try_into().ok());
    let response = match untyped {
        Some(request) => AdmissionResponse::from(&request),
        None => AdmissionResponse::invalid(&reason),
    };
    Err(Box::new(Unreadable { response, reason }))
}

pub(crate) fn answer(response: AdmissionResponse) -> Answer {
    Json(response.into_review())
}
