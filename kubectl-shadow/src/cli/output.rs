//! `-o`, as every command has it.

use clap::Args;

use crate::output::Format;

/// `-o`.
#[derive(Args, Clone, Debug, Default)]
pub struct Output {
    /// How to print it: wide, name, json, yaml, jsonpath=TEMPLATE [default: text]
    #[arg(short = 'o', long = "output", value_parser = Format::parse, value_name = "FORMAT")]
    pub format: Option<Format>,
}
