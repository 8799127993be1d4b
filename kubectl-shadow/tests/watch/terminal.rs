//! A pseudo terminal with a program in it.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcgetattr, tcsetwinsize};

const PATIENCE: Duration = Duration::from_secs(20);
/// To the other screen, and back.
pub(crate) const ENTER: &str = "\u{1b}[?1049h";
pub(crate) const LEAVE: &str = "\u{1b}[?1049l";

pub(crate) struct Terminal {
    child: Child,
    master: File,
    /// The other end stays open: what was written last can be read after the program has ended.
    _slave: File,
    seen: Arc<Mutex<Vec<u8>>>,
    before: String,
}

impl Terminal {
    pub(crate) fn with(program: Command) -> Self {
        Self::sized(program, 80, 24)
    }

    pub(crate) fn sized(mut program: Command, columns: u16, rows: u16) -> Self {
        let master: OwnedFd = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let slave = File::options()
            .read(true)
            .write(true)
            .open(name.to_str().unwrap())
            .unwrap();
        let size = Winsize {
            ws_row: rows,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&master, size).unwrap();
        let before = modes(&slave);
        let end = || slave.try_clone().unwrap();
        let child = program.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        let master = File::from(master);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (mut reader, sink) = (master.try_clone().unwrap(), Arc::clone(&seen));
        std::thread::spawn(move || {
            let mut part = [0; 4096];
            while let Ok(length) = reader.read(&mut part) {
                sink.lock().unwrap().extend_from_slice(&part[..length]);
            }
        });
        Self {
            child,
            master,
            _slave: slave,
            seen,
            before,
        }
    }

    /// All that was written so far.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.seen.lock().unwrap()).into_owned()
    }

    /// The rows that the cursor was put to.
    pub(crate) fn rows(&self) -> BTreeSet<u16> {
        let text = self.text();
        let places = text.split("\u{1b}[").filter_map(|part| part.split_once('H'));
        let row = |(place, _): (&str, &str)| {
            let (row, column) = place.split_once(';')?;
            column.parse::<u16>().ok()?;
            row.parse().ok()
        };
        places.filter_map(row).collect()
    }

    /// Waits until this was written so often.
    pub(crate) fn wait_for(&self, text: &str, times: usize) {
        self.until(&format!("{text} {times} times"), || {
            self.text().matches(text).count() >= times
        });
    }

    fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        let begun = Instant::now();
        while !is_so() {
            assert!(
                begun.elapsed() < PATIENCE,
                "{what} did not come: {:?}",
                self.text()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn press(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).unwrap();
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// The terminal has another size from now on.
    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        let size = Winsize {
            ws_row: rows,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&self.master, size).unwrap();
        self.signal(Signal::WINCH);
    }

    /// Waits until the program stands still, as after Ctrl-Z.
    pub(crate) fn wait_for_stop(&self) {
        let file = format!("/proc/{}/stat", self.child.id());
        self.until("the stop", || {
            std::fs::read_to_string(&file).unwrap().contains(") T ")
        });
    }

    pub(crate) fn is_as_before(&self) -> bool {
        modes(&self._slave) == self.before
    }

    /// Bytes that were sent to the program and that it has not read.
    pub(crate) fn unread(&self) -> u64 {
        rustix::io::ioctl_fionread(&self._slave).unwrap()
    }

    /// Waits for the end: the exit code, and what was written after the screen was left.
    pub(crate) fn ended(&mut self) -> (Option<i32>, String) {
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(begun.elapsed() < PATIENCE, "it does not end: {:?}", self.text());
            std::thread::sleep(Duration::from_millis(20));
        };
        std::thread::sleep(Duration::from_millis(100));
        let text = self.text();
        let after = text.rsplit(LEAVE).next().unwrap_or_default().to_owned();
        (status.code(), after)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // One that has ended cannot be killed, and that is well.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn modes(terminal: &File) -> String {
    let all = tcgetattr(terminal).unwrap();
    format!(
        "{:?} {:?} {:?} {:?}",
        all.input_modes, all.output_modes, all.control_modes, all.local_modes
    )
}
