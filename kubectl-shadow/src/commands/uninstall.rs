//! `kubectl shadow uninstall`. Guarantee: without `--force` nothing is removed while a migration is under way
//! or a pod depends on the runtime handler; the nodes are as they were before the installation.

use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::{Namespace, Pod, PodSpec};
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use kube::runtime::{conditions, wait::await_condition};
use kube::{Api, Client, ResourceExt};
use serde_json::json;
use shadow_core::api::StatefulMigration;
use shadow_core::names;
use shadow_deploy::{Dialling, Settings, answer, broker_access, delete, manifests};

use crate::cli::Uninstall;
use crate::commands::node_removal;
use crate::connection::Connection;
use crate::ending::Ending;
use crate::problem::Problem;
use crate::say;

const WEBHOOKS: [&str; 2] = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"];
const DEFINITION: &str = "CustomResourceDefinition";

/// Runs the command.
pub(super) async fn run(connection: &Connection, args: &Uninstall) -> Result<Ending, Problem> {
    let client = &connection.client;
    let reasons = reasons_to_stay(client).await?;
    if !reasons.is_empty() && !args.force {
        reasons.iter().for_each(|reason| say::problem(reason));
        return Err(Problem::Refused(
            "nothing was removed. To remove it nevertheless, add --force".to_owned(),
        ));
    }
    let named = Settings {
        registry: "any".to_owned(),
        tag: "any".to_owned(),
        plain_http_registries: Vec::new(),
        dialling: Dialling::default(),
        pull_secret: None,
        runtime_handler: true,
    };
    let objects = manifests(&named)?;
    let kind = |object: &DynamicObject| object.types.as_ref().map(|t| t.kind.clone()).unwrap_or_default();
    let told = |object: &str| say::line(&format!("deleted {object}"));

    // First what other requests depend on, so that nothing is refused while the rest goes.
    let (webhooks, rest): (Vec<_>, Vec<_>) = objects
        .into_iter()
        .partition(|object| WEBHOOKS.contains(&kind(object).as_str()));
    let (definition, rest): (Vec<_>, Vec<_>) =
        rest.into_iter().partition(|object| kind(object) == DEFINITION);
    delete(client, &webhooks, told).await?;
    remove_rewrite_rules(client).await?;

    let (daemon, rest): (Vec<_>, Vec<_>) = rest.into_iter().partition(|object| kind(object) == "DaemonSet");
    let agent = agent(client).await?;
    delete(client, &daemon, told).await?;
    node_removal::agents_gone(client, args.timeout).await?;
    let mut clean = true;
    match agent {
        Some(agent) => clean = node_removal::on_every_node(client, &agent, args.timeout).await?,
        None => say::remark("no agent is installed, so the nodes stay as they are"),
    }
    delete(client, &rest, told).await?;
    take_back_grants(client).await?;
    node_removal::remove_marks(client).await?;
    if args.purge {
        release_migrations(client).await?;
        delete(client, &definition, told).await?;
    }
    gone(client, args).await?;
    Ok(if clean { Ending::Done } else { Ending::Unknown })
}

/// Migrations under way, and pods whose containers could not be restarted without our runtime handler.
async fn reasons_to_stay(client: &Client) -> Result<Vec<String>, Problem> {
    let mut reasons = Vec::new();
    for migration in all_migrations(client).await? {
        if !migration
            .status
            .as_ref()
            .is_some_and(|status| status.phase.is_terminal())
        {
            reasons.push(format!(
                "migration {}/{} is under way. Wait for its end, or type: kubectl shadow cancel {1} -n {0}",
                migration.namespace().unwrap_or_default(),
                migration.name_any()
            ));
        }
    }
    let pods: Api<Pod> = Api::all(client.clone());
    for pod in pods.list(&ListParams::default()).await? {
        let class = pod
            .spec
            .as_ref()
            .and_then(|spec| spec.runtime_class_name.as_deref());
        if class == Some(names::RUNTIME_CLASS) {
            reasons.push(format!(
                "pod {}/{} was moved and runs under the runtime handler shadow. To restart it first, type: kubectl -n {0} \
                 delete pod {1}",
                pod.namespace().unwrap_or_default(),
                pod.name_any()
            ));
        }
    }
    Ok(reasons)
}

async fn all_migrations(client: &Client) -> Result<Vec<StatefulMigration>, Problem> {
    let migrations: Api<StatefulMigration> = Api::all(client.clone());
    match migrations
        .list(&ListParams::default())
        .await
        .map_err(Problem::from)
    {
        Ok(list) => Ok(list.items),
        Err(Problem::NotInstalled) => Ok(Vec::new()),
        Err(problem) => Err(problem),
    }
}

/// Rules that an interrupted migration may have left.
async fn remove_rewrite_rules(client: &Client) -> Result<(), Problem> {
    let rules: Api<MutatingWebhookConfiguration> = Api::all(client.clone());
    let ours = names::rewrite_rule("");
    for rule in rules.list(&ListParams::default()).await? {
        let name = rule.name_any();
        if name.starts_with(&ours) {
            rules.delete(&name, &DeleteParams::default()).await?;
            say::line(&format!("deleted MutatingWebhookConfiguration {name}"));
        }
    }
    Ok(())
}

/// What `kubectl shadow allow` gave, in every namespace.
async fn take_back_grants(client: &Client) -> Result<(), Problem> {
    let ours = ListParams::default().labels(broker_access::SELECTOR);
    let all: Api<RoleBinding> = Api::all(client.clone());
    for binding in all.list(&ours).await? {
        let (namespace, name) = (binding.namespace().unwrap_or_default(), binding.name_any());
        let bindings: Api<RoleBinding> = Api::namespaced(client.clone(), &namespace);
        let roles: Api<Role> = Api::namespaced(client.clone(), &namespace);
        bindings.delete(&name, &DeleteParams::default()).await?;
        if roles.get_opt(&name).await?.is_some() {
            roles.delete(&name, &DeleteParams::default()).await?;
        }
        say::line(&format!("deleted Role and RoleBinding {namespace}/{name}"));
    }
    Ok(())
}

/// What an agent runs, and with what it is pulled.
async fn agent(client: &Client) -> Result<Option<node_removal::Agent>, Problem> {
    let daemons: Api<DaemonSet> = Api::namespaced(client.clone(), names::SYSTEM_NAMESPACE);
    let daemon = daemons.get_opt("shadow-agent").await?;
    let spec = daemon
        .and_then(|daemon| daemon.spec)
        .and_then(|spec| spec.template.spec);
    Ok(spec.and_then(agent_of))
}

fn agent_of(spec: PodSpec) -> Option<node_removal::Agent> {
    let pull_secrets = spec.image_pull_secrets.unwrap_or_default();
    let image = spec
        .containers
        .into_iter()
        .find_map(|container| container.image)?;
    Some(node_removal::Agent { image, pull_secrets })
}

/// Nobody is left who would remove the finalizers.
async fn release_migrations(client: &Client) -> Result<(), Problem> {
    for migration in all_migrations(client).await? {
        if migration.finalizers().is_empty() {
            continue;
        }
        let namespace = migration.namespace().unwrap_or_default();
        let api: Api<StatefulMigration> = Api::namespaced(client.clone(), &namespace);
        let patch = Patch::Merge(json!({"metadata": {"finalizers": null}}));
        api.patch(&migration.name_any(), &PatchParams::default(), &patch)
            .await?;
    }
    Ok(())
}

/// The namespace goes last; an installation started before it is gone would fail.
async fn gone(client: &Client, args: &Uninstall) -> Result<(), Problem> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let Some(namespace) = namespaces.get_opt(names::SYSTEM_NAMESPACE).await? else {
        return Ok(());
    };
    let uid = namespace.uid().unwrap_or_default();
    let deleted = await_condition(namespaces, names::SYSTEM_NAMESPACE, conditions::is_deleted(&uid));
    match tokio::time::timeout(args.timeout, deleted).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(Problem::Unknown(format!(
            "watch namespace {}: {}",
            names::SYSTEM_NAMESPACE,
            answer::said_of_wait(&error)
        ))),
        Err(_) => Err(Problem::Unknown(format!(
            "namespace {0} still exists after {1} s. To see why, type: kubectl get namespace {0} -o yaml",
            names::SYSTEM_NAMESPACE,
            args.timeout.as_secs()
        ))),
    }
}
