//! What the API server warns of while it accepts something (`Warning` headers, code 299): admission's word on what is asked.
//! The client library throws it away, and kubectl shows it.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use http::Response;
use http::header::WARNING;
use kube::client::{ClientBuilder, DynBody};
use kube::{Client, Config};
use tower::util::{MapFutureLayer, MapResponseLayer};

use crate::connection::Reach;
use crate::say;
use crate::silence::Silence;

/// What was warned of so far, each thing once. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Warnings(Arc<Mutex<HashSet<String>>>);

impl Warnings {
    /// How many.
    pub fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether it is new.
    fn add(&self, text: &str) -> bool {
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shown.insert(text.to_owned())
    }
}

/// A client that shows each warning once, and a silence of the API server.
pub(crate) fn client(config: Config, reach: Reach, warnings: &Warnings) -> kube::Result<Client> {
    let silence = Silence::watched(config.cluster_url.to_string().trim_end_matches('/').to_owned());
    let listen = move |asked| Arc::clone(&silence).of(asked);
    let warnings = warnings.clone();
    let show = move |response: Response<Box<DynBody>>| {
        for value in response.headers().get_all(WARNING) {
            for text in value.to_str().into_iter().flat_map(texts) {
                if warnings.add(&text) {
                    say::remark(&format!("warning: {text}"));
                }
            }
        }
        response
    };
    Ok(ClientBuilder::try_from(config)?
        .with_layer(&MapResponseLayer::new(show))
        .with_layer(&MapFutureLayer::new(listen))
        .with_layer(&reach.layer())
        .build())
}

/// The texts of one header: `299 - "text"`, several separated by commas, quotes within a text escaped (RFC 9111, 5.5).
fn texts(header: &str) -> Vec<String> {
    let (mut texts, mut text, mut escaped) = (Vec::new(), None::<String>, false);
    for c in header.chars() {
        match (&mut text, c) {
            (Some(text), c) if escaped => {
                text.push(c);
                escaped = false;
            }
            (Some(_), '\\') => escaped = true,
            (Some(_), '"') => texts.extend(text.take()),
            (Some(text), c) => text.push(c),
            (None, '"') => text = Some(String::new()),
            (None, _) => {}
        }
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::texts;

    #[test]
    fn a_header_holds_one_text_or_several() {
        assert_eq!(
            texts(r#"299 - "spec.a: \"b\" has no effect""#),
            [r#"spec.a: "b" has no effect"#]
        );
        assert_eq!(
            texts(r#"299 - "one, with a comma", 299 - "two""#),
            ["one, with a comma", "two"]
        );
        assert_eq!(texts("299 - unquoted"), Vec::<String>::new());
    }
}
