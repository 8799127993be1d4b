//! docs/rights.md: what each identity may do, read from the manifests.

use std::collections::BTreeSet;

use shadow_deploy::rights::{ACCOUNTS, Holder, Place, RightsError, Row, USERS, VERBS, matrix};

const HEAD: &str = "# Rights

What each identity may do, by the roles and bindings in `deploy/manifests` (`cargo xtask check --fix` writes this page). The scenario
\"what each identity may do is what its page says\" asks a real API server for each verb of each row, also for those that are not
there. To ask for yourself, type

    kubectl auth can-i list secrets --all-namespaces --as system:serviceaccount:shadow-system:shadow-controller

Beside the verbs that a row names, these are asked, and the answer is no: ";
const ACCOUNTS_HEAD: &str = "
## Our own parts

Where: *everywhere* is all namespaces, or the whole cluster for what belongs to no namespace. What
`kubectl shadow allow --secret orders-broker` grants in a namespace of yours is in the rows of that namespace.
";
const USERS_HEAD: &str = "
## Users

Of our own kinds. The roles view, edit and admin are Kubernetes' own, bound in a namespace of yours: ours add to them. `shadow-pause` is
bound by an administrator of the cluster. The right to create a migration is not enough to move a pod: the webhook asks whether its
user may create and delete pods there.
";

/// The page.
pub(super) fn page() -> Result<String, RightsError> {
    let (accounts, users) = (matrix(&ACCOUNTS)?, matrix(&USERS)?);
    Ok(format!(
        "{HEAD}{}.\n{ACCOUNTS_HEAD}{}{USERS_HEAD}{}",
        VERBS.join(", "),
        table(&ACCOUNTS, &accounts),
        table(&USERS, &users)
    ))
}

fn table(holders: &[Holder], rows: &[Row]) -> String {
    let titles: Vec<&str> = holders.iter().map(|holder| title(*holder)).collect();
    let lines = "---|".repeat(holders.len());
    let head = format!("\n| what | where | {} |\n|---|---|{lines}\n", titles.join(" | "));
    let rows = rows.iter().map(|row| {
        let cells: Vec<String> = row.allowed.iter().map(cell).collect();
        format!(
            "| `{}` | {} | {} |\n",
            row.thing,
            place(row.thing.place),
            cells.join(" | ")
        )
    });
    std::iter::once(head).chain(rows).collect()
}

fn title(holder: Holder) -> &'static str {
    match holder {
        Holder::Account(name) | Holder::Role(name) | Holder::ClusterRole(name) => name,
        Holder::Anybody => "any user",
    }
}

fn place(place: Place) -> &'static str {
    match place {
        Place::Everywhere => "everywhere",
        Place::System => "shadow-system",
        Place::Theirs => "a namespace of yours",
    }
}

/// In the order in which people think of them.
fn cell(verbs: &BTreeSet<String>) -> String {
    if verbs.is_empty() {
        return "–".to_owned();
    }
    let known = VERBS.iter().copied().filter(|verb| verbs.contains(*verb));
    let others = verbs
        .iter()
        .map(String::as_str)
        .filter(|verb| !VERBS.contains(verb));
    known.chain(others).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use shadow_deploy::rights::THEIRS;

    use super::*;

    #[test]
    fn rows_say_what_is_granted_and_what_is_not() {
        let page = page().unwrap();
        for row in [
            "| `pods` | everywhere | get, list, watch, create, patch, delete | get, list, watch | get, list, watch |",
            "| `secrets` | everywhere | – | – | – |",
            "| `secrets orders-broker` | a namespace of yours | get | – | – |",
            "| `signers.certificates.k8s.io migration.ms2m.io/mutual-tls` | everywhere | approve, sign | – | – |",
        ] {
            assert!(page.contains(row), "{row}\n{page}");
        }
        assert!(!page.contains(&format!("| {THEIRS} |")), "{page}");
    }
}
