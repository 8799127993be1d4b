//! A part of the cluster and of its broker for one scenario, so that several can run side by side: a namespace, a virtual host
//! and a user of the same name.

/// Who works in the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tenant {
    /// Alone: namespace `default`, the first virtual host, the broker's administrator.
    Sole,
    /// Beside others, under this name: lower-case letters and digits.
    Named(String),
}

impl Tenant {
    /// Namespace of the pods.
    #[must_use]
    pub fn namespace(&self) -> &str {
        match self {
            Self::Sole => "default",
            Self::Named(name) => name,
        }
    }

    /// What kubectl and the plugin are told first. A `--namespace` that comes later counts more; without one, manifests of other
    /// namespaces can be applied.
    #[must_use]
    pub fn flags(&self) -> Vec<&str> {
        match self {
            Self::Sole => Vec::new(),
            Self::Named(name) => vec!["--namespace", name],
        }
    }

    /// The virtual host as it stands in a path.
    #[must_use]
    pub fn virtual_host(&self) -> &str {
        match self {
            Self::Sole => "%2F",
            Self::Named(name) => name,
        }
    }

    /// `user:password` at the broker.
    #[must_use]
    pub fn login(&self) -> String {
        match self {
            Self::Sole => "shadow:shadow".to_owned(),
            Self::Named(name) => format!("{name}:{name}"),
        }
    }

    /// A manifest of a sample, which is written for a tenant that is alone, with this one's user and virtual host.
    #[must_use]
    pub fn manifest(&self, text: &str) -> String {
        match self {
            Self::Sole => text.to_owned(),
            Self::Named(name) => text
                .replace("//shadow:shadow@", &format!("//{}@", self.login()))
                .replace(":5672/%2f", &format!(":5672/{name}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifest_of_a_tenant_names_its_user_and_virtual_host() {
        let text = "uri: amqp://shadow:shadow@rabbitmq.rabbitmq.svc.cluster.local:5672/%2f\n\
                    managementUri: http://shadow:shadow@rabbitmq.rabbitmq.svc.cluster.local:15672\n";
        assert_eq!(Tenant::Sole.manifest(text), text);
        assert_eq!(
            Tenant::Named("t1".to_owned()).manifest(text),
            "uri: amqp://t1:t1@rabbitmq.rabbitmq.svc.cluster.local:5672/t1\n\
             managementUri: http://t1:t1@rabbitmq.rabbitmq.svc.cluster.local:15672\n"
        );
    }
}
