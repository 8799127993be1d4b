//! Requests to the management plugin. Read-only: everything that changes something goes over AMQP.
//!
//! Guarantees: nothing is dialled that the guard has not judged, redirects are not followed, and answers are never echoed into
//! messages (a Secret may name any host).

use std::fmt;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Client, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use shadow_core::dialling::Transport;
use shadow_core::premise::world::Way;
use shadow_dialling::{Guard, GuardedNames, refusal_of};
use shadow_identity::{CappedError, capped};
use url::Url;

use super::address::decoded;
use super::process::{Channel, Details, Looked, Page};
use super::totals::Totals;
use super::{BrokerError, Place, tls};

/// Limit for one request.
const REQUEST: Duration = Duration::from_secs(3);
const DEFAULT_PORT: u16 = 15672;
/// How often a request is made that the plugin fails at.
const ATTEMPTS: u32 = 3;
/// Bytes of an answer; a list that is longer is refused.
const LONGEST: usize = 4 << 20;
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// What stays as it is in a path segment.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A management API, and who we are there.
pub(super) struct Management {
    client: Client,
    base: String,
    host: String,
    user: String,
    password: String,
    vhost: String,
    place: Place,
    encrypted: bool,
}

#[derive(Deserialize)]
struct Node {
    #[serde(default)]
    running: bool,
}

#[derive(Deserialize)]
struct Peer {
    peer_host: Option<String>,
}

#[derive(Deserialize)]
struct Connection {
    #[serde(default)]
    name: String,
}

/// What a request came to.
enum Answer<T> {
    Found(T),
    NotFound,
    Failed(StatusCode),
}

impl Management {
    pub(super) fn new(
        uri: &str,
        ca: Option<&str>,
        vhost: &str,
        place: Place,
        guard: &Guard,
    ) -> Result<Self, BrokerError> {
        let wrong = |reason: String| BrokerError::BadAddress {
            place: place.clone(),
            reason: format!("{reason}; expected http://user:password@host:15672"),
        };
        let url = Url::parse(uri.trim()).map_err(|e| wrong(e.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong(format!("scheme {:?} is not http or https", url.scheme())));
        }
        if url.scheme() == "https" && ca.is_none() {
            return Err(wrong(format!(
                "https needs the authority of the broker's certificate in {}",
                place.authority()
            )));
        }
        let name = url
            .host_str()
            .ok_or_else(|| wrong("it names no host".to_owned()))?;
        let user = decoded(url.username())
            .filter(|u| !u.is_empty())
            .ok_or_else(|| wrong("it names no user, and guest is used only where it is named".to_owned()))?;
        let password = url
            .password()
            .and_then(decoded)
            .ok_or_else(|| wrong("it has no password".to_owned()))?;
        // `http://host/` means the plugin's own port; `http://host:80/` can still be said with https or a path.
        let port = url.port().unwrap_or(if url.scheme() == "https" {
            443
        } else {
            DEFAULT_PORT
        });
        let host = format!("{name}:{port}");
        let base = format!(
            "{}://{host}{}/api",
            url.scheme(),
            url.path().trim_end_matches('/')
        );
        let encrypted = url.scheme() == "https";
        let rules = guard.rules();
        let plain = if encrypted {
            Ok(())
        } else {
            rules.judge_plain(Transport::Management, &host)
        };
        plain
            .and_then(|()| rules.judge_host(name, port))
            .map_err(|refusal| BrokerError::not_allowed(place.clone(), refusal))?;
        let names = GuardedNames::of(guard.clone(), name, port);
        let client = client(ca, names).map_err(wrong)?;
        Ok(Self {
            client,
            base,
            host,
            user,
            password,
            vhost: segment(vhost),
            place,
            encrypted,
        })
    }

    /// For the premises.
    pub(super) fn way(&self) -> Way {
        Way {
            transport: Transport::Management,
            host: self.host.clone(),
            encrypted: self.encrypted,
        }
    }

    /// Type and current totals of a queue; `None` when there is no such queue.
    pub(super) async fn totals(&self, queue: &str) -> Result<Option<Totals>, BrokerError> {
        let (vhost, queue) = (&self.vhost, segment(queue));
        self.get(&format!(
            "/queues/{vhost}/{queue}?disable_stats=true&enable_queue_totals=true"
        ))
        .await
    }

    /// Whether all nodes of the broker run: a queue of one that does not is not found.
    pub(super) async fn all_nodes_run(&self) -> Result<bool, BrokerError> {
        let path = "/nodes?columns=name,running";
        let nodes: Option<Vec<Node>> = self.get(path).await?;
        let nodes = nodes.ok_or_else(|| self.refused(path, StatusCode::NOT_FOUND.to_string()))?;
        Ok(all_run(&nodes))
    }

    /// A queue's document, without statistics. Asked with totals, RabbitMQ 4.3 leaves the policies out.
    pub(super) async fn queue<T: DeserializeOwned>(&self, queue: &str) -> Result<Option<T>, BrokerError> {
        let (vhost, queue) = (&self.vhost, segment(queue));
        self.get(&format!("/queues/{vhost}/{queue}?disable_stats=true"))
            .await
    }

    /// Connections whose names begin with an address, as they do; one page of them.
    pub(super) async fn connections_from(&self, address: &str) -> Result<Page, BrokerError> {
        const COLUMNS: &str = "name,peer_host,peer_port,protocol,timeout";
        let address = segment(address);
        let path =
            format!("/connections?page=1&page_size=100&use_regex=false&name={address}&columns={COLUMNS}");
        let found = self.get(&path).await?;
        found.ok_or_else(|| self.refused(&path, StatusCode::NOT_FOUND.to_string()))
    }

    /// Channels of a connection; none of one that has ended.
    pub(super) async fn channels_of(&self, connection: &str) -> Result<Vec<Channel>, BrokerError> {
        let connection = segment(connection);
        let found = self
            .get(&format!("/connections/{connection}/channels?columns=name"))
            .await?;
        Ok(found.unwrap_or_default())
    }

    /// How often a queue is looked into.
    pub(super) async fn looked_into(&self, queue: &str) -> Result<Option<Looked>, BrokerError> {
        self.counted(queue).await
    }

    /// The counters of a queue.
    pub(super) async fn counted<T: DeserializeOwned>(&self, queue: &str) -> Result<Option<T>, BrokerError> {
        let (vhost, queue) = (&self.vhost, segment(queue));
        self.get(&format!("/queues/{vhost}/{queue}?columns=message_stats"))
            .await
    }

    /// What is consumed over a channel; `None` for one that has ended.
    pub(super) async fn consumed_over(&self, channel: &str) -> Result<Option<Details>, BrokerError> {
        let channel = segment(channel);
        self.get(&format!(
            "/channels/{channel}?columns=consumer_details,message_stats,confirm"
        ))
        .await
    }

    /// Bindings of a queue.
    pub(super) async fn bindings<T: DeserializeOwned>(&self, queue: &str) -> Result<Option<T>, BrokerError> {
        let (vhost, queue) = (&self.vhost, segment(queue));
        self.get(&format!("/queues/{vhost}/{queue}/bindings")).await
    }

    /// An exchange's document; `None` when there is no such exchange.
    pub(super) async fn exchange<T: DeserializeOwned>(
        &self,
        exchange: &str,
    ) -> Result<Option<T>, BrokerError> {
        let (vhost, exchange) = (&self.vhost, segment(exchange));
        self.get(&format!("/exchanges/{vhost}/{exchange}")).await
    }

    /// Bindings from an exchange (`source`) or to it (`destination`).
    pub(super) async fn bindings_of_exchange<T: DeserializeOwned>(
        &self,
        exchange: &str,
        end: &'static str,
    ) -> Result<Option<T>, BrokerError> {
        let (vhost, exchange) = (&self.vhost, segment(exchange));
        self.get(&format!("/exchanges/{vhost}/{exchange}/bindings/{end}"))
            .await
    }

    /// All consumers of the virtual host, as statistics know them (up to 5 s behind).
    pub(super) async fn consumers<T: DeserializeOwned>(&self) -> Result<Option<T>, BrokerError> {
        self.get(&format!("/consumers/{}", self.vhost)).await
    }

    /// Addresses that clients are connected from, one for each connection.
    pub(super) async fn peers(&self) -> Result<Vec<String>, BrokerError> {
        let found: Option<Vec<Peer>> = self.get("/connections?columns=peer_host").await?;
        Ok(found
            .into_iter()
            .flatten()
            .filter_map(|peer| peer.peer_host)
            .collect())
    }

    /// Whether a connection of this name is open. A closed one is forgotten at once; a new one may show late.
    pub(super) async fn has_connection(&self, name: &str) -> Result<bool, BrokerError> {
        let found: Option<Connection> = self
            .get(&format!("/connections/{}?columns=name", segment(name)))
            .await?;
        Ok(found.is_some_and(|connection| connection.name == name))
    }

    /// `None` for "not found". An object that ends while it is looked at makes the plugin fail; the next look tells. A node that
    /// is away makes it fail for as long.
    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, BrokerError> {
        for _ in 1..ATTEMPTS {
            match self.ask(path).await? {
                Answer::Found(found) => return Ok(Some(found)),
                Answer::NotFound => return Ok(None),
                Answer::Failed(_) => tokio::time::sleep(LOOK_AGAIN).await,
            }
        }
        match self.ask(path).await? {
            Answer::Found(found) => Ok(Some(found)),
            Answer::NotFound => Ok(None),
            Answer::Failed(status) => Err(BrokerError::ManagementFails {
                host: self.host.clone(),
                path: without_query(path),
                answer: status.to_string(),
            }),
        }
    }

    async fn ask<T: DeserializeOwned>(&self, path: &str) -> Result<Answer<T>, BrokerError> {
        let request = self
            .client
            .get(format!("{}{path}", self.base))
            .basic_auth(&self.user, Some(&self.password))
            .send();
        let answer = request.await.map_err(|error| self.unreachable(&error))?;
        let status = answer.status();
        if status == StatusCode::NOT_FOUND {
            return Ok(Answer::NotFound);
        }
        if status.is_server_error() {
            return Ok(Answer::Failed(status));
        }
        if !status.is_success() {
            return Err(self.refused(path, status.to_string()));
        }
        let body = capped(answer, LONGEST).await.map_err(|error| match error {
            CappedError::TooLong(most) => self.refused(path, format!("more than {most} bytes")),
            CappedError::Broken(error) => self.unreachable(&error),
        })?;
        read(&body)
            .map(Answer::Found)
            .map_err(|_| self.refused(path, "something that is not the expected JSON".to_owned()))
    }

    fn refused(&self, path: &str, answer: String) -> BrokerError {
        BrokerError::Management {
            place: self.place.clone(),
            host: self.host.clone(),
            path: without_query(path),
            answer,
            user: self.user.clone(),
        }
    }

    fn unreachable(&self, error: &reqwest::Error) -> BrokerError {
        if let Some(refusal) = refusal_of(error) {
            return BrokerError::not_allowed(self.place.clone(), refusal.clone());
        }
        let reason = if error.is_timeout() {
            format!("the management API did not answer within {} s", REQUEST.as_secs())
        } else {
            format!("management API: {}", root_cause(error))
        };
        BrokerError::Unreachable {
            place: self.place.clone(),
            host: self.host.clone(),
            reason,
        }
    }
}

impl fmt::Debug for Management {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.user, self.host)
    }
}

/// A cluster without nodes is none that answered.
fn all_run(nodes: &[Node]) -> bool {
    !nodes.is_empty() && nodes.iter().all(|node| node.running)
}

fn without_query(path: &str) -> String {
    path.split('?').next().unwrap_or(path).to_owned()
}

/// RabbitMQ writes an object of which no column is there as `[]`: a queue that was just declared has no statistics.
fn read<T: DeserializeOwned>(body: &[u8]) -> serde_json::Result<T> {
    match serde_json::from_slice(body) {
        Err(_) if body.trim_ascii() == b"[]" => serde_json::from_str("{}"),
        read => read,
    }
}

/// A name as one segment of a path, for HTTP and for AMQP 1.0 addresses alike.
pub(super) fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

/// The innermost error: the outer ones repeat the address only.
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

fn client(ca: Option<&str>, names: GuardedNames) -> Result<Client, String> {
    let tls = tls::client(ca, tls::Public::Ignored)?;
    Client::builder()
        .tls_backend_preconfigured(tls)
        .dns_resolver(names)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(REQUEST)
        .build()
        .map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::Origin;
    use shadow_core::dialling::{Peer, Rules};

    fn management(uri: &str) -> Result<Management, BrokerError> {
        let guard = Guard::new(Rules::of(Peer::Broker));
        Management::new(uri, None, "/", Origin::Url.management(), &guard)
    }

    #[test]
    fn an_object_without_any_column_is_read_though_it_comes_as_a_list() {
        #[derive(Deserialize)]
        struct Looked {
            message_stats: Option<u64>,
        }
        assert!(read::<Looked>(b"[]\n").unwrap().message_stats.is_none());
        assert!(read::<Vec<u64>>(b"[]").unwrap().is_empty());
        assert!(read::<Totals>(b"{\"type\":").is_err());
    }

    #[test]
    fn a_node_that_is_down_or_says_nothing_of_itself_does_not_run() {
        let run = |document: &str| all_run(&serde_json::from_str::<Vec<Node>>(document).unwrap());
        assert!(run(
            r#"[{"name":"a","running":true},{"name":"b","running":true}]"#
        ));
        assert!(!run(
            r#"[{"name":"a","running":true},{"name":"b","running":false}]"#
        ));
        assert!(!run(r#"[{"name":"a","running":true},{"name":"b"}]"#));
        assert!(!run("[]"));
    }

    #[test]
    fn names_become_single_path_segments() {
        assert_eq!(segment("/"), "%2F");
        assert_eq!(segment("orders.orders-0"), "orders.orders-0");
        assert_eq!(segment("a/../b?c#d e"), "a%2F..%2Fb%3Fc%23d%20e");
    }

    #[test]
    fn an_unusable_address_is_refused_with_the_place_that_names_it() {
        for uri in [
            "",
            "amqp://a:b@mq",
            "http://mq:15672",
            "http://a@mq:15672",
            "https://a:b@mq:15671",
        ] {
            let error = management(uri).unwrap_err();
            assert!(
                error
                    .to_string()
                    .starts_with("spec.messageQueueConfig.brokerUrl: "),
                "{uri}: {error}"
            );
        }
    }

    #[test]
    fn a_prefix_and_the_default_port_are_kept() {
        let plain = management("http://a:b@mq").unwrap();
        assert_eq!(
            (plain.base.as_str(), plain.host.as_str()),
            ("http://mq:15672/api", "mq:15672")
        );
        let prefixed = management("http://a:b@mq:8080/rabbit/").unwrap();
        assert_eq!(prefixed.base, "http://mq:8080/rabbit/api");
    }
}
