//! Says when the API server does not answer, and when it does again. Guarantee: each of the two is said once for each silence,
//! on stderr; what a command does is not changed by it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::Response;
use kube::client::DynBody;

use crate::say;

/// A silence that is worth a word.
const SILENT: Duration = Duration::from_secs(10);
/// How often it is looked.
const LOOK: Duration = Duration::from_millis(500);

/// What is known of the answers of one API server.
#[derive(Debug)]
pub(crate) struct Silence {
    server: String,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Since when questions are without an answer.
    since: Option<Instant>,
    told: bool,
}

impl Silence {
    /// Of the API server at this address. Looks for itself from now on.
    pub(crate) fn watched(server: String) -> Arc<Self> {
        let silence = Arc::new(Self {
            server,
            state: Mutex::default(),
        });
        let watched = Arc::clone(&silence);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(LOOK).await;
                watched
                    .look(Instant::now())
                    .iter()
                    .for_each(|text| say::remark(text));
            }
        });
        silence
    }

    /// A question is sent; its end is an answer, unless nobody or only something before the API server answered.
    pub(crate) async fn of<E>(
        self: Arc<Self>,
        asked: impl Future<Output = Result<Response<Box<DynBody>>, E>>,
    ) -> Result<Response<Box<DynBody>>, E> {
        self.asked(Instant::now());
        let answer = asked.await;
        if answer
            .as_ref()
            .is_ok_and(|answer| !answer.status().is_server_error())
        {
            self.answered(Instant::now())
                .iter()
                .for_each(|text| say::remark(text));
        }
        answer
    }

    fn asked(&self, now: Instant) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.since.get_or_insert(now);
    }

    fn answered(&self, now: Instant) -> Option<String> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let since = state.since.take()?;
        let told = std::mem::take(&mut state.told);
        told.then(|| {
            format!(
                "the API server {} answers again, after {} s",
                self.server,
                now.duration_since(since).as_secs()
            )
        })
    }

    fn look(&self, now: Instant) -> Option<String> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let silent = now.duration_since(state.since?);
        if state.told || silent < SILENT {
            return None;
        }
        state.told = true;
        Some(format!(
            "the API server {} has not answered for {} s. This command waits for it. What was begun goes on",
            self.server,
            silent.as_secs()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silence_is_told_once_and_its_end_once() {
        let silence = Silence {
            server: "https://10.0.0.1:6443".to_owned(),
            state: Mutex::default(),
        };
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        silence.asked(at(0));
        silence.asked(at(6));
        assert_eq!(silence.look(at(9)), None);
        let told = silence.look(at(10)).unwrap();
        assert!(told.contains("10.0.0.1") && told.contains("10 s"), "{told}");
        assert_eq!(silence.look(at(20)), None);
        let again = silence.answered(at(31)).unwrap();
        assert!(again.contains("after 31 s"), "{again}");
        assert_eq!(silence.answered(at(32)), None);
        silence.asked(at(40));
        assert_eq!(silence.look(at(49)), None);
        assert_eq!(
            silence.answered(at(49)),
            None,
            "nothing was said, so nothing is taken back"
        );
    }
}
