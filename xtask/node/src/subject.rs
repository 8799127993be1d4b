//! What the node test dumps and restores: a process with a child, a pipe and an open file, which tells every half second what
//! it sees of its surroundings. Compiled by itself, with the standard library only, into the image `subject`.
//!
//! A line is `sees`, then `name=value` after tabs; lines of a value are parted by `|`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

const EVERY: Duration = Duration::from_millis(500);
const OPEN_FILE: &str = "/tmp/counted";
/// Lines of `/proc/self/status` that say what the process may do.
const RIGHTS: [&str; 11] = [
    "Uid",
    "Gid",
    "Groups",
    "CapInh",
    "CapPrm",
    "CapEff",
    "CapBnd",
    "CapAmb",
    "NoNewPrivs",
    "Seccomp",
    "Seccomp_filters",
];
/// Files whose whole content is told.
const FILES: [(&str, &str); 10] = [
    ("apparmor", "/proc/self/attr/apparmor/current"),
    ("cgroup", "/proc/self/cgroup"),
    ("cpu.max", "/sys/fs/cgroup/cpu.max"),
    ("cpu.weight", "/sys/fs/cgroup/cpu.weight"),
    ("hostname", "/proc/sys/kernel/hostname"),
    ("memory.max", "/sys/fs/cgroup/memory.max"),
    ("memory.swap.max", "/sys/fs/cgroup/memory.swap.max"),
    ("oom_score_adj", "/proc/self/oom_score_adj"),
    ("pids.max", "/sys/fs/cgroup/pids.max"),
    ("processes", "/sys/fs/cgroup/cgroup.procs"),
];
/// What is hidden from a container: whether it can be read all the same is told.
const HIDDEN: [&str; 6] = [
    "/proc/kcore",
    "/proc/keys",
    "/proc/timer_list",
    "/proc/sched_debug",
    "/proc/acpi",
    "/sys/firmware",
];

fn main() -> io::Result<()> {
    if std::env::args().nth(1).as_deref() == Some("child") {
        return child();
    }
    let begun = Instant::now();
    let mut talk = Talk::begin()?;
    let mut counted = OpenOptions::new()
        .create(true)
        .truncate(true)
        .read(true)
        .write(true)
        .open(OPEN_FILE)?;
    // Memory that has to come back as it was.
    let memory: Vec<u64> = (0..512 * 1024)
        .map(|n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15))
        .collect();
    let sum = total(&memory);
    for count in 0_u64.. {
        let mut line = vec![
            ("count", count.to_string()),
            ("alive", begun.elapsed().as_millis().to_string()),
            ("memory", (total(&memory) == sum).to_string()),
            ("child", talk.answers(count).to_string()),
            ("file", counts(&mut counted, count).to_string()),
        ];
        line.extend(surroundings());
        let told: String = line
            .iter()
            .map(|(name, value)| format!("\t{name}={value}"))
            .collect();
        println!("sees{told}");
        sleep(EVERY);
    }
    Ok(())
}

fn total(memory: &[u64]) -> u64 {
    memory.iter().fold(0, |sum: u64, word| sum.rotate_left(1) ^ word)
}

/// Writes a count at the place that the file is open at, and reads it back.
fn counts(file: &mut File, count: u64) -> bool {
    let mut back = [0; 8];
    let tried = file
        .write_all(&count.to_le_bytes())
        .and_then(|()| file.seek(SeekFrom::Current(-8)))
        .and_then(|_| file.read_exact(&mut back));
    tried.is_ok() && back == count.to_le_bytes()
}

/// A child that says back what it is told.
struct Talk {
    _child: Child,
    to: ChildStdin,
    from: ChildStdout,
}

impl Talk {
    fn begin() -> io::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("child")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (to, from) = (child.stdin.take(), child.stdout.take());
        match to.zip(from) {
            Some((to, from)) => Ok(Self {
                _child: child,
                to,
                from,
            }),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    fn answers(&mut self, count: u64) -> bool {
        let mut back = [0; 8];
        let told = self.to.write_all(&count.to_le_bytes());
        told.and_then(|()| self.from.read_exact(&mut back)).is_ok() && back == count.to_le_bytes()
    }
}

fn child() -> io::Result<()> {
    let mut word = [0; 8];
    loop {
        io::stdin().read_exact(&mut word)?;
        let mut out = io::stdout();
        out.write_all(&word)?;
        out.flush()?;
    }
}

fn surroundings() -> Vec<(&'static str, String)> {
    let status = text("/proc/self/status");
    let mut told: Vec<(&str, String)> = RIGHTS
        .into_iter()
        .map(|name| (name, line_of(&status, name)))
        .collect();
    told.extend(FILES.map(|(name, path)| (name, text(path))));
    told.push(("cgroup files", names("/sys/fs/cgroup").join(" ")));
    told.push(("interfaces", names("/sys/class/net").join(" ")));
    let is_process = |name: &String| name.bytes().all(|byte| byte.is_ascii_digit());
    let processes: Vec<String> = names("/proc").into_iter().filter(is_process).collect();
    told.push(("proc", processes.join(" ")));
    told.push((
        "hidden",
        HIDDEN.map(|path| format!("{path} {}", shows(path))).join("|"),
    ));
    told.push(("devices", devices()));
    told.push(("uses devices", uses_devices().to_string()));
    told
}

fn text(path: &str) -> String {
    match fs::read_to_string(path) {
        Ok(text) => text
            .trim_end_matches(['\n', '\0'])
            .replace('\n', "|")
            .replace('\t', " "),
        Err(error) => format!("({:?})", error.kind()),
    }
}

fn line_of(status: &str, name: &str) -> String {
    let line = status
        .split('|')
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or("(missing)").trim().to_owned()
}

fn names(folder: &str) -> Vec<String> {
    let Ok(listing) = fs::read_dir(folder) else {
        return vec!["(missing)".to_owned()];
    };
    let mut names: Vec<String> = listing
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// `nothing` for what is not there, cannot be read, or is empty.
fn shows(path: &str) -> &'static str {
    let is_something = match fs::read_dir(path) {
        Ok(mut listing) => listing.next().is_some(),
        Err(_) => File::open(path).is_ok_and(|mut file| file.read(&mut [0]).is_ok_and(|read| read > 0)),
    };
    if is_something { "something" } else { "nothing" }
}

fn devices() -> String {
    let described = names("/dev").into_iter().map(|name| {
        let Ok(found) = fs::symlink_metadata(format!("/dev/{name}")) else {
            return format!("{name} (missing)");
        };
        let kind = found.file_type();
        let number = if kind.is_char_device() || kind.is_block_device() {
            found.rdev()
        } else {
            0
        };
        format!("{name} {:o} {number}", found.mode())
    });
    described.collect::<Vec<_>>().join("|")
}

fn uses_devices() -> bool {
    let mut bytes = [1; 4];
    let zero = File::open("/dev/zero").and_then(|mut file| file.read_exact(&mut bytes));
    let random = File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut [0; 4]));
    let null = OpenOptions::new()
        .write(true)
        .open("/dev/null")
        .and_then(|mut file| file.write_all(b"x"));
    let full = OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .and_then(|mut file| file.write_all(b"x"));
    zero.is_ok()
        && bytes == [0; 4]
        && random.is_ok()
        && null.is_ok()
        && full.is_err_and(|error| error.kind() == io::ErrorKind::StorageFull)
}
