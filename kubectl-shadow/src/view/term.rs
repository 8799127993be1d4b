//! The only place of the view that touches the terminal. Guarantee: whatever ends the program, short of SIGKILL, the terminal is
//! as it was before: cooked, on its own screen, with a cursor.

use std::io::{Stdout, Write, stdout};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crossterm::cursor::{Hide, Show};
use crossterm::execute;
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use rustix::process::{Signal, getpid, kill_process};
use tokio::signal::unix::{Signal as Signals, SignalKind, signal};

use super::background::{Ask, QUESTION};
use super::draw::draw;
use super::draw::theme::Theme;
use super::model::Model;
use crate::say;

/// The terminal is ours.
static TAKEN: AtomicBool = AtomicBool::new(false);
/// One hook, however often the terminal is taken.
static HOOK: Once = Once::new();

/// The terminal, taken. Dropping it gives it back.
pub struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
    theme: Theme,
}

impl Screen {
    /// Takes the terminal. Until it is given back, remarks of other parts of the program are kept.
    pub fn take(theme: Theme, ask: Ask) -> std::io::Result<Self> {
        HOOK.call_once(restore_at_panic);
        let terminal = Terminal::new(CrosstermBackend::new(stdout()))?;
        say::hold();
        let mut screen = Self { terminal, theme };
        screen.enter()?;
        if ask == Ask::Yes {
            let mut out = stdout().lock();
            out.write_all(QUESTION.as_bytes())?;
            out.flush()?;
        }
        Ok(screen)
    }

    /// The background is light, or dark, from the next picture on.
    pub fn is_light(&mut self, light: bool) {
        self.theme.light = light;
    }

    fn enter(&mut self) -> std::io::Result<()> {
        // Said first: a half that fails has to be undone as well.
        TAKEN.store(true, Ordering::SeqCst);
        enable_raw_mode()?;
        execute!(stdout(), EnterAlternateScreen, Hide)?;
        self.redraw()
    }

    /// Size of the terminal.
    pub fn size(&self) -> std::io::Result<(u16, u16)> {
        self.terminal.size().map(|size| (size.width, size.height))
    }

    /// Draws the model.
    pub fn draw(&mut self, model: &Model) -> std::io::Result<()> {
        if !TAKEN.load(Ordering::SeqCst) {
            return Err(std::io::Error::other("it was given back after a panic"));
        }
        let theme = self.theme;
        self.terminal.draw(|frame| draw(model, &theme, frame)).map(drop)
    }

    /// Draws everything anew at the next time. Not by `Terminal::clear`: that asks the terminal for its cursor and waits for two
    /// seconds where none answers, and the answer would be read as keys.
    pub fn redraw(&mut self) -> std::io::Result<()> {
        let size = self.terminal.size()?;
        self.terminal.resize(size.into())
    }

    /// Gives the terminal back, stops the program as Ctrl-Z does, and takes the terminal again once it is continued.
    pub fn suspend(&mut self) -> std::io::Result<()> {
        restore()?;
        kill_process(getpid(), Signal::STOP)?;
        self.enter()
    }

    /// After somebody else continued the program: the terminal may not be as we left it.
    pub fn resumed(&mut self) -> std::io::Result<()> {
        self.enter()
    }

    /// Puts a text into the clipboard, where the terminal allows it (OSC 52).
    pub fn copy(&mut self, text: &str) -> std::io::Result<()> {
        let mut out = stdout().lock();
        write!(out, "\u{1b}]52;c;{}\u{7}", STANDARD.encode(text))?;
        out.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // There is nothing left that could be done about a terminal that is gone.
        drop(restore());
        say::release();
    }
}

fn restore() -> std::io::Result<()> {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return Ok(());
    }
    let left = execute!(stdout(), LeaveAlternateScreen, Show);
    disable_raw_mode().and(left)
}

/// A panic writes its message to the screen that stays.
fn restore_at_panic() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        drop(restore());
        before(info);
    }));
}

/// What a signal wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Leave (TERM, HUP, INT).
    Leave,
    /// Stop (TSTP).
    Suspend,
    /// Go on (CONT).
    Resume,
}

/// The signals that matter to a terminal.
pub struct Wishes {
    term: Signals,
    hup: Signals,
    int: Signals,
    tstp: Signals,
    cont: Signals,
}

impl Wishes {
    /// Listens from now on.
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            hup: signal(SignalKind::hangup())?,
            int: signal(SignalKind::interrupt())?,
            tstp: signal(SignalKind::from_raw(Signal::TSTP.as_raw()))?,
            cont: signal(SignalKind::from_raw(Signal::CONT.as_raw()))?,
        })
    }

    /// The next one.
    pub async fn next(&mut self) -> Wish {
        tokio::select! {
            _ = self.term.recv() => Wish::Leave,
            _ = self.hup.recv() => Wish::Leave,
            _ = self.int.recv() => Wish::Leave,
            _ = self.tstp.recv() => Wish::Suspend,
            _ = self.cont.recv() => Wish::Resume,
        }
    }
}
