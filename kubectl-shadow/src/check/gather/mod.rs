//! Facts, one module for each source. Guarantee: nothing is changed in the cluster; what may not be read is told as such, and ends
//! nothing.

pub mod before;
pub mod cluster;
pub mod nodes;
pub mod pod;
pub mod rights;

use std::fmt;

use kube::api::{ListParams, ObjectList};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// A fact, or why it is not known.
pub type Got<T> = Result<T, Unseen>;

/// Why something is not known, in the words of the API server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unseen(pub String);

impl fmt::Display for Unseen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What was answered. An API server that does not answer at all ends the check: there is nothing to tell.
pub(super) fn got<T>(answer: kube::Result<T>) -> Result<Got<T>, Problem> {
    match answer {
        Ok(value) => Ok(Ok(value)),
        Err(kube::Error::Api(status)) => Ok(Err(Unseen(status.message))),
        Err(error) => Err(error.into()),
    }
}

/// One object, none if it is not there. A kind that the server does not know has no objects.
pub(super) async fn one<K>(api: Api<K>, name: &str) -> Result<Got<Option<K>>, Problem>
where
    K: Resource + Clone + DeserializeOwned + std::fmt::Debug,
{
    got(api.get_opt(name).await)
}

/// All objects.
pub(super) async fn all<K>(api: Api<K>, labels: &str) -> Result<Got<Vec<K>>, Problem>
where
    K: Resource + Clone + DeserializeOwned + std::fmt::Debug,
{
    let params = ListParams::default();
    let params = if labels.is_empty() {
        params
    } else {
        params.labels(labels)
    };
    let answer = api.list(&params).await;
    got(answer.map(|list: ObjectList<K>| list.items))
}
