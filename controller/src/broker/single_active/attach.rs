//! From an address to a link that holds: login, connection, session, receiver without credit.
//!
//! Guarantees: the password goes only to the host that the Secret names; no credit is ever given, so that the broker can
//! hand over no message; whatever fails, the connection is closed.

use std::time::Duration;

use fe2o3_amqp_types::definitions::{Fields, Role};
use fe2o3_amqp_types::messaging::{Source, Target, TargetArchetype};
use fe2o3_amqp_types::performatives::{Attach, Begin, Open, Performative};
use fe2o3_amqp_types::sasl::{SaslCode, SaslInit};
use serde_amqp::Value;
use serde_amqp::primitives::{Binary, Symbol};
use shadow_dialling::Guard;

use super::conversation::Conversation;
use super::frames::{Frame, MAX_FRAME, Say};
use super::version::Version;
use super::wire::{Wire, connected};
use super::{HANDLE, OLDEST, PRIORITY_PROPERTY, SILENCE, refusal};
use crate::broker::address::Endpoint;
use crate::broker::management::segment;
use crate::broker::{BrokerAddress, BrokerError};

/// What each side says first, for the login and for the protocol proper.
const SASL_HEADER: [u8; 8] = *b"AMQP\x03\x01\x00\x00";
const AMQP_HEADER: [u8; 8] = *b"AMQP\x00\x01\x00\x00";
/// The version of RabbitMQ among the properties that it opens with.
const VERSION_PROPERTY: &str = "version";
/// Transfers that each side could take at a time, if there were any.
pub(super) const WINDOW: u32 = 16;

/// An attached link.
pub(super) struct Attached {
    pub(super) wire: Wire,
    /// How often we say something.
    pub(super) speak_every: Duration,
}

/// Attaches to `queue` as a consumer with this priority and without credit.
pub(super) async fn attach(
    guard: &Guard,
    address: &BrokerAddress,
    endpoint: &Endpoint,
    queue: &str,
    priority: i32,
) -> Result<Attached, BrokerError> {
    let wire = connected(guard, address, endpoint).await?;
    let mut conversation = Conversation {
        endpoint,
        queue,
        wire,
    };
    conversation.log_in().await?;
    let speak_every = conversation.open().await?;
    conversation.begin().await?;
    conversation.link(priority).await?;
    Ok(Attached {
        wire: conversation.wire,
        speak_every,
    })
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
                "it offers the logins {offered:?}, and only PLAIN is possible with the user and password in {}",
                self.endpoint.origin.uri()
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
                place: self.endpoint.origin.uri(),
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
        let Performative::Begin(_) = self.answer().await? else {
            return Err(self.lost("it answered a begin with something else".to_owned()));
        };
        Ok(())
    }

    async fn link(&mut self, priority: i32) -> Result<(), BrokerError> {
        let mut properties = Fields::new();
        properties.insert(Symbol::from(PRIORITY_PROPERTY), Value::Int(priority));
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
        let Performative::Attach(theirs) = self.answer().await? else {
            return Err(self.lost("it answered an attach with something else".to_owned()));
        };
        if theirs.source.is_some() {
            return Ok(());
        }
        // A refusal, whose reason follows in a detach.
        self.answer().await?;
        Err(self.lost("it refused the link without a reason".to_owned()))
    }
}
