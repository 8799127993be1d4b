//! What CRIU's log of a dump or restore that failed has to say, in words for people where they are known.

use std::fs;
use std::path::Path;

use shadow_core::criu_words;

use super::preflight;

/// Said of a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// What stands in the way and what to do; CRIU's own words.
    pub message: String,
    /// The same comes again when it is tried again.
    pub lasts: bool,
}

/// Of a dump: its processes are still there and have names.
pub fn of_dump(log: &Path) -> Said {
    said(log, preflight::process_name)
}

/// Of a restore: the numbers of its processes are those of the node that they were dumped on.
pub fn of_restore(log: &Path) -> Said {
    said(log, |_| None)
}

fn said(log: &Path, name: impl Fn(u32) -> Option<String>) -> Said {
    let Ok(text) = fs::read(log) else {
        return Said {
            message: format!("CRIU says nothing ({} is missing)", log.display()),
            lasts: false,
        };
    };
    let text = String::from_utf8_lossy(&text);
    let Some(found) = criu_words::explain(&text) else {
        return Said {
            message: format!("CRIU says: {}", criu_words::last_errors(&text)),
            lasts: false,
        };
    };
    let of = found
        .process
        .and_then(name)
        .map(|name| format!("{name}: "))
        .unwrap_or_default();
    Said {
        message: format!("{of}{}; CRIU says: {}", found.sentence, found.line),
        lasts: !found.passes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(&file, text).unwrap();
        file
    }

    #[test]
    fn a_known_failure_names_its_process_and_says_whether_it_lasts() {
        let own = std::process::id();
        let text = format!(
            "(00.03) Error (criu/sk-unix.c:525): unix: Found a closed in-flight socket to 0x1\n\
             (00.03) Error (criu/cr-dump.c:1545): Dump files (pid: {own}) failed with -1\n"
        );
        let said = of_dump(log(&text).path());
        assert!(said.message.starts_with(&format!("process {own} (")), "{said:?}");
        assert!(
            said.message.contains("CRIU says: unix: Found a closed"),
            "{said:?}"
        );
        assert!(!said.lasts, "{said:?}");
        assert!(!of_restore(log(&text).path()).message.starts_with("process"));
        let lasting = "(00.04) Error (criu/sk-inet.c:137): inet: Unsupported proto 262 for socket 174a1\n";
        assert!(of_dump(log(lasting).path()).lasts);
    }

    #[test]
    fn an_unknown_failure_is_tried_again_and_told_in_criu_s_words() {
        let said = of_dump(log("(00.03) Error (criu/c.c:3): something new\n").path());
        assert!(
            said.message
                .contains("CRIU says: (00.03) Error (criu/c.c:3): something new"),
            "{said:?}"
        );
        assert!(!said.lasts);
        let said = of_dump(Path::new("/not/there"));
        assert!(said.message.contains("/not/there is missing"), "{said:?}");
    }
}
