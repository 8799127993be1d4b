//! shadow-runc, as the agent hears it.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;

use shadow_agent::claim::{Answer, Ask, ClaimRequest, RestoreOutcome};

use super::node::key;

pub(crate) struct Runc(pub(crate) BufReader<UnixStream>);

impl Runc {
    pub(crate) fn say(&mut self, ask: &Ask) {
        let mut line = serde_json::to_vec(ask).unwrap();
        line.push(b'\n');
        self.0.get_mut().write_all(&line).unwrap();
    }

    pub(crate) fn hear(&mut self) -> Answer {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    pub(crate) fn claim(&mut self, container_id: &str) {
        self.say(&Ask::Claim(ClaimRequest {
            version: 1,
            key: key(),
            migration: "m".into(),
            namespace: "default".into(),
            pod: "orders-0".into(),
            pod_uid: "pod".into(),
            container: "app".into(),
            container_id: container_id.into(),
        }));
    }

    pub(crate) fn conclude(&mut self, container_id: &str, ok: bool) -> Answer {
        self.say(&Ask::Outcome(RestoreOutcome {
            key: key(),
            container_id: container_id.into(),
            ok,
            message: "criu said no".into(),
            micros: 5,
        }));
        self.hear()
    }
}
