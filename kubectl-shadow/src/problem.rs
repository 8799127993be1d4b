//! What kept a command from doing its work, as lines for a person.

use shadow_deploy::answer;

use crate::ending::Ending;

/// What kept a command from doing its work.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// No usable kubeconfig.
    #[error("{0}")]
    Kubeconfig(String),
    /// The API server was not reached, or has not answered: what broke, and what to type.
    #[error("{told}. {way}")]
    Unreached {
        /// Which server, which context, and why.
        told: String,
        /// What to do.
        way: String,
    },
    /// The API server refused or could not be asked.
    #[error("{}", .0.join("\n"))]
    Answer(Vec<String>),
    /// The kind is not known to the API server.
    #[error("{}", not_installed("this cluster"))]
    NotInstalled,
    /// Installation or removal failed.
    #[error(transparent)]
    Cluster(#[from] shadow_deploy::ClusterError),
    /// The settings of an installation are not usable.
    #[error(transparent)]
    Settings(#[from] shadow_deploy::SettingsError),
    /// Anything that the user can put right, already worded.
    #[error("{0}")]
    Refused(String),
    /// Something that was waited for did not come.
    #[error("{0}")]
    Unknown(String),
}

impl Problem {
    /// One line per problem.
    pub fn lines(&self) -> Vec<String> {
        self.to_string().lines().map(str::to_owned).collect()
    }

    /// How a command that met it ends.
    pub fn ending(&self) -> Ending {
        match self {
            Self::Kubeconfig(_)
            | Self::Unreached { .. }
            | Self::Answer(_)
            | Self::NotInstalled
            | Self::Cluster(_)
            | Self::Settings(_)
            | Self::Refused(_) => Ending::Refused,
            Self::Unknown(_) => Ending::Unknown,
        }
    }
}

impl From<kube::Error> for Problem {
    fn from(error: kube::Error) -> Self {
        let unknown_kind = matches!(&error, kube::Error::Api(status) if is_unknown_kind(status));
        if unknown_kind {
            return Self::NotInstalled;
        }
        match answer::unreached(&error) {
            Some(unreached) => Self::unreached(unreached, ""),
            None => Self::Answer(answer::said(&error)),
        }
    }
}

impl Problem {
    /// What is known for sure stands before the way out.
    fn unreached(unreached: &answer::Unreached, sure: &str) -> Self {
        let context = unreached.context.as_ref();
        let flag = context
            .map(|name| format!("--context {name} "))
            .unwrap_or_default();
        let longer = if unreached.is_late {
            "To wait longer, add --request-timeout=60s. "
        } else {
            ""
        };
        Self::Unreached {
            told: unreached.to_string(),
            way: format!(
                "{sure}Is a VPN needed? {longer}To see whether the server answers, type: kubectl {flag}version"
            ),
        }
    }

    /// The same, of something that is only asked before anything is begun.
    pub(crate) fn before(self) -> Self {
        match self {
            Self::Unreached { told, way } => Self::Unreached {
                told,
                way: format!("Nothing was begun. {way}"),
            },
            Self::Kubeconfig(_)
            | Self::Answer(_)
            | Self::NotInstalled
            | Self::Cluster(_)
            | Self::Settings(_)
            | Self::Refused(_)
            | Self::Unknown(_) => self,
        }
    }

    /// Said of the cluster that was asked: by its context, or by its address.
    pub(crate) fn in_context(self, context: &str) -> Self {
        let of = if context.contains("://") {
            ""
        } else {
            "of context "
        };
        match self {
            Self::NotInstalled => Self::Refused(not_installed(&format!("the cluster {of}{context}"))),
            Self::Kubeconfig(_)
            | Self::Unreached { .. }
            | Self::Answer(_)
            | Self::Cluster(_)
            | Self::Settings(_)
            | Self::Refused(_)
            | Self::Unknown(_) => self,
        }
    }

    /// Of a request that changes something: one that was sent and has no answer may have been carried out.
    pub(crate) fn of_change(error: kube::Error, see: &str) -> Self {
        if let Some(unreached) = answer::unreached(&error).filter(|unreached| !unreached.was_sent) {
            return Self::unreached(unreached, "Nothing was begun. ");
        }
        if matches!(error, kube::Error::Api(_)) {
            return Self::from(error);
        }
        Self::Unknown(format!(
            "{}. It is not known whether anything was begun. To see it, type: {see}",
            answer::said_briefly(&error)
        ))
    }
}

fn not_installed(cluster: &str) -> String {
    format!(
        "{cluster} does not know StatefulMigrations: it is the wrong cluster, or kubectl-shadow is not installed. To name another, \
         add --context. To install it, type: kubectl shadow install --registry REGISTRY"
    )
}

/// A missing object is named in the details, a missing kind is not.
fn is_unknown_kind(status: &kube::core::Status) -> bool {
    let unnamed = status
        .details
        .as_ref()
        .is_none_or(|details| details.name.is_empty());
    status.code == 404 && unnamed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn not_found(name: &str) -> Problem {
        let status = serde_json::from_value(serde_json::json!({
            "code": 404,
            "reason": "NotFound",
            "message": "the server could not find the requested resource",
            "details": {"name": name},
        }));
        Problem::from(kube::Error::Api(Box::new(status.unwrap())))
    }

    #[test]
    fn an_unknown_kind_is_answered_by_how_to_install() {
        assert!(not_found("").to_string().contains("kubectl shadow install"));
        assert!(!not_found("orders-0").to_string().contains("install"));
    }

    #[test]
    fn each_problem_is_a_line() {
        let problem = Problem::Answer(vec!["a: x".to_owned(), "b: y".to_owned()]);
        assert_eq!(problem.lines(), ["a: x", "b: y"]);
        assert_eq!(problem.ending(), Ending::Refused);
    }
}
