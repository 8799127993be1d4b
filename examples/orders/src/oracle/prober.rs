//! Asks the service every few milliseconds, whatever happens, and keeps every answer that was not good.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;
use tokio_util::task::TaskTracker;

use super::{HttpGet, ProbeFailure};
use crate::wall_clock::now_ms;

/// How a service is asked.
#[derive(Debug, Clone, Copy)]
pub struct ProbeSettings {
    /// Between two requests. They overlap if answers are slower: a slow answer hides no other.
    pub every: Duration,
    /// A request without a whole answer after this long has failed.
    pub timeout: Duration,
    /// An answer slower than this is kept.
    pub slow: Duration,
}

impl Default for ProbeSettings {
    fn default() -> Self {
        Self {
            every: Duration::from_millis(5),
            timeout: Duration::from_millis(200),
            slow: Duration::from_millis(100),
        }
    }
}

/// A failed or slow answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BadAnswer {
    /// When the request was sent.
    pub at_ms: u64,
    /// How long it took.
    pub took_us: u64,
    /// What went wrong; none if it was only slow.
    pub failure: Option<ProbeFailure>,
}

/// What the service answered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProbeReport {
    /// Requests sent.
    pub sent: u64,
    /// Requests that failed.
    pub failed: u64,
    /// Answers that were slow.
    pub slow: u64,
    /// The slowest good answer.
    pub slowest_us: u64,
    /// When it was asked for.
    pub slowest_at_ms: u64,
    /// Half of the answers were faster.
    pub median_us: u64,
    /// All but one of a hundred were faster.
    pub p99_us: u64,
    /// Every failed or slow answer in the order of their ends.
    pub bad: Vec<BadAnswer>,
}

#[derive(Debug, Default)]
struct Record {
    good_us: Vec<u64>,
    slowest: Option<(u64, u64)>,
    bad: Vec<BadAnswer>,
    failed: u64,
}

/// A prober that is running.
pub struct Prober {
    record: Arc<Mutex<Record>>,
    requests: TaskTracker,
    task: JoinHandle<()>,
}

impl Prober {
    /// Begins to ask.
    #[must_use]
    pub fn start(get: HttpGet, settings: ProbeSettings) -> Self {
        let record = Arc::<Mutex<Record>>::default();
        let requests = TaskTracker::new();
        let task = tokio::spawn(ask(get, settings, Arc::clone(&record), requests.clone()));
        Self {
            record,
            requests,
            task,
        }
    }

    /// What was answered so far.
    #[must_use]
    pub fn so_far(&self) -> ProbeReport {
        locked(&self.record).report()
    }

    /// Counts of what was answered so far: sent, failed, slowest in microseconds.
    #[must_use]
    pub fn counts(&self) -> (u64, u64, u64) {
        let record = locked(&self.record);
        (
            record.sent(),
            record.failed,
            record.slowest.map_or(0, |(took, _)| took),
        )
    }

    /// Ends it; requests under way are waited for.
    pub async fn stop(self) -> ProbeReport {
        self.task.abort();
        self.requests.close();
        self.requests.wait().await;
        locked(&self.record).report()
    }
}

async fn ask(get: HttpGet, settings: ProbeSettings, record: Arc<Mutex<Record>>, requests: TaskTracker) {
    let mut tick = tokio::time::interval(settings.every);
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tick.tick().await;
        let (get, record) = (get.clone(), Arc::clone(&record));
        requests.spawn(async move {
            let (at_ms, begun) = (now_ms(), Instant::now());
            let answer = tokio::time::timeout(settings.timeout, get.send()).await;
            let answer = answer.unwrap_or(Err(ProbeFailure::Timeout));
            locked(&record).note(at_ms, begun.elapsed(), answer.err(), settings.slow);
        });
    }
}

fn locked(record: &Mutex<Record>) -> MutexGuard<'_, Record> {
    record.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Record {
    fn note(&mut self, at_ms: u64, took: Duration, failure: Option<ProbeFailure>, slow: Duration) {
        let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.failed += u64::from(failure.is_some());
        if failure.is_none() {
            self.good_us.push(took_us);
            if self.slowest.is_none_or(|(slowest, _)| took_us > slowest) {
                self.slowest = Some((took_us, at_ms));
            }
        }
        if failure.is_some() || took > slow {
            self.bad.push(BadAnswer {
                at_ms,
                took_us,
                failure,
            });
        }
    }

    fn sent(&self) -> u64 {
        self.good_us.len() as u64 + self.failed
    }

    fn report(&self) -> ProbeReport {
        let mut sorted = self.good_us.clone();
        sorted.sort_unstable();
        let at = |part: usize| sorted.get(sorted.len() * part / 100).copied().unwrap_or_default();
        let (slowest_us, slowest_at_ms) = self.slowest.unwrap_or_default();
        ProbeReport {
            sent: self.sent(),
            failed: self.failed,
            slow: self.bad.len() as u64 - self.failed,
            slowest_us,
            slowest_at_ms,
            median_us: at(50),
            p99_us: at(99),
            bad: self.bad.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;
    use url::Url;

    use super::*;

    async fn prober(address: std::net::SocketAddr) -> Prober {
        let url = Url::parse(&format!("http://{address}/healthz")).unwrap();
        let get = HttpGet::prepare("GET", &url).await.unwrap();
        Prober::start(get, ProbeSettings::default())
    }

    async fn until(prober: &Prober, enough: impl Fn(&ProbeReport) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !enough(&prober.so_far()) {
            assert!(Instant::now() < deadline, "{:?}", prober.so_far());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    #[tokio::test]
    async fn good_answers_are_counted_and_a_dead_service_is_told() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = crate::http::router(Arc::default());
        let server = tokio::spawn(async move { axum::serve(listener, router).await });
        let prober = prober(address).await;
        until(&prober, |report| report.sent >= 20).await;
        assert_eq!(prober.so_far().failed, 0);
        server.abort();
        until(&prober, |report| report.failed >= 3).await;
        let report = prober.stop().await;
        assert_eq!(
            report.bad.iter().filter(|bad| bad.failure.is_some()).count() as u64,
            report.failed
        );
        assert!(report.slowest_us >= report.median_us && report.median_us > 0);
    }

    #[tokio::test]
    async fn a_service_that_accepts_and_says_nothing_times_out() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let prober = prober(listener.local_addr().unwrap()).await;
        until(&prober, |report| report.failed >= 1).await;
        let report = prober.stop().await;
        assert!(
            report
                .bad
                .iter()
                .all(|bad| bad.failure == Some(ProbeFailure::Timeout)),
            "{:?}",
            report.bad
        );
    }
}
