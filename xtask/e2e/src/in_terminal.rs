//! The live view in a real terminal, while real moves go on: keys, a question, an API server that stands still, a drain.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::drains::{NODE, OTHER, Uncordoned, cordoned};
use super::faults::stopped::Stopped;
use super::{Bench, ended, exact_messages, nothing_left};
use xtask_lab::stage::{self, Load, Oracle, Sample};
use xtask_lab::terminal::Terminal;

const POD: &str = "orders-0";
const LOAD: Load = Load::of(60);
const SOON: Duration = Duration::from_secs(30);
const END: Duration = Duration::from_secs(120);
const WARM_UP: Duration = Duration::from_secs(2);
/// How long the API server stands still: longer than a controller's lease.
const STILL: Duration = Duration::from_secs(15);
/// When the view says that it sees nothing, and when it sees again.
const SAID: Duration = Duration::from_secs(5);
const SEEN: Duration = Duration::from_secs(3);
/// The question of `C`, and a step under way: one that takes long enough to be seen, whatever the machine does. A Checkpoint may be
/// over before it is written.
const ASKED: &str = "Undo the move of orders-0?";
const AT_STAGE: &str = "> Stage";

/// To its end, and back in time; then one that is asked about and undone.
pub(super) fn a_move(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    Sample::deploy(cluster, &[])?;
    let oracle = Oracle::start(cluster, &bench.product, POD, LOAD)?;
    oracle.run_for(WARM_UP);
    watched_to_its_end(bench)?;
    undone_by_a_key(bench)?;
    let report = oracle.finish()?;
    println!("     {}", stage::summary(&report));
    exact_messages(&report)?;
    nothing_left(cluster)
}

fn watched(bench: &Bench, columns: u16, rows: u16) -> Result<Terminal> {
    let target = Sample::other_node(&bench.cluster, POD)?;
    let mut command = stage::migrate_command(&bench.cluster, &bench.product, POD, target)?;
    command.arg("--watch");
    Terminal::with(&command, columns, rows)
}

fn watched_to_its_end(bench: &Bench) -> Result<()> {
    let terminal = watched(bench, 140, 45)?;
    terminal.until("the end of the move", END, |screen| screen.contains("= EXACT"))?;
    terminal.press(&["Space"])?;
    let mut back = 0;
    while !terminal.screen()?.contains(AT_STAGE) {
        ensure!(back < 40, "no step back leads to Stage");
        let before = terminal.screen()?;
        terminal.press(&["["])?;
        terminal.until("a step back", SOON, |screen| screen != before)?;
        back += 1;
    }
    let (then, _) = terminal.until("the time of the Stage", SOON, |screen| {
        screen.contains(AT_STAGE) && !screen.contains("= EXACT")
    })?;
    terminal.press(&["."])?;
    terminal.until("one change forward", SOON, |screen| screen != then)?;
    terminal.press(&["g"])?;
    terminal.until("the end again", SOON, |screen| screen.contains("= EXACT"))?;
    terminal.press(&["q"])?;
    let (code, left) = terminal.ended(SOON)?;
    ensure!(
        code == 0 && left.contains("Exact: "),
        "the verdict is not left in the scrollback, or {code} is not 0: {left}"
    );
    println!("     to its end, {back} steps back and forward again, code {code}, the verdict stays");
    Ok(())
}

/// The node it goes to starts no pods, so that there is time for questions.
fn undone_by_a_key(bench: &Bench) -> Result<()> {
    let still = Stopped::kubelet(&bench.cluster, Sample::other_node(&bench.cluster, POD)?)?;
    let terminal = watched(bench, 80, 24)?;
    terminal.until("Stage", SOON, |screen| screen.contains(AT_STAGE))?;
    terminal.press(&["C"])?;
    terminal.until("the question", SOON, |screen| screen.contains(ASKED))?;
    terminal.press(&["Enter"])?;
    terminal.until("the question to go", SOON, |screen| !screen.contains(ASKED))?;
    let asked_to_end = stage::migration(&bench.cluster, POD)?["spec"]["cancel"] == true;
    ensure!(!asked_to_end, "Enter undid the move");
    terminal.press(&["C"])?;
    terminal.until("the question", SOON, |screen| screen.contains(ASKED))?;
    terminal.press(&["y"])?;
    terminal.until("the undo to begin", SOON, |screen| {
        screen.contains("UNDOING") || screen.contains("CANCELLED")
    })?;
    // The copy's pod ends by it.
    still.go_on();
    terminal.until("the move to be undone", END, |screen| {
        screen.contains("CANCELLED")
    })?;
    terminal.press(&["q"])?;
    let (code, left) = terminal.ended(SOON)?;
    ensure!(code == 3, "a cancelled move ends with {code}: {left}");
    println!("     asked twice, undone at y, code {code}");
    Ok(())
}

/// The picture says so within 5 s, and is true again within 3 s. The move ends as it must.
pub(super) fn a_silent_api_server(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    Sample::deploy(cluster, &[])?;
    let oracle = Oracle::start(cluster, &bench.product, POD, LOAD)?;
    oracle.run_for(WARM_UP);
    let terminal = watched(bench, 140, 45)?;
    terminal.until("the first handoff", SOON, |screen| screen.contains("handoff 1:"))?;
    let still = Stopped::api_server()?;
    let since = Instant::now();
    let (_, said) = terminal.until("the view to say that it sees nothing", SOON, |screen| {
        screen.contains("NOT SEEN")
    })?;
    ensure!(
        said <= SAID,
        "said after {said:?} that the API server is not heard"
    );
    // The length of the fault.
    std::thread::sleep(STILL.saturating_sub(since.elapsed()));
    still.go_on();
    let (_, seen) = terminal.until("the view to see again", SOON, |screen| {
        !screen.contains("NOT SEEN")
    })?;
    ensure!(seen <= SEEN, "saw again after {seen:?}");
    let object = ended(cluster, POD, END)?;
    let phase = object["status"]["phase"].as_str().unwrap_or_default();
    let (shown, wanted) = match phase {
        "Completed" => ("EXACT", 0),
        _ => ("UNDONE", 2),
    };
    terminal.until("the end of the move", SOON, |screen| screen.contains(shown))?;
    terminal.press(&["q"])?;
    let (code, left) = terminal.ended(SOON)?;
    ensure!(code == wanted, "{phase} ends with {code}: {left}");
    println!(
        "     not seen said after {:.1} s, seen again after {:.1} s; {phase}, code {code}",
        said.as_secs_f32(),
        seen.as_secs_f32()
    );
    let report = oracle.finish()?;
    println!("     {}", stage::summary(&report));
    exact_messages(&report)?;
    nothing_left(cluster)
}

/// Stopped with its key and the name of its node, then to its end.
pub(super) fn a_drain(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    let _uncordoned = Uncordoned(cluster, NODE);
    let elsewhere = cordoned(cluster, OTHER)?;
    Sample::deploy(cluster, &[])?;
    drop(elsewhere);
    let oracle = Oracle::start(cluster, &bench.product, POD, LOAD)?;
    oracle.run_for(WARM_UP);
    let mut command = bench.product.plugin(cluster)?;
    command.args(["drain", NODE, "--watch", "--pod-selector=app=orders"]);
    let still = Stopped::kubelet(cluster, OTHER)?;
    let terminal = Terminal::with(&command, 140, 45)?;
    terminal.until("a pod that moves", END, |screen| screen.contains("● MOVE"))?;
    terminal.press(&["X"])?;
    terminal.until("the question", SOON, |screen| screen.contains("Stop the drain"))?;
    terminal.press(&[NODE, "Enter"])?;
    terminal.until("the drain to be stopping", SOON, |screen| {
        ["stopping", "over"]
            .iter()
            .any(|word| screen.contains(&format!("drain {NODE}   {word}")))
    })?;
    // The copies' pods end by it.
    still.go_on();
    terminal.until("the drain to be stopped", END, |screen| {
        screen.contains(&format!("drain {NODE}   over"))
    })?;
    terminal.press(&["q"])?;
    let (code, left) = terminal.ended(END)?;
    ensure!(code == 130, "a drain that was stopped ends with {code}: {left}");
    drop(terminal);
    let terminal = Terminal::with(&command, 80, 24)?;
    terminal.until("the end of both moves", END, |screen| {
        screen.matches("EXACT").count() >= 2 && screen.contains("   over")
    })?;
    terminal.press(&["q"])?;
    let (code, left) = terminal.ended(END)?;
    ensure!(
        code == 0 && left.matches("EXACT").count() >= 2,
        "the table is not left, or {code} is not 0: {left}"
    );
    println!("     stopped by its key with code 130, then both moved");
    let report = oracle.finish()?;
    println!("     {}", stage::summary(&report));
    exact_messages(&report)?;
    nothing_left(cluster)
}
