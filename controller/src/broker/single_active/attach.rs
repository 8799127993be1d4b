//! From an address to a link that holds: TCP or TLS, login, connection, session, receiver without credit.
//!
//! Guarantees: the password goes only to the host that the Secret names, over TLS when it says `amqps`; no credit is
//! ever given, so that the broker can hand over no message; whatever fails, the connection is closed.

use fe2o3_amqp_types::definitions::{Fields, Role};
use fe2o3_amqp_types::messaging::{Source, Target, TargetArchetype};
use fe2o3_amqp_types::performatives::{Attach, Begin, Open, Performative};
use fe2o3_amqp_types::sasl::{SaslCode, SaslInit};
use futures::{SinkExt, StreamExt};
use lapin::uri::AMQPScheme;
use rustls::pki_types::ServerName;
use serde_amqp::Value;
use serde_amqp::primitives::{Binary, Symbol};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_util::codec::Framed;

use super::frames::{Frame, Frames, MAX_FRAME, Say};
use super::version::Version;
use super::{HANDLE, OLDEST, PRIORITY, PRIORITY_PROPERTY, SILENCE, refusal};
use crate::broker::address::Endpoint;
use crate::broker::management::segment;
use crate::broker::{BrokerAddress, BrokerError, tls};

/// What each side says first, for the login and for the protocol proper.
const SASL_HEADER: [u8; 8] = *b"AMQP\x03\x01\x00\x00";
const AMQP_HEADER: [u8; 8] = *b"AMQP\x00\x01\x00\x00";
/// The version of RabbitMQ among the properties that it opens with.
const VERSION_PROPERTY: &str = "version";
/// A session that transfers nothing needs no window to speak of, but 0 is refused by nobody's rule and untested.
const WINDOW: u32 = 16;

/// Bytes to and from the broker, encrypted or not.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A connection that speaks in frames.
pub(super) type Wire = Framed<Box<dyn Stream>, Frames>;

/// An attached link.
pub(super) struct Attached {
    pub(super) wire: Wire,
    /// How often the broker wants to hear from us at least.
    pub(super) speak_every: Duration,
}

/// Attaches to `queue` as the consumer with the highest priority there is, without credit.
pub(super) async fn attach(
    address: &BrokerAddress,
    endpoint: &Endpoint,
    queue: &str,
) -> Result<Attached, BrokerError> {
    let stream = connected(address, endpoint).await?;
    let mut conversation = Conversation {
        endpoint,
        queue,
        wire: Framed::new(stream, Frames),
    };
    conversation.log_in().await?;
    let speak_every = conversation.open().await?;
    conversation.begin().await?;
    conversation.link().await?;
    Ok(Attached {
        wire: conversation.wire,
        speak_every,
    })
}

async fn connected(address: &BrokerAddress, endpoint: &Endpoint) -> Result<Box<dyn Stream>, BrokerError> {
    let authority = &endpoint.amqp.authority;
    let unreachable = |error: &dyn std::fmt::Display| BrokerError::Unreachable {
        host: endpoint.host.clone(),
        reason: error.to_string(),
    };
    let plain = TcpStream::connect((authority.host.as_str(), authority.port))
        .await
        .map_err(|error| unreachable(&error))?;
    // Frames are small and each waits for an answer.
    plain.set_nodelay(true).map_err(|error| unreachable(&error))?;
    match endpoint.amqp.scheme {
        AMQPScheme::AMQP => Ok(Box::new(plain)),
        AMQPScheme::AMQPS => {
            let failed = |reason: String| BrokerError::Tls {
                host: endpoint.host.clone(),
                reason,
            };
            let config = tls::client(address.ca.as_deref(), tls::Public::Trusted).map_err(failed)?;
            let name =
                ServerName::try_from(authority.host.clone()).map_err(|error| failed(error.to_string()))?;
            let encrypted = TlsConnector::from(Arc::new(config)).connect(name, plain).await;
            Ok(Box::new(encrypted.map_err(|error| failed(error.to_string()))?))
        }
    }
}

/// The handshake: each thing said has its answer.
struct Conversation<'a> {
    endpoint: &'a Endpoint,
    queue: &'a str,
    wire: Wire,
}

impl Conversation<'_> {
    async fn log_in(&mut self) -> Result<(), BrokerError> {
        self.greet(SASL_HEADER).await?;
        let offered = match self.hear().await? {
            Frame::Mechanisms(offered) => offered.sasl_server_mechanisms.0,
            other @ (Frame::Empty | Frame::Amqp(_) | Frame::Outcome(_)) => {
                return Err(self.unexpected(&other));
            }
        };
        if !offered.iter().any(|mechanism| mechanism.as_str() == "PLAIN") {
            let offered: Vec<&str> = offered.iter().map(Symbol::as_str).collect();
            return Err(self.lost(format!(
                "it offers the logins {offered:?}, and a Secret holds a user and a password for PLAIN"
            )));
        }
        let who = &self.endpoint.amqp.authority.userinfo;
        let login = SaslInit {
            mechanism: Symbol::from("PLAIN"),
            initial_response: Some(Binary::from(
                format!("\0{}\0{}", who.username, who.password).into_bytes(),
            )),
            hostname: None,
        };
        self.say(Say::Login(login)).await?;
        match self.hear().await? {
            Frame::Outcome(outcome) if outcome.code == SaslCode::Ok => self.greet(AMQP_HEADER).await,
            Frame::Outcome(outcome) if outcome.code == SaslCode::Auth => Err(BrokerError::Credentials {
                host: self.endpoint.host.clone(),
                user: self.endpoint.user.clone(),
            }),
            other @ (Frame::Empty | Frame::Amqp(_) | Frame::Mechanisms(_) | Frame::Outcome(_)) => {
                Err(self.unexpected(&other))
            }
        }
    }

    /// How often the broker wants to hear from us.
    async fn open(&mut self) -> Result<Duration, BrokerError> {
        let open = Open {
            container_id: "kubectl-shadow controller (hold)".to_owned(),
            hostname: Some(format!("vhost:{}", self.endpoint.vhost)),
            max_frame_size: MAX_FRAME.into(),
            channel_max: 0.into(),
            idle_time_out: Some(u32::try_from(SILENCE.as_millis()).unwrap_or(u32::MAX)),
            outgoing_locales: None,
            incoming_locales: None,
            offered_capabilities: None,
            desired_capabilities: None,
            properties: None,
        };
        self.say(Performative::Open(open).into()).await?;
        let Performative::Open(theirs) = self.answer().await? else {
            return Err(self.lost("it answered an open with something else".to_owned()));
        };
        self.check_version(theirs.properties.as_ref())?;
        // The figure is half of what the broker bears; half of it again leaves room for a busy machine.
        let wanted = theirs
            .idle_time_out
            .map_or(SILENCE, |millis| Duration::from_millis(millis.into()));
        Ok((wanted / 2).clamp(Duration::from_millis(500), SILENCE / 2))
    }

    /// Only what says `rabbitmq:active` on the link can prove a hold.
    fn check_version(&self, properties: Option<&Fields>) -> Result<(), BrokerError> {
        let said = properties.and_then(|all| all.get(&Symbol::from(VERSION_PROPERTY)));
        let version = match said {
            Some(Value::String(text)) => text.as_str(),
            _ => "",
        };
        match Version::of(version) {
            Some(known) if known >= OLDEST => Ok(()),
            Some(_) | None => Err(refusal::too_old(self.endpoint, version)),
        }
    }

    async fn begin(&mut self) -> Result<(), BrokerError> {
        let begin = Begin {
            remote_channel: None,
            next_outgoing_id: 0,
            incoming_window: WINDOW,
            outgoing_window: WINDOW,
            handle_max: HANDLE,
            offered_capabilities: None,
            desired_capabilities: None,
            properties: None,
        };
        self.say(Performative::Begin(begin).into()).await?;
        match self.answer().await? {
            Performative::Begin(_) => Ok(()),
            _ => Err(self.lost("it answered a begin with something else".to_owned())),
        }
    }

    async fn link(&mut self) -> Result<(), BrokerError> {
        let mut properties = Fields::new();
        properties.insert(Symbol::from(PRIORITY_PROPERTY), Value::Int(PRIORITY));
        let source = Source {
            address: Some(format!("/queues/{}", segment(self.queue))),
            ..Source::default()
        };
        let attach = Attach {
            name: "kubectl-shadow hold".to_owned(),
            handle: HANDLE,
            role: Role::Receiver,
            snd_settle_mode: Default::default(),
            rcv_settle_mode: Default::default(),
            source: Some(Box::new(source)),
            target: Some(Box::new(TargetArchetype::Target(Target::default()))),
            unsettled: None,
            incomplete_unsettled: false,
            initial_delivery_count: None,
            max_message_size: None,
            offered_capabilities: None,
            desired_capabilities: None,
            properties: Some(properties),
        };
        self.say(Performative::Attach(attach).into()).await?;
        match self.answer().await? {
            // An attach without a source is a refusal whose reason follows in a detach.
            Performative::Attach(theirs) if theirs.source.is_some() => Ok(()),
            Performative::Attach(_) => {
                let follows = self.answer().await.map(|_| ());
                follows.and_then(|()| Err(self.lost("it refused the link without a reason".to_owned())))
            }
            _ => Err(self.lost("it answered an attach with something else".to_owned())),
        }
    }

    /// Each side names the protocol; a broker that does not speak it names the one it speaks.
    async fn greet(&mut self, header: [u8; 8]) -> Result<(), BrokerError> {
        let stream = self.wire.get_mut();
        let mut theirs = [0; 8];
        let exchanged = async {
            stream.write_all(&header).await?;
            stream.flush().await?;
            stream.read_exact(&mut theirs).await
        };
        match exchanged.await {
            Ok(_) if theirs == header => Ok(()),
            Ok(_) => Err(refusal::too_old(self.endpoint, "")),
            Err(error) => Err(self.lost(error.to_string())),
        }
    }

    async fn say(&mut self, say: Say) -> Result<(), BrokerError> {
        let said = self.wire.send(say).await;
        said.map_err(|error| self.lost(error.to_string()))
    }

    async fn hear(&mut self) -> Result<Frame, BrokerError> {
        match self.wire.next().await {
            Some(Ok(frame)) => Ok(frame),
            Some(Err(error)) => Err(self.lost(error.to_string())),
            None => Err(self.lost("it closed the connection".to_owned())),
        }
    }

    /// The next thing said that is no sign of life; what ends the conversation is an error with its reason.
    async fn answer(&mut self) -> Result<Performative, BrokerError> {
        loop {
            match self.hear().await? {
                Frame::Empty => {}
                Frame::Amqp(Performative::Close(close)) => return Err(self.refused(close.error)),
                Frame::Amqp(Performative::End(end)) => return Err(self.refused(end.error)),
                Frame::Amqp(Performative::Detach(detach)) => return Err(self.refused(detach.error)),
                Frame::Amqp(performative) => return Ok(performative),
                other @ (Frame::Mechanisms(_) | Frame::Outcome(_)) => return Err(self.unexpected(&other)),
            }
        }
    }

    fn refused(&self, error: Option<fe2o3_amqp_types::definitions::Error>) -> BrokerError {
        refusal::of(self.endpoint, self.queue, error)
    }

    fn unexpected(&self, frame: &Frame) -> BrokerError {
        self.lost(format!("it said something out of turn: {frame:?}"))
    }

    fn lost(&self, reason: String) -> BrokerError {
        refusal::lost(self.endpoint, reason)
    }
}
