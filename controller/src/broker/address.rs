//! Where a broker is and who we are there, as a Secret gives it.
//!
//! Guarantee: printing it, in whatever form, never shows a password.

use std::fmt;

use lapin::uri::{AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo};
use shadow_core::dialling::Transport;
use shadow_core::premise::world::Way;
use shadow_dialling::Guard;
use url::Url;

use super::{BrokerError, Origin};

/// Interval at which both sides prove that they are alive; a frozen peer is noticed after twice that.
const HEARTBEAT_SECONDS: u16 = 5;

/// Contents of a broker Secret (keys `uri`, `managementUri`, `ca.crt`).
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct BrokerAddress {
    /// `amqp://user:password@host:port/vhost` or `amqps://…`.
    pub uri: String,
    /// `http(s)://user:password@host:port` of the management plugin. Without it only AMQP is used and fewer
    /// things can be proven.
    pub management_uri: Option<String>,
    /// PEM of the authority that signed the broker's certificate, for `amqps` and `https`.
    pub ca: Option<String>,
}

impl BrokerAddress {
    /// What a broker URL alone tells: the management API is at its usual port of the same host, with the same user.
    pub fn of_url(uri: String) -> Self {
        let management_uri = usual_management(&uri);
        Self {
            uri,
            management_uri,
            ca: None,
        }
    }
}

fn usual_management(uri: &str) -> Option<String> {
    let amqp = Url::parse(uri.trim()).ok()?;
    let (scheme, port) = match amqp.scheme() {
        "amqp" => ("http", 15672),
        "amqps" => ("https", 15671),
        _ => return None,
    };
    let (user, host) = (amqp.username(), amqp.host_str()?);
    let password = amqp.password().unwrap_or_default();
    Some(format!("{scheme}://{user}:{password}@{host}:{port}"))
}

impl fmt::Debug for BrokerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BrokerAddress")
            .field("uri", &without_password(&self.uri))
            .field(
                "management_uri",
                &self.management_uri.as_deref().map(without_password),
            )
            .field("ca", &self.ca.is_some())
            .finish()
    }
}

fn without_password(uri: &str) -> String {
    let Ok(mut url) = Url::parse(uri) else {
        return "<not a broker URI>".to_owned();
    };
    url.set_query(None);
    match url.set_password(None) {
        Ok(()) => url.to_string(),
        // URIs without a host have no place for a password; what else they hold is anybody's guess.
        Err(()) => "<not a broker URI>".to_owned(),
    }
}

/// A checked address, and how it is named in messages.
pub(super) struct Endpoint {
    /// For the client library.
    pub(super) amqp: AMQPUri,
    /// `host:port`.
    pub(super) host: String,
    /// Virtual host.
    pub(super) vhost: String,
    /// User name.
    pub(super) user: String,
    /// Where all this is named.
    pub(super) origin: Origin,
}

impl Endpoint {
    /// Checks the `uri` of an address. The client library's own parser takes an IPv6 host for `localhost` and a
    /// missing user for `guest`; both would send us to somewhere that the address does not name.
    pub(super) fn of(address: &BrokerAddress, origin: &Origin) -> Result<Self, BrokerError> {
        let wrong = |reason: &str| BrokerError::BadAddress {
            place: origin.uri(),
            reason: format!("{reason}; expected amqp://user:password@host:5672/%2F"),
        };
        let url = Url::parse(address.uri.trim()).map_err(|e| wrong(&e.to_string()))?;
        let scheme = match url.scheme() {
            "amqp" => AMQPScheme::AMQP,
            "amqps" => AMQPScheme::AMQPS,
            other => return Err(wrong(&format!("scheme {other:?} is not amqp or amqps"))),
        };
        let host = url
            .host_str()
            .filter(|h| !h.is_empty())
            .ok_or_else(|| wrong("it names no host"))?;
        let user = decoded(url.username())
            .filter(|u| !u.is_empty())
            .ok_or_else(|| wrong("it names no user, and guest is used only where it is named"))?;
        let password = url
            .password()
            .and_then(decoded)
            .ok_or_else(|| wrong("it has no password"))?;
        let path = url.path().strip_prefix('/').unwrap_or_default();
        let vhost = match decoded(path).ok_or_else(|| wrong("the virtual host is not UTF-8"))? {
            // RabbitMQ knows no virtual host without a name: nobody can mean anything but the default one.
            empty if empty.is_empty() => "/".to_owned(),
            named => named,
        };
        let port = url.port().unwrap_or_else(|| scheme.default_port());
        Ok(Self {
            host: format!("{host}:{port}"),
            origin: origin.clone(),
            user: user.clone(),
            vhost: vhost.clone(),
            amqp: AMQPUri {
                scheme,
                authority: AMQPAuthority {
                    userinfo: AMQPUserInfo {
                        username: user,
                        password,
                    },
                    host: host.trim_matches(['[', ']']).to_owned(),
                    port,
                },
                vhost,
                query: AMQPQueryString {
                    heartbeat: Some(HEARTBEAT_SECONDS),
                    ..AMQPQueryString::default()
                },
            },
        })
    }
}

impl Endpoint {
    /// Whether the operator lets it be dialled, as far as it can be told without resolving a name.
    pub(super) fn judge(&self, guard: &Guard) -> Result<(), BrokerError> {
        let rules = guard.rules();
        let authority = &self.amqp.authority;
        let plain = match self.amqp.scheme {
            AMQPScheme::AMQP => rules.judge_plain(Transport::Amqp, &self.host),
            AMQPScheme::AMQPS => Ok(()),
        };
        plain
            .and_then(|()| rules.judge_host(&authority.host, authority.port))
            .map_err(|refusal| BrokerError::not_allowed(self.origin.uri(), refusal))
    }

    /// For the premises.
    pub(super) fn way(&self) -> Way {
        Way {
            transport: Transport::Amqp,
            host: self.host.clone(),
            encrypted: match self.amqp.scheme {
                AMQPScheme::AMQP => false,
                AMQPScheme::AMQPS => true,
            },
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{} vhost {:?}", self.user, self.host, self.vhost)
    }
}

/// Undoes percent encoding; `None` when the result is not UTF-8.
pub(super) fn decoded(text: &str) -> Option<String> {
    percent_encoding::percent_decode_str(text)
        .decode_utf8()
        .ok()
        .map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(uri: &str) -> Result<Endpoint, BrokerError> {
        let address = BrokerAddress {
            uri: uri.to_owned(),
            ..BrokerAddress::default()
        };
        Endpoint::of(&address, &Origin::Url)
    }

    #[test]
    fn addresses_are_read_as_rabbitmq_reads_them() {
        for (uri, host, vhost, user, password) in [
            ("amqp://shadow:s@10.1.2.3", "10.1.2.3:5672", "/", "shadow", "s"),
            (
                "amqp://shadow:s@rabbitmq.rabbitmq/",
                "rabbitmq.rabbitmq:5672",
                "/",
                "shadow",
                "s",
            ),
            ("amqps://a:b@mq:1234/%2F", "mq:1234", "/", "a", "b"),
            ("amqps://a:p%40ss%2F@mq/shop", "mq:5671", "shop", "a", "p@ss/"),
            ("amqp://a:b@[::1]:5672/shop", "[::1]:5672", "shop", "a", "b"),
        ] {
            let seen = endpoint(uri).unwrap();
            assert_eq!(
                (seen.host.as_str(), seen.vhost.as_str(), seen.user.as_str()),
                (host, vhost, user),
                "{uri}"
            );
            assert_eq!(seen.amqp.authority.userinfo.password, password, "{uri}");
        }
        assert_eq!(endpoint("amqp://a:b@[::1]/").unwrap().amqp.authority.host, "::1");
    }

    #[test]
    fn an_unusable_address_is_refused_with_the_place_that_names_it() {
        for uri in [
            "",
            "rabbitmq:5672",
            "http://a:b@mq",
            "amqp://mq",
            "amqp://a@mq",
            "amqp://:b@mq",
            "amqp://a:b@/x",
        ] {
            let error = endpoint(uri).unwrap_err();
            assert!(
                error
                    .to_string()
                    .starts_with("spec.messageQueueConfig.brokerUrl: "),
                "{uri}: {error}"
            );
        }
    }

    #[test]
    fn a_url_alone_leads_to_the_usual_management_port() {
        let management = |uri: &str| BrokerAddress::of_url(uri.to_owned()).management_uri;
        for (uri, expected) in [
            (
                "amqp://guest:guest@rabbitmq.rabbitmq.svc:5672/",
                "http://guest:guest@rabbitmq.rabbitmq.svc:15672",
            ),
            ("amqps://a:p%40ss@mq/shop", "https://a:p%40ss@mq:15671"),
            ("amqp://a:b@[::1]:1234", "http://a:b@[::1]:15672"),
        ] {
            assert_eq!(management(uri).as_deref(), Some(expected));
        }
        assert_eq!(management("rabbitmq:5672"), None);
    }

    #[test]
    fn guest_is_used_only_where_it_is_named() {
        let named = |uri: &str| {
            let address = BrokerAddress::of_url(uri.to_owned());
            Endpoint::of(&address, &Origin::Url).map(|endpoint| endpoint.user)
        };
        assert_eq!(named("amqp://guest:guest@mq").unwrap(), "guest");
        let error = named("amqp://mq:5672").unwrap_err().to_string();
        assert!(
            error.contains("it names no user, and guest is used only where it is named"),
            "{error}"
        );
    }

    #[test]
    fn no_form_of_printing_shows_the_password() {
        let address = BrokerAddress {
            uri: "amqp://shadow:topsecret@mq/shop?x=topsecret".to_owned(),
            management_uri: Some("http://admin:topsecret@mq:15672".to_owned()),
            ca: None,
        };
        let broken = BrokerAddress {
            uri: "topsecret".to_owned(),
            ..BrokerAddress::default()
        };
        let printed = format!(
            "{address:?} {:?} {broken:?}",
            Endpoint::of(&address, &Origin::Url).unwrap()
        );
        assert!(!printed.contains("topsecret"), "{printed}");
        assert!(printed.contains("amqp://shadow@mq/shop"), "{printed}");
    }
}
