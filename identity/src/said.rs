//! What an API server said to a call that failed, for people. The client library prints the whole answer as a program sees it.

use std::error::Error;

/// The words alone.
pub fn said(error: &kube::Error) -> String {
    if let kube::Error::Api(status) = error {
        return if status.message.is_empty() {
            format!("the API server answered {} {}", status.code, status.reason)
        } else {
            format!("the API server refused: {}", status.message)
        };
    }
    // The innermost cause is the telling one: "connection refused", "certificate expired".
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    format!("the API server could not be asked: {cause}")
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    #[test]
    fn a_quota_is_told_in_its_own_words_and_nothing_else() {
        let words = "pods \"orders-0-shadow\" is forbidden: exceeded quota: few, requested: pods=1, used: pods=4, limited: pods=4";
        let refused = kube::Error::Api(Box::new(Status {
            code: 403,
            reason: "Forbidden".to_owned(),
            message: words.to_owned(),
            ..Status::default()
        }));
        assert_eq!(said(&refused), format!("the API server refused: {words}"));
        let wordless = kube::Error::Api(Box::new(Status {
            code: 503,
            reason: "ServiceUnavailable".to_owned(),
            ..Status::default()
        }));
        assert_eq!(said(&wordless), "the API server answered 503 ServiceUnavailable");
    }

    #[test]
    fn what_could_not_be_asked_names_the_innermost_cause() {
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let error = kube::Error::Service(Box::new(refused));
        assert_eq!(
            said(&error),
            "the API server could not be asked: connection refused"
        );
    }
}
