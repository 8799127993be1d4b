//! One stretch: the cluster with the product, and groups of moves until the time is over.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::application;
use super::engine::Engine;
use super::group::Group;
use super::plan::{Planned, under_one_oracle};
use super::row::Row;
use super::rows;
use super::{Args, Soak};
use xtask_e2e::harm::cleared;
use xtask_lab::cluster::{Addons, Cluster};
use xtask_lab::images::binaries::Profile;
use xtask_lab::stage::{Product, capture};

/// So many groups in turn that could not be run say that it is not the product.
const PATIENCE: u32 = 3;

/// Makes these moves, in their order, and writes their lines; those that are written are in `written` even if it fails.
pub(crate) fn run(
    args: &Args,
    engine: &Engine,
    moves: &[Planned],
    path: &Path,
    written: &mut Vec<Row>,
) -> Result<()> {
    let end = Instant::now() + Duration::from_secs(60 * args.minutes);
    let cluster = Cluster::up(Addons::Ready)?;
    let product = Product::build(&cluster, Profile::Release)?;
    product.install(&cluster)?;
    let soak = Soak {
        cluster: &cluster,
        product: &product,
        engine,
        seed: args.seed,
    };
    let mut rest = moves;
    let mut deployed: Option<Planned> = None;
    let mut in_vain = 0;
    while let Some(first) = rest.first() {
        // Even if everything had to be compiled first, it gets on.
        if Instant::now() >= end && !written.is_empty() {
            println!("the stretch is over; the same command goes on where it ends");
            return Ok(());
        }
        let mut group = soak.deployed(&mut deployed, first, &rest[..under_one_oracle(rest)]);
        let bad = group.is_bad();
        if bad {
            soak.keep(&mut group, &args.kept);
        }
        rows::append(path, &group.rows)?;
        let tried = group.rows.len();
        let run = group.rows.iter().any(Row::counts);
        written.extend(group.rows);
        rest = rest.get(tried..).unwrap_or_default();
        in_vain = if run { 0 } else { in_vain + 1 };
        ensure!(
            in_vain < PATIENCE,
            "{in_vain} groups in turn could not be run; the last lines of {} say why",
            path.display()
        );
        if bad {
            ensure!(
                !args.stop,
                "a group was not as it should be; it is in {}",
                args.kept.display()
            );
            cleared(&cluster).context("clear what a bad group left")?;
            first.setting.application.remove(&cluster)?;
            deployed = None;
        } else {
            forget(&cluster)?;
        }
    }
    Ok(())
}

/// Objects of moves that are over: hundreds of them would make every list long.
fn forget(cluster: &Cluster) -> Result<()> {
    let all = ["delete", "statefulmigrations", "--all", "--timeout=2m"];
    capture(cluster.kubectl(all))
        .context("delete the migrations that are over")
        .map(drop)
}

impl Soak<'_> {
    /// Deploys the application if it is another one than the last group's, and runs a group of moves.
    fn deployed(&self, last: &mut Option<Planned>, first: &Planned, moves: &[Planned]) -> Group {
        let same = last.is_some_and(|last| last.block() == first.block());
        if !same {
            let removed = last
                .take()
                .map_or(Ok(()), |last| last.setting.application.remove(self.cluster));
            if let Err(error) = removed.and_then(|()| application::deploy(self.cluster, &first.setting)) {
                return self.not_deployed(first, &error);
            }
        }
        *last = Some(*first);
        self.group(moves)
    }
}
