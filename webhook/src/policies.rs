//! The policies, at the creation of a migration: what they fill in, what they refuse, and what the audit log is told.

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use kube::core::admission::AdmissionResponse;
use shadow_core::api::StatefulMigrationSpec;
use shadow_core::policy::words::joined;
use shadow_core::policy::{self, Filled, InForce, Selected};
use shadow_core::validate::{Refusal, Report};

use crate::cluster::{Cluster, Looked};

/// The policies in force in a namespace.
pub(crate) async fn in_force<C: Cluster>(cluster: &C, namespace: &str) -> Looked<InForce> {
    let (of_namespace, of_cluster, namespace) = tokio::try_join!(
        cluster.policies(namespace),
        cluster.cluster_policies(),
        cluster.namespace_labels(namespace)
    )?;
    Ok(InForce {
        of_namespace,
        of_cluster,
        namespace,
    })
}

/// Those that select the pod. Without a pod there is nothing to move, which is told elsewhere.
pub(crate) fn select(pod: Option<&Pod>, in_force: &InForce) -> Result<Selected, String> {
    let Some(pod) = pod else {
        return Ok(Selected::default());
    };
    policy::select(in_force, pod.labels()).map_err(|unreadable| unreadable.to_string())
}

/// What was filled in, and by which policies.
pub(crate) struct ByPolicies {
    selected: Selected,
    filled: Vec<Filled>,
}

/// Fills in. A policy that cannot be read fills in nothing: the validation refuses for it.
pub(crate) fn fill(spec: &mut StatefulMigrationSpec, pod: Option<&Pod>, in_force: &InForce) -> ByPolicies {
    let selected = select(pod, in_force).unwrap_or_default();
    let filled = policy::fill(&selected, spec);
    ByPolicies { selected, filled }
}

/// Says it to the user and to the audit log.
pub(crate) fn told(mut response: AdmissionResponse, by: ByPolicies) -> AdmissionResponse {
    let ByPolicies { selected, filled } = by;
    if filled.is_empty() {
        return response;
    }
    let warnings = filled.iter().map(ToString::to_string);
    response.warnings.get_or_insert_default().extend(warnings);
    annotate(&mut response, &selected, &filled, None);
    response
}

/// What is refused now, what is not as the policies would have filled it in, and who allows the rest.
pub(crate) fn admit(selected: &Selected, spec: &StatefulMigrationSpec, now: Timestamp, report: &mut Report) {
    policy::admit_now(selected, spec, now, report);
    let missing = policy::fill(selected, &mut spec.clone());
    let missing = missing.iter().filter(|one| one.barred_by.is_empty());
    report.refusals.extend(missing.map(|one| Refusal {
        field: one.field,
        message: format!(
            "it is left out, and {} should have filled in {}. Nothing was started; try again",
            joined(&one.by),
            one.value
        ),
    }));
    report.warnings.extend(selected.other_priorities());
    if report.is_ok() {
        report.warnings.extend(selected.allowed());
    }
}

/// Says the decision to the audit log.
pub(crate) fn audited(
    mut response: AdmissionResponse,
    selected: &Selected,
    report: &Report,
) -> AdmissionResponse {
    let reasons = report.reasons();
    let refused = (!report.is_ok()).then_some(reasons.as_str());
    annotate(&mut response, selected, &[], refused);
    response
}

fn annotate(response: &mut AdmissionResponse, selected: &Selected, filled: &[Filled], refused: Option<&str>) {
    let told = selected.audit(filled, refused);
    let told = told.into_iter().map(|(key, text)| (key.to_owned(), text));
    response.audit_annotations.extend(told);
}
