//! What an API server answered, for people: the message alone, one line per problem.

use kube::core::Status;
use shadow_core::names::SYSTEM_NAMESPACE;

/// The API server was not reached, or has not answered in time. A client that knows its name puts this in the place of what broke.
#[derive(Debug, thiserror::Error)]
#[error("cannot reach {server}{}: {reason}", .context.as_ref().map(|name| format!(" (context {name})")).unwrap_or_default())]
pub struct Unreached {
    /// Its address.
    pub server: String,
    /// Context of the kubeconfig, if there is one.
    pub context: Option<String>,
    /// What broke, in words.
    pub reason: String,
    /// Whether the request may have arrived.
    pub was_sent: bool,
    /// Whether nothing came back in time.
    pub is_late: bool,
}

/// That the API server was not reached, if that is why a call failed.
pub fn unreached(error: &kube::Error) -> Option<&Unreached> {
    let first = error as &(dyn std::error::Error + 'static);
    let mut causes = std::iter::successors(Some(first), |cause| cause.source());
    causes.find_map(|cause| cause.downcast_ref::<Unreached>())
}

/// What a failed call says, one line per problem.
pub fn said(error: &kube::Error) -> Vec<String> {
    if let kube::Error::Api(status) = error {
        of_status(status)
    } else {
        let named = unreached(error).map(ToString::to_string);
        vec![named.unwrap_or_else(|| innermost(error))]
    }
}

/// The same in one line.
pub fn said_briefly(error: &kube::Error) -> String {
    said(error).join("; ")
}

/// The same of a wait whose watch broke off: it wraps what the API server said, and prints it as a program sees it.
pub fn said_of_wait(error: &kube::runtime::wait::Error) -> String {
    let first = error as &(dyn std::error::Error + 'static);
    let mut causes = std::iter::successors(Some(first), |cause| cause.source());
    let said = causes.find_map(|cause| cause.downcast_ref::<kube::Error>().map(said_briefly));
    said.unwrap_or_else(|| "the watch of the API server broke off".to_owned())
}

fn of_status(status: &Status) -> Vec<String> {
    if status
        .message
        .contains("failed calling webhook \"migrations.migration.ms2m.io\"")
    {
        return vec![format!(
            "the admission webhook of kubectl-shadow does not answer, so nothing was begun. To see its pods, type: kubectl \
             -n {SYSTEM_NAMESPACE} get pods ({})",
            status.message
        )];
    }
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let by_field: Vec<String> = causes
        .filter(|cause| !cause.field.is_empty())
        .map(|cause| format!("{}: {}", cause.field, cause.message))
        .collect();
    if !by_field.is_empty() {
        return by_field;
    }
    // Our webhook joins its reasons; each begins with the field.
    let lines: Vec<String> = without_preamble(&status.message)
        .replace("; spec.", "\nspec.")
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect();
    if lines.is_empty() {
        vec![format!(
            "the API server answered {} {}",
            status.code, status.reason
        )]
    } else {
        lines
    }
}

/// Cuts off who refused; what was refused and why is what people need.
fn without_preamble(message: &str) -> &str {
    for mark in ["denied the request: ", "denied request: "] {
        if let Some((_, rest)) = message.split_once(mark) {
            return rest;
        }
    }
    message
}

/// The innermost cause is the telling one: "connection refused", "certificate expired".
fn innermost(error: &kube::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    format!("the API server could not be asked: {cause}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(message: &str) -> Vec<String> {
        said(&kube::Error::Api(Box::new(Status {
            code: 403,
            reason: "Forbidden".to_owned(),
            message: message.to_owned(),
            ..Status::default()
        })))
    }

    #[test]
    fn a_webhooks_refusal_is_its_message() {
        let lines = refused(
            "admission webhook \"migrations.migration.ms2m.io\" denied the request: spec.targetNode: no such \
             node; name another; spec.sourcePod: no such pod",
        );
        assert_eq!(
            lines,
            [
                "spec.targetNode: no such node; name another",
                "spec.sourcePod: no such pod"
            ]
        );
    }

    #[test]
    fn a_silent_webhook_is_named_with_the_way_out() {
        let lines = refused(
            "Internal error occurred: failed calling webhook \"migrations.migration.ms2m.io\": failed to call \
             webhook: Post \"https://x\": connection refused",
        );
        assert_eq!(lines.len(), 1);
        assert!(
            lines[0].starts_with("the admission webhook of kubectl-shadow does not answer"),
            "{lines:?}"
        );
        assert!(
            lines[0].contains("kubectl -n shadow-system get pods"),
            "{lines:?}"
        );
    }

    #[test]
    fn a_policys_refusal_is_its_message() {
        let lines = refused(
            "pods \"x\" is forbidden: ValidatingAdmissionPolicy 'a' with binding 'b' denied request: reserved",
        );
        assert_eq!(lines, ["reserved"]);
    }

    #[test]
    fn a_schemas_refusal_names_each_field() {
        let status: Status = serde_json::from_value(serde_json::json!({
            "code": 422,
            "reason": "Invalid",
            "message": "StatefulMigration \"x\" is invalid: [spec.a: …, spec.b: …]",
            "details": {"causes": [
                {"field": "spec.a", "message": "Required value"},
                {"field": "spec.b", "message": "Required value"},
            ]},
        }))
        .unwrap();
        let lines = said(&kube::Error::Api(Box::new(status)));
        assert_eq!(lines, ["spec.a: Required value", "spec.b: Required value"]);
    }

    #[test]
    fn a_wait_that_was_refused_says_it_in_the_api_servers_words_alone() {
        let status = Status {
            code: 403,
            message: "pods is forbidden: may not watch".to_owned(),
            ..Status::default()
        };
        let refused = kube::Error::Api(Box::new(status));
        let error =
            kube::runtime::wait::Error::ProbeFailed(kube::runtime::watcher::Error::WatchStartFailed(refused));
        assert_eq!(said_of_wait(&error), "pods is forbidden: may not watch");
    }

    #[test]
    fn a_server_that_was_not_reached_is_named_with_its_context() {
        let unreached = |context: Option<&str>| Unreached {
            server: "https://10.0.0.1:6443".to_owned(),
            context: context.map(str::to_owned),
            reason: "connection refused".to_owned(),
            was_sent: false,
            is_late: false,
        };
        let error = kube::Error::Service(Box::new(unreached(Some("prod"))));
        let told = "cannot reach https://10.0.0.1:6443 (context prod): connection refused";
        assert_eq!(said(&error), [told]);
        let error = kube::Error::Service(Box::new(unreached(None)));
        assert_eq!(
            said_briefly(&error),
            "cannot reach https://10.0.0.1:6443: connection refused"
        );
    }

    #[test]
    fn an_empty_answer_still_says_something() {
        assert_eq!(refused(""), ["the API server answered 403 Forbidden"]);
    }
}
