//! Which archives there are, where they lie, and where their images go.

use std::path::{Path, PathBuf};

use oci_client::Reference;
use shadow_core::repository::Repository;

use super::archive::{Archive, ArchiveError};
use crate::problem::Problem;

/// An image for each; the manifests name them so.
pub const PARTS: [&str; 3] = ["controller", "webhook", "agent"];
/// Where they lie in a release, beside the program.
const FOLDER: &str = "images";

/// The folder that was named; else the one beside the program, or the one here.
pub fn folder(named: Option<&Path>) -> PathBuf {
    let program = std::env::current_exe().and_then(std::fs::canonicalize).ok();
    let beside = program.and_then(|program| Some(program.parent()?.join(FOLDER)));
    match (named, beside) {
        (Some(named), _) => named.to_owned(),
        (None, Some(beside)) if beside.is_dir() => beside,
        (None, _) => PathBuf::from(FOLDER),
    }
}

/// All archives of a folder, each with the part that it is of.
pub fn archives(folder: &Path) -> Result<Vec<(&'static str, Archive)>, ArchiveError> {
    let opened =
        PARTS.map(|part| Archive::open(&folder.join(format!("{part}.tar"))).map(|archive| (part, archive)));
    opened.into_iter().collect()
}

/// A registry, a folder in it if any, and a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// `host[:port][/path]`.
    pub registry: String,
    /// Tag of all images.
    pub tag: String,
}

impl Place {
    /// Checked: nothing in it leads elsewhere.
    pub fn new(registry: &str, tag: &str) -> Result<Self, Problem> {
        let registry = registry.trim_end_matches('/');
        let place = Self {
            registry: registry.to_owned(),
            tag: tag.to_owned(),
        };
        place.repository("agent").map_err(|_| {
            Problem::Refused(format!(
                "{registry:?} is not a registry: give host[:port][/path] in small letters and without https://, such as \
                 ghcr.io/me or 10.0.0.5:5000"
            ))
        })?;
        if !is_tag(tag) {
            return Err(Problem::Refused(format!(
                "{tag:?} is not a tag: use letters, digits and . _ - only, such as v1"
            )));
        }
        Ok(place)
    }

    /// Where the image of a part goes.
    pub fn repository(&self, part: &str) -> Result<Repository, Problem> {
        let parsed = Repository::parse(&format!("{}/{part}", self.registry));
        parsed.map_err(|error| Problem::Refused(error.to_string()))
    }

    /// The name of its image.
    pub fn image(&self, part: &str) -> Result<Reference, Problem> {
        let repository = self.repository(part)?;
        let path = repository.path().to_owned();
        Ok(Reference::with_tag(
            repository.authority(),
            path,
            self.tag.clone(),
        ))
    }
}

/// As the distribution specification has it.
fn is_tag(text: &str) -> bool {
    let lawful = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    begins && text.len() <= 128 && text.chars().all(lawful)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_named_by_registry_part_and_tag() {
        for (registry, wanted) in [
            ("ghcr.io/me", "ghcr.io/me/agent:v1"),
            ("10.0.0.5:5000/", "10.0.0.5:5000/agent:v1"),
            ("[::1]:5000/a/b", "[::1]:5000/a/b/agent:v1"),
        ] {
            let image = Place::new(registry, "v1").unwrap().image("agent").unwrap();
            assert_eq!(image.whole(), wanted);
        }
    }

    #[test]
    fn what_is_no_registry_or_tag_is_told_with_one_that_is() {
        for (registry, tag, wanted) in [
            ("https://ghcr.io/me", "v1", "ghcr.io/me"),
            ("ghcr.io/Me", "v1", "small letters"),
            ("", "v1", "ghcr.io/me"),
            ("u@ghcr.io/me", "v1", "ghcr.io/me"),
            ("ghcr.io/me", "", "such as v1"),
            ("ghcr.io/me", "a/b", "such as v1"),
            ("ghcr.io/me", "-a", "such as v1"),
        ] {
            let problem = Place::new(registry, tag).unwrap_err().to_string();
            assert!(problem.contains(wanted), "{problem}");
        }
    }

    #[test]
    fn a_folder_that_was_named_is_taken() {
        assert_eq!(folder(Some(Path::new("/x"))), Path::new("/x"));
    }
}
