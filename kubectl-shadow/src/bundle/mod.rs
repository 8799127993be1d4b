//! An archive for a bug report: what the cluster holds of our objects and parts, without secrets.
//!
//! - [`gather`]: asks the cluster; what may not be read is kept as such
//! - [`redact`]: takes secrets out, pure
//! - [`manifest`]: says what is in it, what was taken out, what could not be read, pure
//! - [`archive`]: writes it
//!
//! Guarantee: Secrets and ConfigMaps are not read; nothing is written that [`redact`] has not seen.

pub mod archive;
pub mod gather;
pub mod manifest;
pub mod redact;

use serde_json::Value;

use redact::Known;

/// Everything that was gathered.
#[derive(Clone, Debug, Default)]
pub struct Gathered {
    /// Files to be.
    pub items: Vec<Item>,
    /// What could not be read, and why.
    pub unread: Vec<(String, String)>,
}

/// A file to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Path in the archive.
    pub path: String,
    /// What stands in it.
    pub body: Body,
}

/// What stands in a file.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// Objects, written as YAML.
    Objects(Vec<Value>),
    /// Lines.
    Text(String),
}

/// A file of the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Path in the archive.
    pub path: String,
    /// What stands in it.
    pub text: String,
}

impl Gathered {
    /// Keeps objects; nothing if there are none.
    pub fn objects(&mut self, path: impl Into<String>, objects: Vec<Value>) {
        if !objects.is_empty() {
            self.items.push(Item {
                path: path.into(),
                body: Body::Objects(objects),
            });
        }
    }

    /// Keeps lines; nothing if there are none.
    pub fn text(&mut self, path: impl Into<String>, text: String) {
        if !text.is_empty() {
            self.items.push(Item {
                path: path.into(),
                body: Body::Text(text),
            });
        }
    }

    /// The files, without secrets. What one object tells of a password is taken out of all of them.
    pub fn files(&self, made: &manifest::Made) -> Result<Vec<File>, serde_yaml_ng::Error> {
        let mut known = Known::default();
        for item in &self.items {
            match &item.body {
                Body::Objects(objects) => objects.iter().for_each(|object| known.learn(object)),
                Body::Text(text) => known.learn_text(text),
            }
        }
        let mut files = Vec::new();
        for item in &self.items {
            let text = match &item.body {
                Body::Text(text) => known.text(text),
                Body::Objects(objects) => yaml(&known, objects)?,
            };
            files.push(File {
                path: known.text(&item.path),
                text,
            });
        }
        files.sort_by(|one, other| one.path.cmp(&other.path));
        let unread: Vec<(String, String)> = self
            .unread
            .iter()
            .map(|(what, why)| (known.text(what), known.text(why)))
            .collect();
        let text = manifest::text(made, &files, &unread, known.len());
        files.insert(
            0,
            File {
                path: manifest::NAME.to_owned(),
                text,
            },
        );
        Ok(files)
    }
}

fn yaml(known: &Known, objects: &[Value]) -> Result<String, serde_yaml_ng::Error> {
    let mut out = String::new();
    for object in objects {
        out.push_str("---\n");
        out.push_str(&serde_yaml_ng::to_string(&known.object(object.clone()))?);
    }
    Ok(out)
}
