//! `kubectl shadow pause` and `resume`: whether new moves may begin. And the line about it that other commands print.

use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use kube::{Api, ResourceExt};
use shadow_core::api::{Pause, PauseSpec, pause};
use shadow_core::pause::{Paused, RESUME, line};

use crate::cli::{Pause as Wanted, Resume};
use crate::connection::Connection;
use crate::ending::Ending;
use crate::problem::Problem;
use crate::say;

const MANAGER: &str = "kubectl-shadow";
/// To see what became of it.
const SEE: &str = "kubectl get pauses";

/// Runs `pause`.
pub(super) async fn run(connection: &Connection, args: &Wanted) -> Result<Ending, Problem> {
    let api: Api<Pause> = Api::all(connection.client.clone());
    let before = api.get_opt(pause::ONLY).await.map_err(Problem::from)?;
    let spec = PauseSpec {
        reason: args.reason.clone(),
        by: user(connection).await,
        let_evictions_through: args.let_evictions_through,
    };
    if let Some(before) = before.filter(|before| is_same(&before.spec, &spec)) {
        say::line(&format!("nothing was changed: {}", line(&Paused::from(before))));
        return Ok(Ending::Done);
    }
    let params = PatchParams {
        dry_run: args.dry_run,
        ..PatchParams::apply(MANAGER).force()
    };
    let applied = api
        .patch(
            pause::ONLY,
            &params,
            &Patch::Apply(&Pause::new(pause::ONLY, spec)),
        )
        .await
        .map_err(|error| Problem::of_change(error, SEE))?;
    say::line(&line(&Paused::from(applied)));
    say::line(evictions(args.let_evictions_through));
    done(args.dry_run)
}

fn evictions(through: bool) -> &'static str {
    if through {
        "evictions of pods that opted in go through as ever, and the pods lose their memory"
    } else {
        "evictions of pods that opted in wait. To let them through, add --let-evictions-through"
    }
}

/// A pause that is there already is not changed.
fn is_same(one: &PauseSpec, other: &PauseSpec) -> bool {
    one.reason == other.reason && one.let_evictions_through == other.let_evictions_through
}

fn done(dry_run: bool) -> Result<Ending, Problem> {
    if dry_run {
        say::line("nothing was done (--dry-run)");
    }
    Ok(Ending::Done)
}

/// Runs `resume`.
pub(super) async fn resume(connection: &Connection, args: &Resume) -> Result<Ending, Problem> {
    let api: Api<Pause> = Api::all(connection.client.clone());
    let Some(before) = api.get_opt(pause::ONLY).await.map_err(Problem::from)? else {
        say::line("nothing was changed: moves are not paused");
        return Ok(Ending::Done);
    };
    let params = DeleteParams {
        dry_run: args.dry_run,
        // A pause that another user makes at this moment has a reason that was not seen here.
        preconditions: Some(Preconditions {
            uid: before.uid(),
            resource_version: before.resource_version(),
        }),
        ..DeleteParams::default()
    };
    match api.delete(pause::ONLY, &params).await {
        Ok(_) => {}
        Err(kube::Error::Api(status)) if status.code == 404 => {}
        Err(kube::Error::Api(status)) if status.code == 409 => {
            return Err(Problem::Refused(format!(
                "somebody has changed the pause at this moment, and it still holds. To see it, type: {SEE}. To end it, type: {RESUME}"
            )));
        }
        Err(error) => return Err(Problem::of_change(error, SEE)),
    }
    say::line(&format!(
        "moves may begin again. Until now {}",
        Paused::from(before)
    ));
    done(args.dry_run)
}

/// Says to somebody who looks at moves that they are paused. What cannot be seen is said, too.
pub(super) async fn remark(connection: &Connection) {
    let api: Api<Pause> = Api::all(connection.client.clone());
    match api.get_opt(pause::ONLY).await {
        Ok(None) => {}
        Ok(Some(pause)) => say::remark(&line(&pause.into())),
        Err(error) => {
            let why = Problem::from(error).lines().join("; ");
            say::remark(&format!("it cannot be seen whether moves are paused: {why}"));
        }
    }
}

/// The name of the user, as the API server knows it, where it tells it.
async fn user(connection: &Connection) -> Option<String> {
    let api: Api<SelfSubjectReview> = Api::all(connection.client.clone());
    let asked = api
        .create(&PostParams::default(), &SelfSubjectReview::default())
        .await;
    match asked {
        Ok(review) => {
            let name = review.status?.user_info?.username?;
            Some(name.chars().take(pause::NAME).collect())
        }
        Err(error) => {
            let why = Problem::from(error).lines().join("; ");
            say::remark(&format!("the pause does not name you: {why}"));
            None
        }
    }
}
