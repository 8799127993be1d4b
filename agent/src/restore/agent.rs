//! The agent's claim socket, from shadow-runc's side.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::RestoreError;
use crate::claim::{Answer, Ask, ClaimRequest, RestoreOutcome};
use crate::layout;

/// All waiting together stays below kubelet's two minutes: the agent answers a claim within 90 seconds.
const ANSWER_WITHIN: Duration = Duration::from_secs(100);
/// An agent that is replaced is back within this time.
const REPORT_WITHIN: Duration = Duration::from_secs(30);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// One conversation. Its connection is held until the end: when it breaks, the agent knows that we are gone; when the
/// agent is gone, the next one is asked anew.
pub struct AgentLink {
    socket: PathBuf,
    stream: Option<BufReader<UnixStream>>,
}

impl AgentLink {
    /// For the agent of this node.
    pub fn new() -> Self {
        Self::at(layout::claim_socket())
    }

    /// For an agent that answers elsewhere.
    pub fn at(socket: PathBuf) -> Self {
        Self { socket, stream: None }
    }

    /// Claims; returns when the agent has decided.
    pub fn claim(&mut self, claim: ClaimRequest) -> Result<Answer, RestoreError> {
        self.ask(&Ask::Claim(claim), Instant::now() + ANSWER_WITHIN)
    }

    /// Reports the end of a restore; an error means that the agent does not know it.
    pub fn report(&mut self, outcome: RestoreOutcome) -> Result<(), RestoreError> {
        match self.ask(&Ask::Outcome(outcome), Instant::now() + REPORT_WITHIN)? {
            Answer::Recorded => Ok(()),
            Answer::Refused { why } => Err(RestoreError::Refused(why)),
            Answer::Restore { .. } | Answer::Fresh { .. } => Err(RestoreError::Refused(
                "the agent gave another answer than expected: its version differs".to_owned(),
            )),
        }
    }

    /// Both questions may be asked again: a claim finds the key as it was, an outcome is recorded once.
    fn ask(&mut self, ask: &Ask, deadline: Instant) -> Result<Answer, RestoreError> {
        loop {
            let answered = self.exchange(ask, deadline);
            let left = deadline.saturating_duration_since(Instant::now());
            match answered {
                Ok(answer) => return Ok(answer),
                Err(error) if left < LOOK_AGAIN => return Err(RestoreError::Agent(error)),
                Err(_) => {
                    self.stream = None;
                    thread::sleep(LOOK_AGAIN);
                }
            }
        }
    }

    fn exchange(&mut self, ask: &Ask, deadline: Instant) -> io::Result<Answer> {
        let left = deadline.saturating_duration_since(Instant::now()).max(LOOK_AGAIN);
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => connect(&self.socket)?,
        };
        stream.get_ref().set_read_timeout(Some(left))?;
        let mut line = serde_json::to_vec(ask)?;
        line.push(b'\n');
        stream.get_mut().write_all(&line)?;
        let mut answer = String::new();
        if stream.read_line(&mut answer)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let answer = serde_json::from_str(&answer)?;
        self.stream = Some(stream);
        Ok(answer)
    }
}

impl Default for AgentLink {
    fn default() -> Self {
        Self::new()
    }
}

fn connect(socket: &Path) -> io::Result<BufReader<UnixStream>> {
    UnixStream::connect(socket).map(BufReader::new)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use shadow_core::names::Key;

    use super::*;

    fn claim() -> ClaimRequest {
        ClaimRequest {
            version: 1,
            key: Key::parse("k-1-0").unwrap(),
            migration: "m".into(),
            namespace: "n".into(),
            pod: "p".into(),
            pod_uid: "u".into(),
            container: "c".into(),
            container_id: "i".into(),
        }
    }

    #[test]
    fn an_agent_that_is_replaced_is_asked_again() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("agent.sock");
        let place = socket.clone();
        let agents = thread::spawn(move || {
            // The first one hears the claim and dies, the second one answers.
            for answer in ["", "{\"answer\":\"fresh\",\"why\":\"over\"}\n"] {
                if place.exists() {
                    std::fs::remove_file(&place).unwrap();
                }
                let listener = UnixListener::bind(&place).unwrap();
                let (stream, _) = listener.accept().unwrap();
                let mut line = String::new();
                BufReader::new(&stream).read_line(&mut line).unwrap();
                assert!(line.contains("k-1-0"));
                (&stream).write_all(answer.as_bytes()).unwrap();
            }
        });
        let answer = AgentLink::at(socket).claim(claim()).unwrap();
        assert_eq!(answer, Answer::Fresh { why: "over".into() });
        agents.join().unwrap();
    }

    #[test]
    fn no_agent_is_no_permission() {
        let dir = tempfile::tempdir().unwrap();
        let mut link = AgentLink::at(dir.path().join("agent.sock"));
        let asked = link.ask(&Ask::Claim(claim()), Instant::now() + Duration::from_millis(200));
        assert!(matches!(asked, Err(RestoreError::Agent(_))));
    }
}
