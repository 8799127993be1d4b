//! What is done on the node, in order, and what has to hold after each.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use shadow_core::names::Key;
use shadow_core::wire::{Claim, Ending, FreezeOrder, Frozen};

use crate::agent::Agent;
use crate::facts;
use crate::judge::{self, Seen, Verdict};
use crate::node::{self, WithoutCure};
use crate::pods::{Pod, Subject};
use crate::portrait::{Portrait, State};
use crate::report::Report;

/// A frozen container may stay so for this long; it is told what to do long before.
const FREEZE: Duration = Duration::from_secs(240);
/// Nothing may have come in for so long before a process is killed.
const QUIET: Duration = Duration::from_millis(300);
/// What the product says of a restore without the cure.
const FAULTS: [&str; 2] = [
    "its cgroup namespace is the node's",
    "/sys/fs/cgroup shows the cgroup / of the node",
];

/// Everything. What later scenes build on ends them with its error.
pub(crate) async fn all(report: &mut Report) -> Result<()> {
    facts::tell(report)?;
    needed(report.claim("our installation puts the handler beside runc's", node::install())?)?;
    report.claim("a second installation changes nothing", node::install_again())?;
    node::begin()?;
    let agent = Agent::start().await?;
    let first = Actor::begin("first").await?;
    tell(report, "", vec![judge::of_fresh(&first.seen)])?;
    report.claim(
        "nothing stands in the way of its dump",
        preflight(&agent, &first.subject).await,
    )?;
    let second = generation(report, &agent, &first, ("second", "k-1-0"), "after a restore: ").await?;
    let third = generation(
        report,
        &agent,
        &second,
        ("third", "k-2-0"),
        "after a second restore: ",
    )
    .await?;
    report.claim(
        "a container that is told to go on after its dump goes on",
        thawed(&agent, &first).await,
    )?;
    report.claim(
        "a frozen source is killed, and runs no instruction after its dump",
        killed_frozen(&agent, &third).await,
    )?;
    report.claim(
        "a container is killed, and its end is seen",
        killed(&agent, &first).await,
    )?;
    report.claim(
        "without the cure, a restore is refused with the words of the fault",
        refused(&agent, &second).await,
    )?;
    for actor in [first, second, third] {
        actor.pod.delete().await?;
    }
    Ok(())
}

fn needed<T>(found: Option<T>) -> Result<T> {
    found.context("what comes next needs what has just failed")
}

fn tell(report: &mut Report, when: &str, verdicts: Vec<Verdict>) -> Result<()> {
    for Verdict { claim, wrong } in verdicts {
        let outcome = if wrong.is_empty() {
            Ok(())
        } else {
            Err(anyhow::anyhow!(wrong.join("; ")))
        };
        report.claim(&format!("{when}{claim}"), outcome)?;
    }
    Ok(())
}

/// A pod, its subject, and what it was like.
struct Actor {
    pod: Pod,
    subject: Subject,
    seen: Seen,
}

impl Actor {
    async fn begin(name: &str) -> Result<Self> {
        Self::look(Pod::create(name, None)?).await
    }

    async fn look(pod: Pod) -> Result<Self> {
        let looked = async {
            let subject = pod.subject().await?;
            let first_count = pod.first_count()?.context("the pod has said nothing")?;
            // The first line may have been begun before a dump.
            let inside = pod.line_after(first_count).await?;
            let outside = Portrait::of(&subject)?;
            Ok((
                subject,
                Seen {
                    outside,
                    first_count,
                    inside,
                },
            ))
        };
        let looked: Result<_> = looked.await;
        let (subject, seen) = looked.with_context(|| pod.events())?;
        Ok(Self { pod, subject, seen })
    }
}

async fn preflight(agent: &Agent, subject: &Subject) -> Result<()> {
    let found = agent.helper.preflight(&subject.id, true).await?;
    ensure!(found.obstacles.is_empty(), "{}", found.obstacles.join("; "));
    Ok(())
}

/// Dumps one and restores it as another pod.
async fn generation(
    report: &mut Report,
    agent: &Agent,
    source: &Actor,
    (name, key): (&str, &str),
    when: &str,
) -> Result<Actor> {
    let key = Key::parse(key)?;
    let before = source.pod.last_count()?;
    let made = agent.dump(&key, &source.subject, None).await.context("dump")?;
    report.fact(
        &format!("{when}time frozen for its dump"),
        &format!("{} ms", made.frozen_micros / 1000),
    )?;
    let goes_on = source.pod.line_after(before + 1).await.map(drop);
    report.claim(&format!("{when}its source has gone on after its dump"), goes_on)?;
    agent.expect(&key, name, &made)?;
    let pod = Pod::create(name, Some(&key))?;
    match agent.ended(&key).await? {
        Claim::Restored { micros, .. } => report.fact(
            &format!("{when}time of the restore"),
            &format!("{} ms", micros / 1000),
        )?,
        Claim::Failed { reason, .. } => bail!("the restore of pod {name} failed: {reason}"),
        other @ (Claim::None | Claim::Waiting { .. } | Claim::Taken { .. } | Claim::Aborted) => {
            bail!("the restore of pod {name} has not ended: {other:?}")
        }
    }
    let copy = Actor::look(pod).await?;
    tell(report, when, judge::of_copy(&source.seen, &copy.seen))?;
    Ok(copy)
}

/// It stands still after its dump until it is told to go on.
async fn thawed(agent: &Agent, actor: &Actor) -> Result<()> {
    let key = Key::parse("k-3-0")?;
    agent.dump(&key, &actor.subject, Some(FREEZE)).await?;
    let stands = actor.pod.last_count()?;
    stands_still(actor)?;
    let order = |order| agent.helper.freeze(&key, &actor.subject.id, order);
    let kept = order(FreezeOrder::Keep).await?;
    ensure!(kept == Frozen::Held, "told to stay frozen, it is {kept:?}");
    ensure!(
        actor.pod.last_count()? == stands,
        "it went on while it was to stand still"
    );
    let thawed = order(FreezeOrder::Thaw).await?;
    ensure!(thawed == Frozen::Thawed, "told to go on, it is {thawed:?}");
    actor.pod.line_after(stands).await.map(drop)
}

/// What a sequential move does with its source.
async fn killed_frozen(agent: &Agent, actor: &Actor) -> Result<()> {
    let key = Key::parse("k-4-0")?;
    agent.dump(&key, &actor.subject, Some(FREEZE)).await?;
    let stands = actor.pod.last_count()?;
    stands_still(actor)?;
    let promised = agent
        .helper
        .freeze(&key, &actor.subject.id, FreezeOrder::Promise)
        .await?;
    ensure!(
        promised == Frozen::Promised,
        "asked for a promise, it is {promised:?}"
    );
    ends(agent, actor).await?;
    let last = actor.pod.last_count()?;
    ensure!(
        last <= stands,
        "it counted to {last} after it had stood still at {stands}"
    );
    Ok(())
}

async fn killed(agent: &Agent, actor: &Actor) -> Result<()> {
    ends(agent, actor).await
}

async fn ends(agent: &Agent, actor: &Actor) -> Result<()> {
    let cgroup = State::of(&actor.subject.id)?.cgroup;
    let ending = agent.helper.kill(&actor.subject.id, QUIET).await?;
    ensure!(ending == Ending::Ended, "it is {ending:?}");
    let list = cgroup.join("cgroup.procs");
    let left = std::fs::read_to_string(&list).unwrap_or_default();
    ensure!(
        left.trim().is_empty(),
        "processes are left in {}: {left}",
        list.display()
    );
    Ok(())
}

fn stands_still(actor: &Actor) -> Result<()> {
    let events = State::of(&actor.subject.id)?.cgroup.join("cgroup.events");
    let text = std::fs::read_to_string(&events).with_context(|| format!("read {}", events.display()))?;
    ensure!(text.contains("frozen 1"), "it does not stand still: {text}");
    Ok(())
}

/// The cure is taken out: the product itself has to find what is wrong, and nothing may stay running.
async fn refused(agent: &Agent, source: &Actor) -> Result<()> {
    let key = Key::parse("k-5-0")?;
    let made = agent.dump(&key, &source.subject, None).await?;
    let without = WithoutCure::begin()?;
    agent.expect(&key, "exposed", &made)?;
    let pod = Pod::create("exposed", Some(&key))?;
    let ended = agent.ended(&key).await;
    drop(without);
    let name = Pod::full_name("exposed");
    let running = crate::pods::runs(&name)?;
    pod.delete().await?;
    let Claim::Failed { reason, .. } = ended? else {
        bail!("it was restored");
    };
    for fault in FAULTS {
        ensure!(
            reason.contains(fault),
            "the reason does not say {fault:?}: {reason}"
        );
    }
    ensure!(!running, "a container of pod {name} runs all the same");
    Ok(())
}
