//! Which cluster, as which user: the flags of kubectl that every command has. A short help (`-h`) names the three that most people
//! need, so that a command's own flags are seen on one page. `--help` names all of them, and `-h` says so.

use std::path::PathBuf;

use clap::Args;

use super::time::{Limit, limit};
use super::watch::{Background, Colour, Looks};

/// Where they stand in a help.
const CONNECTION: &str = "Connection";

/// Which cluster, which namespace, as which user.
#[derive(Args, Clone, Debug)]
pub struct Place {
    /// Namespace [default: that of the context]
    #[arg(short, long, global = true, help_heading = CONNECTION)]
    pub namespace: Option<String>,
    /// Context of the kubeconfig
    #[arg(long, global = true, help_heading = CONNECTION)]
    pub context: Option<String>,
    /// Kubeconfig file [default: as kubectl]
    #[arg(long, global = true, value_name = "FILE", help_heading = CONNECTION)]
    pub kubeconfig: Option<PathBuf>,
    /// Cluster of the kubeconfig
    #[arg(long, global = true, help_heading = CONNECTION, hide_short_help = true)]
    pub cluster: Option<String>,
    /// User of the kubeconfig
    #[arg(long, global = true, help_heading = CONNECTION, hide_short_help = true)]
    pub user: Option<String>,
    /// Address of the API server
    #[arg(short, long, global = true, value_name = "URL", help_heading = CONNECTION, hide_short_help = true)]
    pub server: Option<String>,
    /// Bearer token for the API server; no credential plugin is run then
    #[arg(long, global = true, help_heading = CONNECTION, hide_short_help = true)]
    pub token: Option<String>,
    /// File with the certificate to log in with (PEM)
    #[arg(long, global = true, value_name = "FILE", help_heading = CONNECTION, hide_short_help = true)]
    pub client_certificate: Option<PathBuf>,
    /// File with the private key of that certificate (PEM)
    #[arg(long, global = true, value_name = "FILE", help_heading = CONNECTION, hide_short_help = true)]
    pub client_key: Option<PathBuf>,
    /// User to act as
    #[arg(long = "as", global = true, value_name = "USER", help_heading = CONNECTION, hide_short_help = true)]
    pub as_user: Option<String>,
    /// Group to act as; can be given several times
    #[arg(long, global = true, value_name = "GROUP", help_heading = CONNECTION, hide_short_help = true)]
    pub as_group: Vec<String>,
    /// UID to act as
    #[arg(long, global = true, value_name = "UID", help_heading = CONNECTION, hide_short_help = true)]
    pub as_uid: Option<String>,
    /// More about the user to act as; can be given several times
    #[arg(
        long,
        global = true,
        value_parser = pair,
        value_name = "KEY=VALUE",
        help_heading = CONNECTION,
        hide_short_help = true
    )]
    pub as_user_extra: Vec<(String, String)>,
    /// How long one request may take, such as 2s; 0 for no limit. Watches go on [default: 10s for reading]
    #[arg(long, global = true, value_parser = limit, value_name = "TIME", help_heading = CONNECTION, hide_short_help = true)]
    pub request_timeout: Option<Limit>,
    /// File with the certificate authority of the API server
    #[arg(long, global = true, value_name = "FILE", help_heading = CONNECTION, hide_short_help = true)]
    pub certificate_authority: Option<PathBuf>,
    /// Do not check the certificate of the API server: anyone on the way could read and change all
    #[arg(
        long,
        global = true,
        help_heading = CONNECTION,
        hide_short_help = true,
        conflicts_with = "certificate_authority"
    )]
    pub insecure_skip_tls_verify: bool,
    /// Name to expect in the certificate of the API server [default: that of its address]
    #[arg(long, global = true, value_name = "NAME", help_heading = CONNECTION, hide_short_help = true)]
    pub tls_server_name: Option<String>,
    /// Preferences of kubectl, whose policy on credential plugins counts here, too [default: as kubectl]
    #[arg(long, global = true, value_name = "FILE", help_heading = CONNECTION, hide_short_help = true)]
    pub kuberc: Option<PathBuf>,
    /// Use colours in lists and in the live view [auto: on a terminal, unless NO_COLOR is set]
    #[arg(
        long,
        global = true,
        default_value = "auto",
        value_name = "WHEN",
        hide_short_help = true
    )]
    pub color: Colour,
    /// Choose colours for a light or a dark background [auto: as the terminal says, else COLORFGBG]
    #[arg(
        long,
        global = true,
        default_value = "auto",
        value_name = "WHICH",
        hide_short_help = true
    )]
    pub background: Background,
}

impl Place {
    /// How the terminal is written to.
    pub fn looks(&self) -> Looks {
        Looks {
            colour: self.color,
            background: self.background,
        }
    }
}

/// `KEY=VALUE`. What is said of a wrong one stands behind the option and the text, which clap names.
fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        Some(_) | None => Err("give a key and a value, such as scopes=view".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_may_hold_what_parts_it_from_its_key() {
        assert_eq!(pair("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert_eq!(pair("a="), Ok(("a".to_owned(), String::new())));
        assert!(pair("a").is_err() && pair("=b").is_err());
    }
}
