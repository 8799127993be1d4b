//! The moves that are not what was promised, and why.

use std::fmt::Write as _;

use anyhow::Result;

use crate::figures;
use crate::row::Row;
use crate::table::one;
use crate::way::Way;

/// Every row of a move that is not exact, with what is known of it.
pub(super) fn section(page: &mut String, rows: &[Row]) -> Result<()> {
    let moved = |row: &&Row| Way::named(&row.way).is_none_or(Way::moves);
    let bad: Vec<&Row> = rows
        .iter()
        .filter(moved)
        .filter(|row| !figures::is_exact(row))
        .collect();
    writeln!(page, "\n## Moves that were undone, not exact, or not measured\n")?;
    if bad.is_empty() {
        writeln!(page, "None.")?;
        return Ok(());
    }
    writeln!(
        page,
        "Missing, duplicate and reordered are of the whole run of which the move is a part.\n\n\
         | scenario | move | phase | verdict exact | missing, duplicate, reordered | state equal | build | why |\n\
         |---|---|---|---|---|---|---|---|"
    )?;
    for row in bad {
        let why = [row.error.as_str(), remark(row)].join(" ");
        let why = why.trim().replace('|', "\\|");
        writeln!(
            page,
            "| {} | {} | {} | {} | {}, {}, {} | {} | {} | {why} |",
            row.shape(),
            row.n,
            row.phase,
            said(row.exact),
            one(row.missing),
            one(row.duplicate),
            one(row.reordered),
            said(row.state_equal),
            row.commit,
        )?;
    }
    Ok(())
}

/// What is known by now of rows that do not say it themselves: their build, a part of their way, and why.
const REMARKS: [(&str, &str, &str); 3] = [
    (
        "2299650cf1db",
        "polling",
        "The controller had lost its own connection to the broker, after 2,047 questions about what is not there, and could not \
         tell that from one that breaks during a hold. Mended after this build.",
    ),
    (
        "631fd3b333f2",
        "polling",
        "What the moves before had left took longer to work off than 60 s, the limit of this build; since then it is 30 s before \
         the deadline.",
    ),
    (
        "f503758d242d",
        "SingleActive",
        "The sample did not know an option of the benchmark and did not start. Mended after this build.",
    ),
];

fn remark(row: &Row) -> &'static str {
    let meant = |(build, way, _): &&(&str, &str, &str)| row.commit == *build && row.way.contains(way);
    REMARKS.iter().find(meant).map_or("", |(_, _, remark)| remark)
}

fn said(answer: Option<bool>) -> &'static str {
    match answer {
        Some(true) => "yes",
        Some(false) => "no",
        None => "–",
    }
}
