//! Ends a question to a silent API server, and says of every one without an answer which server of which context it was.

use std::io::ErrorKind;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use http::{Method, Request, Response};
use kube::client::Body;
use shadow_deploy::answer::Unreached;
use tower::layer::layer_fn;
use tower::{BoxError, Layer, Service};

use crate::cli::Limit;

/// For reading, unless a person says otherwise.
const READS: Duration = Duration::from_secs(10);

/// Of one connection.
#[derive(Debug)]
pub(crate) struct Reach {
    /// Address of the API server, and by way of what it is asked.
    pub(super) server: String,
    /// Context, if there is one.
    pub(super) context: Option<String>,
    /// What a person says of the time for one request.
    pub(super) limit: Option<Limit>,
}

impl Reach {
    /// Around each question.
    pub(crate) fn layer<S>(self) -> impl Layer<S, Service = Reaching<S>> {
        let reach = Arc::new(self);
        layer_fn(move |inner| Reaching {
            inner,
            reach: Arc::clone(&reach),
        })
    }

    /// How long a request may take. A watch or a log that is followed lives on.
    fn limit(&self, method: &Method, query: &str) -> Option<Duration> {
        let lives_on = |part: &str| matches!(part, "watch=true" | "watch=1" | "follow=true" | "follow=1");
        if query.split('&').any(lives_on) {
            return None;
        }
        match self.limit {
            Some(limit) => limit.0,
            None => (method == Method::GET).then_some(READS),
        }
    }

    fn late(&self, limit: Duration) -> BoxError {
        let within = Limit(Some(limit));
        Box::new(Unreached {
            server: self.server.clone(),
            context: self.context.clone(),
            reason: format!("no answer within {within}"),
            was_sent: true,
            is_late: true,
        })
    }

    /// Whatever broke on the way; what was wrong before stays as it is.
    fn named(&self, error: BoxError) -> BoxError {
        let first: &(dyn std::error::Error + 'static) = &*error;
        let causes = || std::iter::successors(Some(first), |cause| cause.source());
        let on_the_way = causes().find_map(|cause| cause.downcast_ref::<hyper_util::client::legacy::Error>());
        let Some(broke) = on_the_way else {
            return error;
        };
        Box::new(Unreached {
            server: self.server.clone(),
            context: self.context.clone(),
            reason: causes().last().map(reason).unwrap_or_default(),
            was_sent: !broke.is_connect(),
            is_late: false,
        })
    }
}

/// The innermost cause is the telling one.
fn reason(cause: &(dyn std::error::Error + 'static)) -> String {
    match cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind) {
        Some(ErrorKind::ConnectionRefused) => "connection refused".to_owned(),
        Some(ErrorKind::TimedOut) => "no answer in time".to_owned(),
        Some(ErrorKind::ConnectionReset) => "the connection was broken off".to_owned(),
        Some(_) | None => cause.to_string(),
    }
}

/// A client with both.
#[derive(Clone)]
pub(crate) struct Reaching<S> {
    inner: S,
    reach: Arc<Reach>,
}

impl<S, B> Service<Request<Body>> for Reaching<S>
where
    S: Service<Request<Body>, Response = Response<B>, Error = BoxError>,
    S::Future: Send + 'static,
{
    type Response = Response<B>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response<B>, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let limit = self
            .reach
            .limit(request.method(), request.uri().query().unwrap_or_default());
        let reach = Arc::clone(&self.reach);
        let asked = self.inner.call(request);
        Box::pin(async move {
            let Some(limit) = limit else {
                return asked.await.map_err(|error| reach.named(error));
            };
            match tokio::time::timeout(limit, asked).await {
                Ok(answer) => answer.map_err(|error| reach.named(error)),
                Err(_) => Err(reach.late(limit)),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(limit: Option<Limit>) -> Reach {
        Reach {
            server: "https://10.0.0.1:6443".to_owned(),
            context: Some("prod".to_owned()),
            limit,
        }
    }

    #[test]
    fn reading_has_a_limit_and_watching_none() {
        let usual = reach(None);
        assert_eq!(usual.limit(&Method::GET, ""), Some(READS));
        assert_eq!(
            usual.limit(&Method::GET, "limit=500&resourceVersion=0"),
            Some(READS)
        );
        assert_eq!(usual.limit(&Method::POST, ""), None);
        let two = Limit(Some(Duration::from_secs(2)));
        for (method, query, wanted) in [
            (Method::GET, "", two.0),
            (Method::POST, "dryRun=All", two.0),
            (Method::GET, "a=b&watch=true", None),
            (Method::GET, "follow=true&container=c", None),
        ] {
            assert_eq!(reach(Some(two)).limit(&method, query), wanted, "{method} {query}");
        }
        assert_eq!(reach(Some(Limit(None))).limit(&Method::GET, ""), None);
    }

    #[test]
    fn what_broke_is_said_in_words() {
        let refused = std::io::Error::from_raw_os_error(111);
        assert_eq!(reason(&refused), "connection refused");
        let other = std::io::Error::other("invalid peer certificate: UnknownIssuer");
        assert_eq!(reason(&other), "invalid peer certificate: UnknownIssuer");
    }
}
