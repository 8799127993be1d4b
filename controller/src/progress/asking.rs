//! Asks what only people want to know: agents how far an archive is, the broker for its rates. Beside the moves; what is not answered
//! in time is not known.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use shadow_core::api::progress::Rates;
use shadow_core::api::{MigrationStatus, StatefulMigration};
use shadow_core::progress::{self, Holder, Queues, Told};
use shadow_core::wire::Work;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::{Place, Progresses};
use crate::context::Context;
use crate::error::ControllerError;

/// How often agents are asked while an archive is under way.
const ARCHIVES_EVERY: Duration = Duration::from_millis(250);
const ARCHIVES_WITHIN: Duration = Duration::from_secs(1);
/// The broker renews its statistics this often.
const RATES_EVERY: Duration = Duration::from_secs(5);
const RATES_WITHIN: Duration = Duration::from_secs(2);
/// How often it is looked whether a broker is to be asked.
const TICK: Duration = Duration::from_millis(500);
/// Questions at the same time.
const AT_ONCE: usize = 8;

/// Who is asked about a migration in one of its steps.
#[derive(Debug)]
pub(super) struct Subject {
    holders: Vec<Holder>,
    queues: Option<Queues>,
    /// The migration without its status, and the Secret of its broker.
    migration: StatefulMigration,
    secret: Option<String>,
}

impl Subject {
    pub(super) fn of(migration: &StatefulMigration, status: &MigrationStatus) -> Self {
        Self {
            holders: progress::holders(status),
            queues: progress::queues(status),
            migration: StatefulMigration {
                metadata: migration.metadata.clone(),
                spec: migration.spec.clone(),
                status: None,
            },
            secret: status.plan.as_ref().and_then(|plan| plan.queue.secret.clone()),
        }
    }
}

/// A question about one migration.
#[derive(Clone, Debug)]
pub(super) struct Question {
    uid: String,
    place: Place,
    subject: Arc<Subject>,
    /// Backlog and mirror were there at the last look.
    beside: [bool; 2],
}

impl Progresses {
    /// What agents are asked now.
    pub(super) fn archives(&self, clock: Timestamp) -> Vec<Question> {
        let all = self.all();
        let asked = all.iter().filter(|(_, entry)| {
            let since = entry.spec.since.as_ref();
            let is_long = since.is_some_and(|since| progress::is_long(since.0, clock));
            entry.lively && is_long && !entry.subject.holders.is_empty()
        });
        asked.map(|(uid, entry)| entry.question(uid)).collect()
    }

    /// What brokers are asked now; each counts as asked.
    pub(super) fn rates(&self, now: Instant) -> Vec<Question> {
        let mut all = self.all();
        let asked = all.iter_mut().filter(|(_, entry)| {
            let is_old = |asked| now.saturating_duration_since(asked) >= RATES_EVERY;
            entry.lively && entry.subject.queues.is_some() && entry.asked_for_rates.is_none_or(is_old)
        });
        asked
            .map(|(uid, entry)| {
                entry.asked_for_rates = Some(now);
                entry.question(uid)
            })
            .collect()
    }

    /// An answer that comes after its step tells nothing of the next one.
    pub(super) fn archive_told(&self, question: &Question, told: Told) {
        if let Some(entry) = self.all().get_mut(&question.uid)
            && entry.place() == question.place
        {
            entry.told = told;
        }
    }

    pub(super) fn rates_told(&self, question: &Question, rates: Option<Rates>) {
        if let Some(entry) = self.all().get_mut(&question.uid) {
            entry.rates = rates;
        }
    }
}

impl super::Entry {
    fn question(&self, uid: &str) -> Question {
        let last = self.spec.samples.last();
        Question {
            uid: uid.to_owned(),
            place: self.place(),
            subject: Arc::clone(&self.subject),
            beside: [
                last.is_some_and(|last| last.backlog.is_some()),
                last.is_some_and(|last| last.mirror.is_some()),
            ],
        }
    }
}

/// Asks as long as the process leads. Never returns.
pub async fn ask(ctx: &Context) {
    let archives = each(
        ARCHIVES_EVERY,
        || ctx.progress.archives(Timestamp::now()),
        async |question| {
            let told = timeout(ARCHIVES_WITHIN, archive(ctx, &question.subject.holders)).await;
            ctx.progress.archive_told(&question, told.unwrap_or_default());
        },
    );
    let rates = each(
        TICK,
        || ctx.progress.rates(Instant::now()),
        async |question| {
            let told = timeout(RATES_WITHIN, rates_of(ctx, &question)).await;
            ctx.progress.rates_told(&question, told.unwrap_or_default());
        },
    );
    tokio::join!(archives, rates);
}

/// Asks what has to be asked, again and again. The asking task waits for answers; no move waits for it.
pub(super) async fn each(
    every: Duration,
    questions: impl Fn() -> Vec<Question>,
    answered: impl AsyncFn(Question),
) {
    let mut clock = interval(every);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        clock.tick().await;
        futures::stream::iter(questions())
            .for_each_concurrent(AT_ONCE, async |question| answered(question).await)
            .await;
    }
}

/// From the first that works on it.
async fn archive(ctx: &Context, holders: &[Holder]) -> Told {
    for holder in holders {
        match ctx.agents.report(&holder.node, &holder.key).await {
            Ok(report) => {
                if let Some(work) = report.and_then(|report| report.work) {
                    return told(holder, &work);
                }
            }
            // The move itself says so if it matters.
            Err(error) => tracing::debug!(node = holder.node, %error, "not known how far an archive is"),
        }
    }
    Told::default()
}

fn told(holder: &Holder, work: &Work) -> Told {
    progress::told(holder.doing, work, Timestamp::now())
}

async fn rates_of(ctx: &Context, question: &Question) -> Option<Rates> {
    let subject = &question.subject;
    let queues = subject.queues.as_ref()?;
    match read_rates(ctx, subject, queues, question.beside).await {
        Ok(rates) => rates,
        Err(error) => {
            tracing::debug!(queue = queues.primary, %error, "rates are not known");
            None
        }
    }
}

async fn read_rates(
    ctx: &Context,
    subject: &Subject,
    queues: &Queues,
    beside: [bool; 2],
) -> Result<Option<Rates>, ControllerError> {
    let secret = subject.secret.as_deref();
    let Some(broker) = ctx.connected_broker(&subject.migration, secret).await? else {
        return Ok(None);
    };
    let mut others = [None, None];
    let names = queues.beside.iter().flatten();
    for ((rate, name), is_there) in others.iter_mut().zip(names).zip(beside) {
        if is_there {
            *rate = broker.rate(name).await?;
        }
    }
    let primary = broker.rate(&queues.primary).await?;
    let [backlog, mirror] = others;
    let is_known = primary.or(backlog).or(mirror).is_some();
    Ok(is_known.then(|| Rates {
        at: MicroTime(Timestamp::now()),
        primary,
        backlog,
        mirror,
    }))
}
