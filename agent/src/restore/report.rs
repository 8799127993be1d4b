//! Failures go where the container runtime looks for them: the file of `--log`, in its format; from there they reach the
//! pod's events.

use std::fs::OpenOptions;
use std::io::{self, Write};

use jiff::Timestamp;
use serde_json::json;

use super::args::Invocation;

/// Says why a call failed.
pub fn fail(call: &Invocation, message: &str) {
    let line = if call.json {
        let time = Timestamp::now().to_string();
        json!({"level": "error", "msg": format!("shadow-runc: {message}"), "time": time}).to_string()
    } else {
        format!("level=error msg={:?}", format!("shadow-runc: {message}"))
    };
    let logged = match &call.log {
        Some(path) => OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .and_then(|mut file| file.write_all(format!("{line}\n").as_bytes())),
        None => Err(io::ErrorKind::NotFound.into()),
    };
    match logged {
        Ok(()) => eprintln!("shadow-runc: {message}"),
        Err(error) => eprintln!("shadow-runc: {message} (and the log cannot be written: {error})"),
    }
}
