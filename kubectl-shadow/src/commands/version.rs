//! `kubectl shadow version`: of this plugin, of what runs in the cluster, and whether they fit.

use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use shadow_core::names;

use crate::cli::{Version, VersionFormat};
use crate::connection::Connection;
use crate::ending::Ending;
use crate::output::Format;
use crate::problem::Problem;
use crate::render::version::{Found, Part, Plugin, Versions, lines, tag};
use crate::say;

/// Label of all our pods.
const OURS: &str = "app.kubernetes.io/part-of=kubectl-shadow";
const PART: &str = "app.kubernetes.io/name";

/// Of this plugin alone: no file is read, and nothing is asked.
pub(super) fn client(args: &Version) -> Result<Ending, Problem> {
    print(
        args,
        &Versions {
            plugin: Plugin::this(),
            server: None,
        },
    )
}

/// Runs the command.
pub(super) async fn run(connection: &Connection, args: &Version) -> Result<Ending, Problem> {
    let server = Found {
        kubernetes: connection.client.apiserver_version().await?.git_version,
        api: api(connection).await?,
        parts: parts(connection).await?,
    };
    print(
        args,
        &Versions {
            plugin: Plugin::this(),
            server: Some(server),
        },
    )
}

fn print(args: &Version, versions: &Versions) -> Result<Ending, Problem> {
    let printed = match args.output {
        Some(VersionFormat::Json) => Format::Json.object(versions)?,
        Some(VersionFormat::Yaml) => Format::Yaml.object(versions)?,
        None => None,
    };
    printed
        .unwrap_or_else(|| lines(versions))
        .iter()
        .for_each(|line| say::line(line));
    Ok(Ending::Done)
}

/// The versions in which the API server serves our kinds; every user may ask for that.
async fn api(connection: &Connection) -> Result<Vec<String>, Problem> {
    let groups = connection.client.list_api_groups().await?.groups;
    let ours = groups.into_iter().find(|group| group.name == names::GROUP);
    let versions = ours.into_iter().flat_map(|group| group.versions);
    Ok(versions.map(|version| version.group_version).collect())
}

/// What runs, by its pods; none if that may not be seen.
async fn parts(connection: &Connection) -> Result<Option<Vec<Part>>, Problem> {
    let pods: Api<Pod> = Api::namespaced(connection.client.clone(), names::SYSTEM_NAMESPACE);
    let all = match pods.list(&ListParams::default().labels(OURS)).await {
        Ok(all) => all.items,
        Err(kube::Error::Api(status)) if status.code == 403 => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mut parts: Vec<Part> = Vec::new();
    for pod in &all {
        let name = pod.labels().get(PART).cloned().unwrap_or_default();
        let image = pod
            .spec
            .as_ref()
            .and_then(|spec| spec.containers.first()?.image.clone());
        let image = image.unwrap_or_default();
        match parts
            .iter_mut()
            .find(|part| part.name == name && part.image == image)
        {
            Some(part) => part.pods += 1,
            None => parts.push(Part {
                name,
                version: tag(&image),
                image,
                pods: 1,
            }),
        }
    }
    parts.sort_by(|one, other| (&one.name, &one.image).cmp(&(&other.name, &other.image)));
    Ok(Some(parts))
}
