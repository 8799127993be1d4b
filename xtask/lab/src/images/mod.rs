//! `cargo xtask images`: images of our parts and samples, built without a container engine.
//!
//! A layer is a deterministic archive (`layer`), an image names layers and how to run them (`image`);
//! it is written as a file that loads anywhere (`archive`) and pushed to a registry (`skopeo`).

mod archive;
pub mod binaries;
mod blob;
mod checkpoint;
mod clients;
mod digest;
mod foreign;
mod image;
mod layer;
mod parts;
mod skopeo;

use crate::cluster::{Cluster, size, step};
use anyhow::{Context, Result};
use binaries::Profile;
pub use checkpoint::push as push_checkpoint;
use image::Image;
use parts::{PARTS, Part};
use skopeo::Pushed;
use std::path::{Path, PathBuf};

/// The registry as the nodes reach it; it is part of every image's name.
const REGISTRY: &str = "10.100.0.1:5000";

/// Where tools put images that are in no registry.
const NO_REGISTRY: &str = "localhost";

/// Arguments of `cargo xtask images`.
#[derive(clap::Args)]
pub struct Args {
    /// Push the images to the registry of the running local cluster.
    #[arg(long)]
    push: bool,
    /// Only these parts: controller, webhook, agent, orders.
    parts: Vec<String>,
}

/// Runs the command.
pub fn run(args: Args) -> Result<()> {
    let cluster = if args.push { Some(Cluster::open()?) } else { None };
    build(&args.parts, cluster.as_ref(), Profile::Release)
}

/// Builds and pushes the images of our parts and of the sample.
pub fn push_parts(cluster: &Cluster, profile: Profile) -> Result<()> {
    build(&[], Some(cluster), profile)
}

/// Writes the images of our parts into a folder, for a release: with a tag, and without a registry. Their archives.
pub fn archives(folder: &Path, tag: &str, profile: Profile) -> Result<Vec<PathBuf>> {
    let ours: Vec<&Part> = PARTS.iter().filter(|part| part.is_ours()).collect();
    let images = parts::images(&ours, profile)?;
    let written = images
        .iter()
        .map(|image| archive::write(image, NO_REGISTRY, tag, folder));
    written.collect()
}

/// Writes the pause image into a folder, for a node without a registry: `localhost/pause:1`.
pub fn pause_archive(folder: &Path) -> Result<PathBuf> {
    archive::write(&foreign::pause()?, NO_REGISTRY, "1", folder)
}

/// Writes the image of one program, compiled from one source file, into a folder: `localhost/NAME:1`. Any user may write in
/// its `/tmp`.
pub fn single_archive(name: &'static str, source: &str, folder: &Path) -> Result<PathBuf> {
    archive::write(
        &foreign::single(name, source, &["tmp"])?,
        NO_REGISTRY,
        "1",
        folder,
    )
}

/// Pushes the images of what the cluster runs besides our parts.
pub fn push_foreign(cluster: &Cluster) -> Result<()> {
    for (name, build) in [
        (
            "image pause",
            Box::new(foreign::pause) as Box<dyn Fn() -> Result<Image>>,
        ),
        ("image coredns", Box::new(|| foreign::coredns(&cluster.coredns()))),
        ("image rabbitmq", Box::new(foreign::rabbitmq)),
    ] {
        let pushing = step(name);
        let image = build().with_context(|| name.to_owned())?;
        pushing.done(outcome(&image, &skopeo::push(&image, cluster)?));
    }
    Ok(())
}

/// Pushes the image of the ordinary clients. Only what runs them asks for it: its packages take two minutes to unpack, once.
pub fn push_clients(cluster: &Cluster) -> Result<()> {
    let pushing = step("image clients");
    let image = clients::image().context("image clients")?;
    pushing.done(outcome(&image, &skopeo::push(&image, cluster)?));
    Ok(())
}

fn build(names: &[String], cluster: Option<&Cluster>, profile: Profile) -> Result<()> {
    let chosen = chosen(names)?;
    let building = step("static programs");
    building.doing(format!("profile {}", profile.name()));
    let images = parts::images(&chosen, profile)?;
    building.done(format!("{} images", images.len()));
    for image in images {
        let writing = step(&format!("image {}", image.name()));
        match cluster {
            Some(cluster) => writing.done(outcome(&image, &skopeo::push(&image, cluster)?)),
            None => {
                let archive = archive::write(&image, REGISTRY, image.tag, &folder())?;
                writing.done(format!("{} in {}", size(image.size()), archive.display()));
            }
        }
    }
    Ok(())
}

/// Where images are written as files.
fn folder() -> PathBuf {
    binaries::workspace().join("target/images")
}

fn chosen(names: &[String]) -> Result<Vec<&'static Part>> {
    if names.is_empty() {
        return Ok(PARTS.iter().collect());
    }
    let found = names.iter().map(|name| {
        let known = || PARTS.iter().map(Part::name).collect::<Vec<_>>().join(", ");
        PARTS
            .iter()
            .find(|part| part.name() == name)
            .with_context(|| format!("no part {name:?}; there are {}", known()))
    });
    found.collect()
}

fn outcome(image: &Image, pushed: &Pushed) -> String {
    match pushed {
        Pushed::Present => format!("{}, in the registry already", size(image.size())),
        Pushed::Sent => format!("{}, sent", size(image.size())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_chosen_by_name_and_unknown_ones_are_named_back() {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        assert_eq!(chosen(&[]).unwrap().len(), PARTS.len());
        assert_eq!(chosen(&names(&["agent"])).unwrap()[0].name(), "agent");
        let error = chosen(&names(&["agnt"])).err().unwrap().to_string();
        assert_eq!(
            error,
            "no part \"agnt\"; there are controller, webhook, agent, orders"
        );
    }
}
