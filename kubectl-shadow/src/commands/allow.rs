//! `kubectl shadow allow`: lets the controller read one broker Secret.

use crate::cli::Allow;
use crate::connection::Connection;
use crate::ending::Ending;
use crate::problem::Problem;
use crate::say;

/// Runs the command.
pub(super) async fn run(connection: &Connection, args: &Allow) -> Result<Ending, Problem> {
    grant(connection, &connection.namespace, &args.secret).await?;
    Ok(Ending::Done)
}

/// Grants and says so, and how to take it back.
pub(super) async fn grant(connection: &Connection, namespace: &str, secret: &str) -> Result<(), Problem> {
    shadow_deploy::allow(&connection.client, namespace, secret).await?;
    let role = shadow_core::names::broker_role(secret);
    say::line(&format!(
        "the controller may read Secret {namespace}/{secret}. To take that back, type: kubectl -n {namespace} delete \
         role,rolebinding {role}"
    ));
    Ok(())
}
