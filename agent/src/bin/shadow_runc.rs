//! `shadow-runc`: stands in for runc under the RuntimeClass `shadow`; started under the name `criu`, it is the CRIU of our
//! dumps and restores.
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use shadow_agent::node::our_criu;
use shadow_agent::restore;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    let program = arguments.next().unwrap_or_default();
    let arguments: Vec<OsString> = arguments.collect();
    if Path::new(&program)
        .file_name()
        .is_some_and(|name| name == our_criu::NAME)
    {
        ExitCode::from(our_criu::main(&arguments))
    } else {
        ExitCode::from(restore::main(arguments))
    }
}
