//! Where refusals are made, and what they say.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Delimiter, TokenTree};
use syn::visit::{self, Visit};

use super::super::messages::collect::{self, is_test};

/// How far functions and variables are followed.
const DEPTH: usize = 4;

/// A refusal.
pub(super) struct Site {
    pub(super) file: String,
    /// All texts of it.
    pub(super) said: Vec<String>,
}

/// The refusals of a crate: the second arguments of `refuse` and `Cause::new`, and the texts of errors.
pub(super) fn of(files: &[(String, syn::File)]) -> Vec<Site> {
    let mut names = Names::default();
    for (file, parsed) in files {
        names.file = file.clone();
        names.visit_file(parsed);
    }
    let mut found = Vec::new();
    for (file, parsed) in files {
        let mut finder = Finder {
            names: &names,
            file,
            body: None,
            found: &mut found,
        };
        finder.visit_file(parsed);
    }
    found
}

/// What functions and constants of the crate say, by their names.
#[derive(Default)]
struct Names<'a> {
    file: String,
    /// By file and name.
    here: BTreeMap<(String, String), Vec<Source<'a>>>,
}

/// Tokens whose texts count.
#[derive(Clone, Copy)]
enum Source<'a> {
    Block(&'a syn::Block),
    Value(&'a syn::Expr),
}

impl<'a> Names<'a> {
    fn keep(&mut self, name: &syn::Ident, source: Source<'a>) {
        let key = (self.file.clone(), name.to_string());
        self.here.entry(key).or_default().push(source);
    }

    /// Those of the file; else the only one of the crate, for what is no variable.
    fn of(&self, file: &str, name: &str, is_called: bool) -> Vec<Source<'a>> {
        if let Some(found) = self.here.get(&(file.to_owned(), name.to_owned())) {
            return found.clone();
        }
        if !is_called && name.chars().any(char::is_lowercase) {
            return Vec::new();
        }
        let elsewhere: Vec<Source<'a>> = self
            .here
            .iter()
            .filter(|((_, one), _)| one == name)
            .flat_map(|(_, sources)| sources.iter().copied())
            .collect();
        if elsewhere.len() == 1 {
            elsewhere
        } else {
            Vec::new()
        }
    }
}

impl<'ast> Visit<'ast> for Names<'ast> {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !is_test(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.keep(&item.sig.ident, Source::Block(&item.block));
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.keep(&item.sig.ident, Source::Block(&item.block));
    }

    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        self.keep(&item.ident, Source::Value(&item.expr));
    }
}

struct Finder<'a> {
    names: &'a Names<'a>,
    file: &'a str,
    /// The function that is looked at: its variables are followed.
    body: Option<&'a syn::Block>,
    found: &'a mut Vec<Site>,
}

impl Finder<'_> {
    fn keep(&mut self, message: &syn::Expr) {
        let mut said = Said {
            names: self.names,
            file: self.file,
            body: self.body,
            texts: Vec::new(),
            followed: BTreeSet::new(),
        };
        said.expression(message, DEPTH);
        // What comes from elsewhere as a whole is looked at where it is made.
        if said.texts.join(" ").split_whitespace().count() > 2 {
            self.found.push(Site {
                file: self.file.to_owned(),
                said: said.texts,
            });
        }
    }
}

impl<'ast> Visit<'ast> for Finder<'ast> {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !is_test(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.body = Some(&item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.body = Some(&item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        if call.method == "refuse"
            && let Some(message) = call.args.iter().nth(1)
        {
            self.keep(message);
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
        let is_cause = matches!(&*call.func, syn::Expr::Path(path) if is_path(&path.path, ["Cause", "new"]));
        if is_cause && let Some(message) = call.args.iter().nth(1) {
            self.keep(message);
        }
        visit::visit_expr_call(self, call);
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        if !attribute.path().is_ident("error") {
            return;
        }
        if let Ok(text) = attribute.parse_args::<syn::LitStr>() {
            self.keep(&syn::Expr::Lit(syn::ExprLit {
                attrs: Vec::new(),
                lit: syn::Lit::Str(text),
            }));
        }
    }
}

fn is_path(path: &syn::Path, wanted: [&str; 2]) -> bool {
    let last: Vec<String> = path
        .segments
        .iter()
        .rev()
        .take(2)
        .map(|part| part.ident.to_string())
        .collect();
    last.iter().rev().map(String::as_str).eq(wanted)
}

/// Gathers what an expression says.
struct Said<'a> {
    names: &'a Names<'a>,
    file: &'a str,
    body: Option<&'a syn::Block>,
    texts: Vec<String>,
    followed: BTreeSet<String>,
}

impl Said<'_> {
    fn expression(&mut self, expression: &syn::Expr, depth: usize) {
        let mut own = collect::Texts::default();
        own.visit_expr(expression);
        let mut words = Words::default();
        words.visit_expr(expression);
        self.take(own.found, words.0, depth);
    }

    fn block(&mut self, block: &syn::Block, depth: usize) {
        let mut own = collect::Texts::default();
        own.visit_block(block);
        let mut words = Words::default();
        words.visit_block(block);
        self.take(own.found, words.0, depth);
    }

    fn take(&mut self, texts: Vec<String>, mut names: BTreeMap<String, bool>, depth: usize) {
        for name in texts.iter().flat_map(|text| put_in(text)) {
            names.entry(name).or_default();
        }
        self.texts.extend(texts);
        if depth == 0 {
            return;
        }
        for (name, is_called) in names {
            if !self.followed.insert(name.clone()) {
                continue;
            }
            if let Some(body) = self.body {
                let mut lets = Lets {
                    name: &name,
                    found: Vec::new(),
                };
                lets.visit_block(body);
                for value in lets.found {
                    self.expression(value, depth - 1);
                }
            }
            for source in self.names.of(self.file, &name, is_called) {
                match source {
                    Source::Block(block) => self.block(block, depth - 1),
                    Source::Value(value) => self.expression(value, depth - 1),
                }
            }
        }
    }
}

/// Names that stand in the braces of a text.
fn put_in(text: &str) -> Vec<String> {
    let parts = text.split('{').skip(1);
    let name = |part: &str| part.split(['}', ':']).next().unwrap_or_default().to_owned();
    parts.map(name).filter(|name| !name.is_empty()).collect()
}

/// Names that an expression uses, and whether they are called: variables, constants, functions and methods; in macros as well.
#[derive(Default)]
struct Words(BTreeMap<String, bool>);

impl<'ast> Visit<'ast> for Words {
    fn visit_ident(&mut self, ident: &'ast syn::Ident) {
        self.0.entry(ident.to_string()).or_default();
    }

    fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
        if let syn::Expr::Path(path) = &*call.func
            && let Some(last) = path.path.segments.last()
        {
            self.0.insert(last.ident.to_string(), true);
        }
        visit::visit_expr_call(self, call);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        self.0.insert(call.method.to_string(), true);
        visit::visit_expr_method_call(self, call);
    }

    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        self.tokens(called.tokens.clone());
    }
}

impl Words {
    fn tokens(&mut self, tokens: proc_macro2::TokenStream) {
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Ident(ident) => {
                    let next = tokens.peek();
                    let is_called = matches!(next, Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis);
                    *self.0.entry(ident.to_string()).or_default() |= is_called;
                }
                TokenTree::Group(group) => self.tokens(group.stream()),
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }
}

/// What a variable of this name was given.
struct Lets<'n, 'a> {
    name: &'n str,
    found: Vec<&'a syn::Expr>,
}

impl<'ast> Visit<'ast> for Lets<'_, 'ast> {
    fn visit_local(&mut self, local: &'ast syn::Local) {
        let mut names = Words::default();
        names.visit_pat(&local.pat);
        if names.0.contains_key(self.name)
            && let Some(init) = &local.init
        {
            self.found.push(&init.expr);
        }
        visit::visit_local(self, local);
    }
}
