//! Where a broker's address was named, so that a message says what to correct there and nowhere else.

use std::fmt;

use shadow_core::names;

/// Where an address comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Origin {
    /// `spec.messageQueueConfig.brokerUrl`; the management API is asked at the same host, with the same user.
    #[default]
    Url,
    /// A Secret.
    Secret {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// What names it.
        by: NamedBy,
    },
}

/// What names a Secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NamedBy {
    /// `spec.brokerSecretRef`.
    Spec,
    /// The annotation.
    Annotation,
}

impl fmt::Display for NamedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spec => write!(f, "spec.brokerSecretRef"),
            Self::Annotation => write!(f, "annotation {} of the pod or its owner", names::BROKER_SECRET),
        }
    }
}

/// A part of an address. Printed, it is the field, or the key of the Secret and what names that. Boxed, so that an error stays
/// small.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place(Box<(Origin, Part)>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Uri,
    Management,
    Authority,
}

impl Origin {
    /// Where AMQP is served, and who we are there.
    pub(super) fn uri(&self) -> Place {
        self.part(Part::Uri)
    }

    /// The same of the management API.
    pub(super) fn management(&self) -> Place {
        self.part(Part::Management)
    }

    fn part(&self, part: Part) -> Place {
        Place(Box::new((self.clone(), part)))
    }
}

impl Place {
    /// Where the authority of this address is named.
    pub(super) fn authority(&self) -> Self {
        self.0.0.part(Part::Authority)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (origin, part) = &*self.0;
        match (origin, *part) {
            (Origin::Url, Part::Uri | Part::Management) => write!(f, "spec.messageQueueConfig.brokerUrl"),
            (Origin::Url, Part::Authority) => write!(
                f,
                "ca.crt of a Secret, with uri and managementUri, which spec.brokerSecretRef then names instead of brokerUrl"
            ),
            (Origin::Secret { namespace, name, by }, part) => {
                let key = match part {
                    Part::Uri => "uri",
                    Part::Management => "managementUri",
                    Part::Authority => "ca.crt",
                };
                write!(f, "key {key} of Secret {namespace}/{name} ({by})")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_the_field_or_the_key_of_the_secret_and_what_names_it() {
        let secret = |by| Origin::Secret {
            namespace: "shop".to_owned(),
            name: "broker".to_owned(),
            by,
        };
        for (place, told) in [
            (Origin::Url.uri(), "spec.messageQueueConfig.brokerUrl"),
            (Origin::Url.management(), "spec.messageQueueConfig.brokerUrl"),
            (
                secret(NamedBy::Spec).uri(),
                "key uri of Secret shop/broker (spec.brokerSecretRef)",
            ),
            (
                secret(NamedBy::Annotation).management(),
                "key managementUri of Secret shop/broker (annotation migration.ms2m.io/broker-secret of the pod or its owner)",
            ),
            (
                secret(NamedBy::Spec).uri().authority(),
                "key ca.crt of Secret shop/broker (spec.brokerSecretRef)",
            ),
        ] {
            assert_eq!(place.to_string(), told);
        }
    }
}
