//! Asks the API server: first without keeping anything, then in earnest.

use kube::Api;
use kube::api::PostParams;
use shadow_core::api::StatefulMigration;

use crate::cli::{DryRun, Migrate};
use crate::connection::Connection;
use crate::problem::Problem;

/// Asks for all of them in a dry run, where that is wanted or needed: several pods, or warnings that count. The answer, if nothing is to
/// be begun; an error, if one of them is refused.
pub(super) async fn first(
    connection: &Connection,
    args: &Migrate,
    wanted: &[StatefulMigration],
) -> Result<Option<Vec<StatefulMigration>>, Problem> {
    let is_all = args.dry_run == Some(DryRun::Server);
    if !is_all && !args.warnings_as_errors && wanted.len() < 2 {
        return Ok(None);
    }
    let (mut answered, mut refused) = (Vec::new(), Vec::new());
    for one in wanted {
        let dry = PostParams {
            dry_run: true,
            ..PostParams::default()
        };
        match api(connection).create(&dry, one).await {
            Ok(answer) => answered.push(answer),
            Err(error) => {
                let is_refusal = matches!(error, kube::Error::Api(_));
                let problem = Problem::from(error);
                if !is_refusal || matches!(problem, Problem::NotInstalled) {
                    return Err(problem.before());
                }
                refused.push((one.spec.source_pod.as_str(), problem));
            }
        }
    }
    if !refused.is_empty() {
        return Err(told(&refused, wanted.len()));
    }
    let warnings = connection.warnings.count();
    if args.warnings_as_errors && warnings > 0 {
        return Err(Problem::Refused(format!(
            "nothing was begun: the cluster warns of {warnings} {}, and --warnings-as-errors was given",
            if warnings == 1 { "thing" } else { "things" }
        )));
    }
    Ok(is_all.then_some(answered))
}

/// Each refusal with its pod, where there are several.
fn told(refused: &[(&str, Problem)], of: usize) -> Problem {
    let named = |(pod, problem): &(&str, Problem)| {
        let name = if of > 1 { format!("{pod}: ") } else { String::new() };
        let lines = problem
            .lines()
            .into_iter()
            .map(move |line| format!("{name}{line}"));
        lines.collect::<Vec<String>>()
    };
    let mut lines: Vec<String> = refused.iter().flat_map(named).collect();
    if of > 1 {
        let are = if refused.len() == 1 { "is" } else { "are" };
        lines.push(format!(
            "nothing was begun: {} of {of} pods {are} refused. To move the others, name them alone",
            refused.len()
        ));
    }
    Problem::Answer(lines)
}

/// Creates it.
pub(super) async fn create(
    connection: &Connection,
    wanted: &StatefulMigration,
) -> Result<StatefulMigration, Problem> {
    let created = api(connection).create(&PostParams::default(), wanted).await;
    created.map_err(|error| {
        Problem::of_change(error, &format!("kubectl shadow list -n {}", connection.namespace))
    })
}

fn api(connection: &Connection) -> Api<StatefulMigration> {
    Api::namespaced(connection.client.clone(), &connection.namespace)
}
