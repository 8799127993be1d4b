//! The report as one HTML file. Guarantee: it asks for nothing from outside (its own policy forbids it), runs no script, and what the
//! cluster wrote is text in it.

mod head;
mod messages;
pub(in crate::report) mod parts;
mod proof;
mod steps;

use super::pictures::Picture;
use super::story::{Origin, OriginKind, Story};
use parts::{escaped, list};

const STYLE: &str = "\
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:82rem;padding:0 1rem;color:#1b1f24;background:#fff}
h1{font-size:1.6rem;margin:0}h2{font-size:1.15rem;margin:2rem 0 .5rem}
p{margin:.3rem 0}.lead{font-size:1.1rem}.state{font-weight:bold}.bad{color:#a40e26;font-weight:bold}.dim{color:#57606a}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.2rem .6rem;border-bottom:1px solid #d0d7de;vertical-align:top}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.track{position:relative;height:.9rem;min-width:10rem;background:#eef1f4}
.bar{position:absolute;top:0;bottom:0;background:#0969da;min-width:2px}
figure{margin:1rem 0}figcaption{color:#57606a}svg{max-width:100%;height:auto}
@media(prefers-color-scheme:dark){body{color:#d7dae0;background:#16181d}th,td{border-color:#3d444d}.track{background:#2a2f37}
.bar{background:#6cb6ff}.bad{color:#ff7b72}.dim,figcaption{color:#9198a1}}
";
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// The file.
pub fn page(story: &Story, pictures: &[Picture]) -> String {
    let mut out = head::head(story);
    pictures.iter().for_each(|picture| out.push_str(&figure(picture)));
    out.push_str(&steps::steps(story));
    story
        .handoffs
        .iter()
        .for_each(|one| out.push_str(&messages::handoff(one)));
    out.push_str(&messages::messages(story));
    out.push_str(&proof::proof(story));
    out.push_str(&proof::told(story));
    out.push_str(&list("What is left", &story.left));
    out.push_str(&list("Not seen", &story.unseen));
    out.push_str(&origin(&story.plugin, &story.seen));
    document(&format!("Move of {}: {}", story.pod, story.outcome.state), &out)
}

/// A whole file around what its body holds.
pub(super) fn document(title: &str, body: &str) -> String {
    let title = escaped(title);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         {body}</body>\n</html>\n"
    )
}

pub(super) fn figure(picture: &Picture) -> String {
    format!(
        "<figure>\n{}<figcaption>{}</figcaption>\n</figure>\n",
        picture.svg,
        escaped(&picture.title)
    )
}

pub(super) fn origin(plugin: &str, seen: &Origin) -> String {
    let place = match seen.kind {
        OriginKind::Cluster => format!("the cluster of context {}", seen.name),
        OriginKind::Recording => format!("recording {}", seen.name),
    };
    let invented = if seen.invented {
        ", which was made up for a test"
    } else {
        ""
    };
    format!(
        "<p class=\"dim\">Made by kubectl shadow {} from {}{invented}. User names, passwords and environments were taken out.</p>\n",
        escaped(plugin),
        escaped(&place)
    )
}
