use super::*;
use crate::rows as file_of_rows;
use crate::shape::Shape;
use crate::way;

const STEPS: &str = "Prepare0=100;Stage1=900;Hold1=600;Checkpoint1=100;Restore1=200;Release1=50;Retire1=400;Stage2=700;\
                     Hold2=500;Checkpoint2=100;Release2=60;Retire2=900;Clean2=90";

fn row(way: &str, rate: u32, n: u32) -> Row {
    Row {
        way: way.into(),
        rate,
        work_us: 10_000,
        message_bytes: 100,
        prefetch: 50,
        n,
        phase: "Completed".into(),
        exact: Some(true),
        state_equal: Some(true),
        missing: Some(0),
        duplicate: Some(0),
        reordered: Some(0),
        total_ms: Some(4_600 + i64::from(n)),
        pause_ms: Some(900),
        freeze1_ms: Some(80),
        downtime_ms: Some(0),
        agent_mb: Some(20),
        steps: STEPS.into(),
        at: "2026-11-21T10:00:00Z".into(),
        commit: "abc".into(),
        machine: "2 cores".into(),
        ..Row::default()
    }
}

fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for way in way::ALL {
        for rate in [10, 80, 120] {
            rows.extend((1..=3).map(|n| row(way.name, rate, n)));
        }
    }
    for heap_mb in [100, 500] {
        rows.push(Row {
            heap_mb,
            ..row(way::SHADOW_POD.name, 40, 1)
        });
    }
    rows
}

fn moves(rows: &[Row]) -> usize {
    let moved = |row: &&Row| way::Way::named(&row.way).is_none_or(way::Way::moves);
    rows.iter().filter(moved).count()
}

fn page_of(rows: &[Row]) -> String {
    files(rows).unwrap().remove(PAGE).unwrap()
}

#[test]
fn equal_rows_give_equal_bytes_in_whatever_order_they_come() {
    let first = rows();
    let mut turned = rows();
    turned.rotate_left(9);
    assert_eq!(files(&first).unwrap(), files(&first).unwrap());
    assert_eq!(files(&first).unwrap(), files(&turned).unwrap());
}

#[test]
fn every_drawing_is_on_the_page_and_well_formed() {
    let files = files(&rows()).unwrap();
    let page = &files[PAGE];
    let drawings: Vec<_> = files.iter().filter(|(name, _)| name.ends_with(".svg")).collect();
    assert_eq!(drawings.len(), 6);
    for (name, svg) in drawings {
        assert!(page.contains(&format!("]({name})")), "{name}");
        let (opened, closed) = (svg.matches("<text").count(), svg.matches("</text>").count());
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>") && opened == closed);
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{name}");
    }
}

#[test]
fn a_missed_target_says_how_much_and_where_the_time_goes() {
    let page = page_of(&rows());
    let scenario = "StatefulSet ShadowPod, 80 msg/s, 10 ms, 0 MB, 100 B, prefetch 50";
    let promise = format!("| total ≤ 4000 ms (median) | {scenario} | 4602 ms | **missed** by 602 ms |");
    assert!(page.contains(&promise), "{page}");
    let reason = format!(
        "| pause ≤ 300 ms (median) | {scenario} | 900 ms | Hold 1 600, Hold 2 500, Restore 1 200, Checkpoint 1 100, \
         Checkpoint 2 100, Release 2 60, Release 1 50 |"
    );
    assert!(page.contains(&reason), "{page}");
    assert!(page.contains("| freeze ≤ 1500 ms (highest) | StatefulSet ShadowPod, 40 msg/s, 10 ms, 500 MB"));
    assert!(page.contains("Commit: abc.") && page.contains("machine of 2 cores."));
}

/// The head of the page is for those who read no further.
#[test]
fn the_page_begins_with_ten_lines_that_tell_what_matters() {
    let unit = |row: Row| Row {
        plain_start_ms: Some(1_000),
        run: "a".into(),
        ..row
    };
    let mut with_units: Vec<Row> = rows().into_iter().map(unit).collect();
    let page = page_of(&with_units);
    let head: Vec<&str> = page.split("\n## ").next().unwrap().lines().skip(2).collect();
    assert_eq!(
        head.iter().filter(|line| line.starts_with("- ")).count(),
        10,
        "{head:#?}"
    );
    let exact = format!("- **Exact**: {0} of {0} moves: nothing lost", moves(&with_units));
    assert!(head[1].starts_with(&exact), "{head:#?}");
    assert!(
        head[2].contains("is ready after 1000 ms (1000 to 1000 in 1 runs)"),
        "{}",
        head[2]
    );
    assert_eq!(
        head[3],
        "- **Ordinary client (pika, reconnects after 3 s)**, 80 messages a second: moved in 4602 ms (4.6×); nobody consumes \
         for 900 ms (0.9×), the process stands still for 80 ms (0.1×); 3 of 3 exact."
    );
    assert!(
        head[4].contains("reconnects after 5 s") && head[5].starts_with("- **Ordinary client (aio-pika"),
        "{head:#?}"
    );
    assert!(head[9].starts_with("- **Not measured**"), "{}", head[9]);
    assert!(page.contains("| Stage 1 | 900 (0.9×) |"), "{page}");
    with_units.retain(|row| row.way != way::PIKA.name);
    let page = page_of(&with_units);
    assert!(page.contains("(pika, reconnects after 3 s)**: not measured yet."));
    assert!(page_of(&rows()).contains("**The unit**, a plain start of a pod: not measured yet."));
}

/// Rows of versions that did not measure the plain start were slower here.
#[test]
fn milliseconds_beside_a_multiple_are_of_the_same_moves() {
    let name = way::RETURNING.name;
    let old = |n| Row {
        total_ms: Some(9_000),
        pause_ms: Some(700),
        ..row(name, 80, n)
    };
    let new = |n| Row {
        total_ms: Some(3_900),
        pause_ms: Some(490),
        steps: "Stage1=630".into(),
        plain_start_ms: Some(700),
        run: "b".into(),
        commit: "def-dirty".into(),
        ..row(name, 80, n)
    };
    let page = page_of(&[old(1), old(2), old(3), new(4), new(5)]);
    let line = format!(
        "- **Our sample, which reconnects within 50 ms: {name}**, 80 messages a second: moved in 3900 ms (5.6×); nobody consumes \
         for 490 ms (0.7×), the process stands still for 80 ms (0.1×); 5 of 5 exact; times of the 2 whose plain start is known."
    );
    assert!(page.contains(&line), "{page}");
    let cells = "| 700 | 9000 (3900: 5.6×), 9000, 9000 | 700 (490: 0.7×), 700, 700 |";
    assert!(page.contains(cells), "{page}");
    assert!(page.contains("| Stage 1 | 900 (630: 0.9×) |"), "{page}");
    assert!(page.contains("Commit: abc; def-dirty. Rows whose commit ends in `-dirty`"));
    assert!(!page_of(&rows()).contains("-dirty"));
    // Where no move knows of its plain start, the times are of all.
    let page = page_of(&[old(1), old(2)]);
    assert!(
        page.contains("moved in 9000 ms; nobody consumes for 700 ms,"),
        "{page}"
    );
}

#[test]
fn a_target_without_rows_is_not_measured_rather_than_kept() {
    let page = page_of(&[row(way::BARE.name, 80, 1)]);
    assert!(
        page.contains("| downtime ≤ 2000 ms (median) | – | – | not measured |"),
        "{page}"
    );
    assert!(page.contains("| every move exact | all that move memory | 1 of 1 | kept |"));
    assert!(!page.contains("heap.svg") && !page.contains("steps.svg"));
}

#[test]
fn a_move_that_was_undone_is_named_with_its_reason_and_the_plain_way_is_not_blamed() {
    let mut rows = rows();
    rows[4] = Row {
        phase: "Failed".into(),
        exact: None,
        error: "\"HoldTimedOut\": a|b".into(),
        ..rows[4].clone()
    };
    let deleted = Row {
        phase: "Deleted".into(),
        missing: Some(900),
        ..row(way::DELETED.name, 80, 1)
    };
    rows.push(deleted);
    let page = page_of(&rows);
    let told = page.split("## Moves that were undone").nth(1).unwrap();
    assert!(
        told.contains("| 2 | Failed | – |") && told.contains(r#""HoldTimedOut": a\|b |"#),
        "{told}"
    );
    assert!(!told.contains("Deleted"));
    assert!(page.contains("| **missed** |\n"), "{page}");
}

#[test]
fn what_could_not_be_measured_is_named_and_neither_kept_nor_missed() {
    let mut rows = rows();
    let moves = moves(&rows);
    rows[4] = rows[4].clone().failed(&anyhow::anyhow!("no consumer"));
    let page = page_of(&rows);
    let promise = format!(
        "| every move exact | all that move memory | {0} of {0} | kept by all that were measured; 1 could not be, see the end |",
        moves - 1
    );
    assert!(page.contains(&promise), "{page}");
    let told = page.split("## Moves that were undone").nth(1).unwrap();
    assert!(
        told.contains("| Error |") && told.contains("no consumer"),
        "{told}"
    );
}

#[test]
fn a_page_is_written_checked_and_found_stale() {
    let folder = tempfile::tempdir().unwrap();
    let (measured, docs) = (folder.path().join("measured"), folder.path().join("docs"));
    fs::create_dir_all(&measured).unwrap();
    file_of_rows::append(&measured.join(ROWS), &rows()).unwrap();
    assert_eq!(stale(&docs).unwrap(), None);
    write(&measured, &docs).unwrap();
    assert_eq!(stale(&docs).unwrap(), Some(Vec::new()));
    fs::write(docs.join("results/total.svg"), "<svg/>").unwrap();
    fs::write(docs.join("results/former.svg"), "<svg/>").unwrap();
    assert_eq!(stale(&docs).unwrap().unwrap(), ["results/total.svg"]);
    // From the rows that were put beside the page.
    write(&docs.join("results"), &docs).unwrap();
    assert_eq!(stale(&docs).unwrap(), Some(Vec::new()));
    assert!(!docs.join("results/former.svg").exists());
}

#[test]
fn names_of_columns_say_what_is_special() {
    let shape = |heap_mb, prefetch| Shape {
        heap_mb,
        prefetch,
        ..row("x", 40, 1).shape()
    };
    assert!(shape(0, 50).is_plain() && !shape(10, 50).is_plain() && !shape(0, 1).is_plain());
}
