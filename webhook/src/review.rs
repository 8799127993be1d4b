//! Reading a review and answering it. What does not parse is still answered: with the review's own id, so that
//! the caller sees a reason and not a broken webhook.
//!
//! Anybody in the cluster can send a review, without an account. So only the fields that are used are read, into types that
//! take about as much memory as their text: the client library's own type keeps parts of it as loose JSON, which takes
//! twenty times as much. A whole pod, which takes more, is read by [`read_whole`] alone.

use std::collections::BTreeMap;
use std::fmt;

use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use k8s_openapi::api::authentication::v1::UserInfo;
use kube::core::admission::{AdmissionResponse, AdmissionReview, Operation};
use kube::core::{DynamicObject, Status, TypeMeta};
use serde::de::{self, DeserializeOwned, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use shadow_telemetry::webhook::Outcome;
use tokio::sync::Semaphore;

/// What a route answers; it says what became of the review, for the metrics.
pub(crate) struct Answer(Outcome, Json<AdmissionReview<DynamicObject>>);

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        (Extension(self.0), self.1).into_response()
    }
}

/// Objects, lists and their elements of a review that is read as a whole; each may become some kilobytes of a pod's types.
const MOST_VALUES: usize = 10_000;
/// Groups of a caller, and values of each further field of it.
const MOST_GROUPS: usize = 1_000;

/// A review whose object is not what it should be.
pub(crate) struct Unreadable {
    /// Allows, until it is told otherwise.
    pub(crate) response: AdmissionResponse,
    /// What is wrong.
    pub(crate) reason: String,
}

impl Unreadable {
    /// For rules whose failure stops nothing: `what` is allowed, and the log says why it was not judged.
    pub(crate) fn goes_through(self, what: &str) -> Answer {
        tracing::warn!(
            what,
            why = self.reason,
            "a review that cannot be read goes through"
        );
        let mut response = self.response;
        response.allowed = true;
        answer(response)
    }
}

/// What the API server asks.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request<T> {
    #[serde(skip)]
    types: TypeMeta,
    uid: String,
    #[serde(default)]
    pub(crate) name: String,
    pub(crate) namespace: Option<String>,
    pub(crate) operation: Operation,
    #[serde(deserialize_with = "caller")]
    pub(crate) user_info: UserInfo,
    pub(crate) object: Option<T>,
    /// Of a deletion.
    pub(crate) old_object: Option<T>,
    #[serde(default)]
    pub(crate) dry_run: bool,
}

/// Who asks, as the API server says.
#[derive(Deserialize)]
struct Caller {
    username: Option<String>,
    uid: Option<String>,
    groups: Option<Few>,
    extra: Option<BTreeMap<String, Few>>,
}

fn caller<'de, D: Deserializer<'de>>(input: D) -> Result<UserInfo, D::Error> {
    let caller = Caller::deserialize(input)?;
    let values = |(name, few): (String, Few)| (name, few.0);
    Ok(UserInfo {
        username: caller.username,
        uid: caller.uid,
        groups: caller.groups.map(|few| few.0),
        extra: caller.extra.map(|extra| extra.into_iter().map(values).collect()),
    })
}

/// Strings, not more than a caller has groups: an empty one is three bytes of text and eight times as much memory.
pub(crate) struct Few(Vec<String>);

impl<'de> Deserialize<'de> for Few {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct Strings;
        impl<'de> Visitor<'de> for Strings {
            type Value = Few;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "at most {MOST_GROUPS} strings")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut all: A) -> Result<Few, A::Error> {
                let mut few = Vec::new();
                while let Some(one) = all.next_element()? {
                    if few.len() == MOST_GROUPS {
                        return Err(de::Error::invalid_length(few.len() + 1, &self));
                    }
                    few.push(one);
                }
                Ok(Few(few))
            }
        }
        input.deserialize_seq(Strings)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Review<T> {
    api_version: String,
    kind: String,
    request: Request<T>,
}

impl<T> Request<T> {
    /// Allows, until it is told otherwise.
    pub(crate) fn allowed(&self) -> AdmissionResponse {
        let mut response = AdmissionResponse::invalid("");
        response.types = self.types.clone();
        response.uid.clone_from(&self.uid);
        response.allowed = true;
        response.result = Status::default();
        response
    }
}

/// Reads a review with this part of an object.
pub(crate) fn read<T: DeserializeOwned>(review: &[u8]) -> Result<Request<T>, Box<Unreadable>> {
    let reason = match parsed(review) {
        Ok(request) => return Ok(request),
        Err(error) => error.to_string(),
    };
    let envelope: Result<Request<IgnoredAny>, _> = parsed(review);
    let response = match envelope {
        Ok(request) => request.allowed(),
        Err(_) => AdmissionResponse::invalid(&reason),
    };
    Err(Box::new(Unreadable { response, reason }))
}

/// Reads a review with the whole object, one at a time.
pub(crate) async fn read_whole<T: DeserializeOwned>(review: &[u8]) -> Result<T, String> {
    static ONE: Semaphore = Semaphore::const_new(1);
    let _one = ONE.acquire().await.map_err(|error| error.to_string())?;
    if values(review) > MOST_VALUES {
        return Err(format!("it has more than {MOST_VALUES} fields and list elements"));
    }
    let request: Request<T> = parsed(review).map_err(|error| error.to_string())?;
    request
        .object
        .ok_or_else(|| "the review has no object".to_owned())
}

fn parsed<T: DeserializeOwned>(review: &[u8]) -> Result<Request<T>, serde_json::Error> {
    let review: Review<T> = serde_json::from_slice(review)?;
    Ok(Request {
        types: TypeMeta {
            api_version: review.api_version,
            kind: review.kind,
        },
        ..review.request
    })
}

/// How many values a JSON text has at most, without reading it.
fn values(json: &[u8]) -> usize {
    let (mut values, mut quoted, mut escaped) = (0, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' | b'[' | b',' if !quoted => values += 1,
            _ => {}
        }
    }
    values
}

pub(crate) fn answer(response: AdmissionResponse) -> Answer {
    let outcome = match (response.allowed, &response.patch) {
        (true, None) => Outcome::Allowed,
        (true, Some(_)) => Outcome::Changed,
        (false, _) => Outcome::Refused,
    };
    Answer(outcome, Json(response.into_review()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_outside_strings() {
        for (json, count) in [
            (r#""a,b{[""#, 0),
            (r#"{"a\",":[1,2],"b":{}}"#, 5),
            (r#"[{},{},{}]"#, 6),
        ] {
            assert_eq!(values(json.as_bytes()), count, "{json}");
        }
    }

    #[tokio::test]
    async fn a_pod_of_too_many_values_is_not_read() {
        let volumes = vec!["{}"; MOST_VALUES].join(",");
        let review = format!(r#"{{"request":{{"object":{{"spec":{{"volumes":[{volumes}]}}}}}}}}"#);
        let refused = read_whole::<k8s_openapi::api::core::v1::Pod>(review.as_bytes()).await;
        assert!(refused.unwrap_err().contains("more than 10000"));
    }
}
