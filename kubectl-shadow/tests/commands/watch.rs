//! `watch`: which migrations are asked for.

use serde_json::json;

use crate::stub::{Answer, Stub, err, failure, list, out};
use crate::{held, migration, moved};

/// One migration that is held, and then moved.
fn cluster() -> Stub {
    Stub::that_answers(|asked| {
        let name = "orders-0-x7k2p";
        match asked.place() {
            place if !place.ends_with("/statefulmigrations") => failure(404, "NotFound", "not found", "x"),
            _ if asked.path.contains("watch=true") => {
                let mut later = migration(name, "orders-0", moved());
                later["metadata"]["resourceVersion"] = json!("8");
                Answer::Stream(vec![json!({"type": "MODIFIED", "object": later})])
            }
            _ => list("StatefulMigrationList", vec![migration(name, "orders-0", held())]),
        }
    })
}

#[test]
fn labels_choose_the_migrations_and_nothing_else() {
    let stub = cluster();
    let output = stub.runs(&["watch", "-l", "app=orders,tier!=test", "--exit"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert!(
        out(&output).contains("orders-0 runs on node-b"),
        "{}",
        out(&output)
    );
    let asked = stub.asked();
    let of = |plural: &str| {
        asked
            .iter()
            .filter(|one| one.place().ends_with(plural))
            .collect::<Vec<_>>()
    };
    let selector = "labelSelector=app%3Dorders%2Ctier%21%3Dtest";
    let (migrations, progress) = (of("/statefulmigrations"), of("/migrationprogresses"));
    assert!(migrations.len() >= 2 && !progress.is_empty(), "{asked:?}");
    assert!(
        migrations.iter().all(|one| one.path.contains(selector)),
        "{migrations:?}"
    );
    assert!(
        progress.iter().all(|one| !one.path.contains("labelSelector")),
        "{progress:?}"
    );
}

#[test]
fn labels_and_names_exclude_each_other() {
    let output = cluster().runs(&["watch", "orders-0", "-l", "app=orders"]);
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    assert!(err(&output).contains("cannot be used with"), "{}", err(&output));
}
