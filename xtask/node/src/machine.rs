//! The virtual machine: started, listened to, ended.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::image::Image;
use crate::qemu::Qemu;
use crate::told::Told;

/// A machine without acceleration, on two cores that others use, took 12 minutes.
const LIMIT: Duration = Duration::from_secs(40 * 60);
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// Megabytes of the machine, and for translated code: when that is full it is thrown away, and the machine stands still.
const MEMORY: &str = "2560";
const TRANSLATED: &str = "1024";
/// Nothing of the test depends on what these cost.
const KERNEL_OPTIONS: &str = "root=/dev/nvme0n1 rw console=ttyS0 mitigations=off transparent_hugepage=never tsc=nowatchdog panic=-1 \
                              systemd.show_status=0";

/// The limits of our programs are stretched by this, in every service of the machine: on two cores that others use, what takes a
/// second on a real node took ten.
const SLOW: &str = " systemd.setenv=SHADOW_EMULATED=10";

/// Runs the machine to its end.
pub(crate) fn run(
    qemu: &Qemu,
    image: &Image,
    programs: &Path,
    folder: &Path,
    tell: &mut impl FnMut(&Told),
) -> Result<()> {
    let (told, console) = (folder.join("told"), folder.join("console"));
    File::create(&told).with_context(|| format!("create {}", told.display()))?;
    let log = File::create(folder.join("qemu.log")).context("create a log for QEMU")?;
    let mut command = qemu.command();
    command.args(arguments(qemu.acceleration(), image, programs, &told, &console));
    command
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        // What it writes in addition to its disk goes into a file without a name, here.
        .env("TMPDIR", folder);
    let machine = Machine::start(command)?;
    let outcome = listen(machine, &told, tell);
    outcome.with_context(|| {
        let said = |path: &Path| last_lines(&fs::read(path).unwrap_or_default());
        format!(
            "the machine did not get to its end; its console:\n{}\nQEMU:\n{}",
            said(&console),
            said(&folder.join("qemu.log"))
        )
    })
}

fn arguments(accelerator: &str, image: &Image, programs: &Path, told: &Path, console: &Path) -> Vec<String> {
    let mut arguments: Vec<String> = Vec::new();
    let mut add = |words: &[&str]| arguments.extend(words.iter().map(|&word| word.to_owned()));
    if accelerator == "kvm" {
        add(&["-accel", "kvm", "-cpu", "host", "-smp", "2"]);
    } else {
        let tcg = format!("tcg,thread=multi,tb-size={TRANSLATED}");
        // Without checks that cost much to emulate, and without a virtualisation that nothing here uses.
        add(&[
            "-accel",
            &tcg,
            "-cpu",
            "max,la57=off,smap=off,smep=off,pku=off,svm=off",
            "-smp",
            "1",
        ]);
    }
    add(&[
        "-machine",
        // Without devices that nothing here uses: each costs a driver.
        "q35,sata=off,smbus=off,vmport=off",
        "-m",
        MEMORY,
        "-nodefaults",
        "-display",
        "none",
        "-no-reboot",
    ]);
    add(&["-nic", "none"]);
    let mut options = KERNEL_OPTIONS.to_owned();
    if accelerator == "tcg" {
        options.push_str(SLOW);
    }
    add(&["-kernel", &image.kernel.to_string_lossy(), "-append", &options]);
    add(&["-serial", &format!("file:{}", console.display())]);
    let disk = |path: &Path, id: &str, more: &str| {
        format!("file={},format=raw,if=none,id={id},{more}", path.display())
    };
    add(&["-drive", &disk(&image.disk, "root", "snapshot=on,cache=unsafe")]);
    add(&["-drive", &disk(programs, "programs", "readonly=on")]);
    // Of two kinds, since the kernel numbers disks of one kind as it finds them.
    add(&["-device", "nvme,drive=root,serial=root"]);
    add(&["-device", "virtio-blk-pci,drive=programs"]);
    add(&["-device", "virtio-rng-pci", "-device", "virtio-serial-pci"]);
    add(&["-chardev", &format!("file,id=told,path={}", told.display())]);
    add(&["-device", "virtserialport,chardev=told,name=told"]);
    arguments
}

/// Ends when dropped.
struct Machine(Child);

impl Machine {
    fn start(mut command: Command) -> Result<Self> {
        Ok(Self(command.spawn().context("start QEMU")?))
    }

    fn has_ended(&mut self) -> Result<bool> {
        Ok(self.0.try_wait().context("wait for QEMU")?.is_some())
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if self.0.try_wait().is_ok_and(|ended| ended.is_some()) {
            return;
        }
        for ended in [self.0.kill(), self.0.wait().map(drop)] {
            if let Err(error) = ended {
                eprintln!("the machine could not be ended: {error}");
            }
        }
    }
}

/// Hands on what is told until the end is told.
fn listen(mut machine: Machine, told: &Path, tell: &mut impl FnMut(&Told)) -> Result<()> {
    let begun = Instant::now();
    let mut lines = Lines::of(told)?;
    loop {
        // Asked before the last look, so that nothing it told is missed.
        let over = machine.has_ended()?;
        for line in lines.further()? {
            match Told::read(&line) {
                Some(Told::End) => return Ok(()),
                Some(told) => tell(&told),
                None => bail!("a line that is not understood: {line:?}"),
            }
        }
        if over {
            bail!("it ended without telling so");
        }
        if begun.elapsed() > LIMIT {
            bail!("it was not done after {} minutes", LIMIT.as_secs() / 60);
        }
        thread::sleep(LOOK_AGAIN);
    }
}

/// Whole lines of a file that grows.
struct Lines {
    file: File,
    read: u64,
    begun: String,
}

impl Lines {
    fn of(path: &Path) -> Result<Self> {
        Ok(Self {
            file: File::open(path).with_context(|| format!("open {}", path.display()))?,
            read: 0,
            begun: String::new(),
        })
    }

    fn further(&mut self) -> Result<Vec<String>> {
        let mut bytes = Vec::new();
        self.file.seek(SeekFrom::Start(self.read))?;
        self.read += self.file.read_to_end(&mut bytes)? as u64;
        self.begun.push_str(&String::from_utf8_lossy(&bytes));
        let mut whole = Vec::new();
        while let Some((line, rest)) = self.begun.split_once('\n') {
            whole.push(line.to_owned());
            self.begun = rest.to_owned();
        }
        Ok(whole)
    }
}

fn last_lines(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn lines_are_handed_on_when_they_are_whole() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let mut lines = Lines::of(file.path()).unwrap();
        file.write_all(b"one\ntw").unwrap();
        assert_eq!(lines.further().unwrap(), ["one"]);
        assert!(lines.further().unwrap().is_empty());
        file.write_all(b"o\nthree\n").unwrap();
        assert_eq!(lines.further().unwrap(), ["two", "three"]);
    }

    #[test]
    fn the_machine_has_no_network() {
        let image = Image {
            disk: "/d".into(),
            kernel: "/k".into(),
        };
        for accelerator in ["kvm", "tcg"] {
            let arguments = arguments(accelerator, &image, "/p".as_ref(), "/t".as_ref(), "/c".as_ref());
            let at = arguments.iter().position(|word| word == "-nic").unwrap();
            assert_eq!(arguments[at + 1], "none");
            assert!(
                arguments.iter().any(|word| word.starts_with(accelerator)),
                "{arguments:?}"
            );
        }
    }

    #[test]
    fn a_machine_that_ends_early_is_an_error_and_one_that_tells_its_end_is_not() {
        let told = tempfile::NamedTempFile::new().unwrap();
        let start = |script: &str| {
            let mut shell = Command::new("sh");
            shell.args(["-c", script]).env("TOLD", told.path());
            Machine::start(shell).unwrap()
        };
        let mut heard = Vec::new();
        let passed = r#"echo '{"told":"passed","claim":"a","atSeconds":1}' >> "$TOLD""#;
        let early = listen(start(passed), told.path(), &mut |told: &Told| {
            heard.push(told.clone())
        });
        assert!(early.unwrap_err().to_string().contains("without telling"));
        assert_eq!(heard.len(), 1);
        let whole = format!(r#"{passed}; echo '{{"told":"end"}}' >> "$TOLD"; sleep 600"#);
        listen(start(&whole), told.path(), &mut |_: &Told| {}).unwrap();
    }
}
