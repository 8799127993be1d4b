//! The texts of one source file.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::visit::{self, Visit};

/// Macros whose texts go to a log or to whoever reads a crash, and to no user.
const NOT_FOR_USERS: [&str; 14] = [
    "trace",
    "debug",
    "info",
    "warn",
    "error",
    "event",
    "info_span",
    "assert",
    "assert_eq",
    "assert_ne",
    "debug_assert",
    "debug_assert_eq",
    "unreachable",
    "panic",
];

/// Attributes whose texts are for developers.
const NOT_SAID: [&str; 9] = [
    "doc",
    "expect",
    "allow",
    "cfg",
    "cfg_attr",
    "derive",
    "serde",
    "must_use",
    "instrument",
];

/// The texts of a file, in their order, without those of its tests.
pub(super) fn texts(source: &str) -> syn::Result<Vec<String>> {
    let mut texts = Texts::default();
    texts.visit_file(&syn::parse_file(source)?);
    Ok(texts.found)
}

/// Names of the modules that a file declares for tests alone, and that lie in files of their own.
pub(super) fn test_modules(file: &syn::File) -> impl Iterator<Item = String> {
    file.items.iter().filter_map(|item| {
        let syn::Item::Mod(module) = item else {
            return None;
        };
        let apart = module.content.is_none() && is_test(&module.attrs);
        apart.then(|| module.ident.to_string())
    })
}

/// Gathers texts.
#[derive(Default)]
pub(in crate::check) struct Texts {
    pub(in crate::check) found: Vec<String>,
}

impl Texts {
    /// Macros take tokens: a text is a text in them, too.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Ident(name) if NOT_FOR_USERS.contains(&name.to_string().as_str()) => {
                    let is_call = matches!(tokens.peek(), Some(TokenTree::Punct(p)) if p.as_char() == '!');
                    if is_call {
                        // The `!`, and what it is called with.
                        tokens.next();
                        tokens.next();
                    }
                }
                TokenTree::Literal(literal) => {
                    if let syn::Lit::Str(text) = syn::Lit::new(literal) {
                        self.found.push(text.value());
                    }
                }
                TokenTree::Group(group)
                    if group.delimiter() == Delimiter::Bracket && is_attribute(&group) => {}
                TokenTree::Group(group) => self.tokens(group.stream()),
                TokenTree::Ident(_) | TokenTree::Punct(_) => {}
            }
        }
    }
}

/// `#[doc = "…"]` as tokens, which a comment in a macro becomes.
fn is_attribute(group: &proc_macro2::Group) -> bool {
    matches!(group.stream().into_iter().next(), Some(TokenTree::Ident(name)) if NOT_SAID.contains(&name.to_string().as_str()))
}

impl<'ast> Visit<'ast> for Texts {
    fn visit_lit_str(&mut self, text: &'ast syn::LitStr) {
        self.found.push(text.value());
    }

    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        let name = called.path.segments.last().map(|last| last.ident.to_string());
        if !name.is_some_and(|name| NOT_FOR_USERS.contains(&name.as_str())) {
            self.tokens(called.tokens.clone());
        }
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        if NOT_SAID.iter().any(|name| attribute.path().is_ident(name)) {
            return;
        }
        if let syn::Meta::List(list) = &attribute.meta {
            self.tokens(list.tokens.clone());
        }
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !is_test(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        if !is_test(&item.attrs) {
            visit::visit_item_fn(self, item);
        }
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        if !is_test(&item.attrs) {
            visit::visit_item_impl(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if !is_test(&item.attrs) {
            visit::visit_impl_item_fn(self, item);
        }
    }
}

/// `#[cfg(test)]`, also as one of several conditions.
pub(in crate::check) fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let syn::Meta::List(list) = &attribute.meta else {
            return false;
        };
        let all = list.tokens.to_string();
        let test = ["any (test", "all (test"]
            .iter()
            .any(|begin| all.starts_with(begin));
        attribute.path().is_ident("cfg") && (all == "test" || test)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = r#"
        //! A comment.
        #[derive(Error)]
        enum Wrong {
            /// Another comment.
            #[error("pod {0} is gone; make another")]
            Gone(String),
        }
        #[expect(dead_code, reason = "for developers")]
        const FIRST: &str = "a first text";
        fn says() {
            info!("a log line");
            tokio::select! { _ = one => error!("another log line"), _ = two => bail!("a text in a macro") }
            println!("{}", format!("a text \
                in two lines"));
            let bytes = b"bytes are none";
            assert!(true, "an assertion is none");
        }
        #[cfg(test)]
        mod tests {
            const LAST: &str = "a text of a test";
        }
        #[cfg(test)]
        mod elsewhere;
    "#;

    #[test]
    fn texts_are_found_wherever_they_stand_and_logs_comments_and_tests_are_none() {
        let found = texts(SOURCE).unwrap();
        let said: Vec<&str> = found
            .iter()
            .map(String::as_str)
            .filter(|text| text.contains(' '))
            .collect();
        assert_eq!(
            said,
            [
                "pod {0} is gone; make another",
                "a first text",
                "a text in a macro",
                "a text in two lines"
            ]
        );
        let file = syn::parse_file(SOURCE).unwrap();
        assert_eq!(test_modules(&file).collect::<Vec<_>>(), ["elsewhere"]);
    }
}
