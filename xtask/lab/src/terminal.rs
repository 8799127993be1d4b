//! A real terminal with a program in it: tmux, a server of its own for each, so that nothing of the user's is touched.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::cluster::{Layout, install_package, wait_for};

/// Runs a program between two looks at the modes of the terminal, and says how it ended.
const FRAMED: &str = r#"echo "before $(stty -g)"; "$@"; code=$?; echo "after $(stty -g)"; echo "code $code""#;
static OPENED: AtomicU32 = AtomicU32::new(0);

/// It is closed, and what runs in it is ended, when this is dropped.
pub struct Terminal {
    folder: PathBuf,
}

impl Terminal {
    /// Opens one of so many columns and rows.
    pub fn with(program: &Command, columns: u16, rows: u16) -> Result<Self> {
        install_package(&Layout::from_env()?, "tmux", "tmux", "-V")?;
        let number = OPENED.fetch_add(1, Ordering::Relaxed);
        let name = format!("shadow-terminal-{}-{number}", std::process::id());
        let terminal = Self {
            folder: std::env::temp_dir().join(name),
        };
        fs::create_dir(&terminal.folder).with_context(|| format!("create {}", terminal.folder.display()))?;
        let mut tmux = terminal.tmux();
        tmux.args([
            "start-server",
            ";",
            "set-option",
            "-g",
            "remain-on-exit",
            "on",
            ";",
        ]);
        tmux.args(["set-option", "-s", "escape-time", "0", ";", "new-session", "-d"]);
        tmux.args(["-x", &columns.to_string(), "-y", &rows.to_string()]);
        tmux.args(["bash", "--norc", "-c", FRAMED, "bash", "env"]);
        for (name, value) in program.get_envs() {
            let mut set = name.to_owned();
            set.push("=");
            set.push(value.unwrap_or_default());
            tmux.arg(set);
        }
        tmux.arg(program.get_program()).args(program.get_args());
        ran(tmux)?;
        Ok(terminal)
    }

    fn tmux(&self) -> Command {
        let mut tmux = Command::new("tmux");
        tmux.arg("-S").arg(self.folder.join("socket"));
        tmux.args(["-f", "/dev/null"]).env_remove("TMUX");
        tmux
    }

    /// What it shows now.
    pub fn screen(&self) -> Result<String> {
        let mut tmux = self.tmux();
        // Lines that were wrapped are joined again.
        tmux.args(["capture-pane", "-p", "-J"]);
        let output = ran(tmux)?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Presses keys, as tmux names them: `q`, `Space`, `Enter`, `Escape`.
    pub fn press(&self, keys: &[&str]) -> Result<()> {
        let mut tmux = self.tmux();
        tmux.arg("send-keys").args(keys);
        ran(tmux).map(drop)
    }

    /// Waits until the screen is as asked, and returns it with the time that this took. On failure the error shows the screen.
    pub fn until(
        &self,
        what: &str,
        limit: Duration,
        is_so: impl Fn(&str) -> bool,
    ) -> Result<(String, Duration)> {
        let begun = Instant::now();
        let found = wait_for(what, limit, || {
            let screen = self.screen()?;
            Ok(is_so(&screen).then_some(screen))
        });
        match found {
            Ok(screen) => Ok((screen, begun.elapsed())),
            Err(error) => {
                let screen = self.screen()?;
                bail!("{error}. The terminal shows:\n{}", shown(&screen)?)
            }
        }
    }

    /// Waits until the program has ended; its exit code, and what the terminal shows then. An error if it left the terminal in
    /// other modes than before.
    pub fn ended(&self, limit: Duration) -> Result<(i32, String)> {
        let (screen, _) = self.until("the program to end", limit, |screen| {
            screen.lines().any(|line| line.starts_with("code "))
        })?;
        let said = |word: &str| {
            let found = screen.lines().rev().find_map(|line| line.strip_prefix(word));
            found.map(|text| text.trim().to_owned())
        };
        let after = said("after ").context("the modes of the terminal are not shown")?;
        // The first line may have been pushed out.
        if let Some(before) = said("before ") {
            ensure!(
                before == after,
                "the terminal was {before}, and is left as {after}"
            );
        }
        let code = said("code ").context("the exit code is not shown")?;
        Ok((code.parse().context("read the exit code")?, screen))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let mut tmux = self.tmux();
        if let Err(error) = ran_with(tmux.arg("kill-server")) {
            eprintln!("a terminal cannot be closed: {error}");
        }
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            eprintln!("{} stays: {error}", self.folder.display());
        }
    }
}

fn ran(mut command: Command) -> Result<Output> {
    ran_with(&mut command)
}

fn ran_with(command: &mut Command) -> Result<Output> {
    let output = command.output().context("run tmux")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{command:?} ended with {}: {said}",
        output.status
    );
    Ok(output)
}

/// The lines that are not empty.
fn shown(screen: &str) -> Result<String> {
    let mut text = String::new();
    for line in screen.lines().filter(|line| !line.trim().is_empty()) {
        writeln!(text, "       {line}")?;
    }
    Ok(text)
}
