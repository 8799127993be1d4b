//! Removes migrations that ended long ago: after their own time, plans, and history beyond its limit. What goes is decided by
//! `shadow_core::keeping`, from objects that are held already; the deletion names the very state that it was decided on.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use shadow_core::keeping::{self, History};

use crate::context::Context;
use crate::store;

const EVERY: Duration = Duration::from_secs(5);
/// Each of some hundreds may take as long as the API server is waited for.
const SILENT: Duration = Duration::from_mins(20);

/// Removes them as long as the process leads. Never returns.
pub async fn sweep(ctx: &Context, history: History) {
    loop {
        ctx.part.pulse.beat("the sweep of ended migrations", SILENT);
        tokio::time::sleep(EVERY).await;
        if ctx.line.is_complete() {
            once(ctx, history).await;
        }
    }
}

/// One that cannot be deleted keeps no other.
async fn once(ctx: &Context, history: History) {
    let all = ctx.line.all();
    for migration in keeping::outlived(&all, history, Timestamp::now()) {
        let (name, namespace) = (migration.name_any(), migration.namespace());
        match store::delete(&store::api(ctx, migration), migration).await {
            Ok(true) => tracing::info!(name, namespace, "ended long enough ago; deleted"),
            Ok(false) => tracing::debug!(name, namespace, "changed or deleted meanwhile"),
            Err(error) => tracing::warn!(name, namespace, %error, "not deleted; tried again"),
        }
    }
}
