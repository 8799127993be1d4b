//! docs/metrics.md: every metric, as the parts register it.

use shadow_telemetry::{Described, Kind};

const HEAD: &str = "# Metrics

Every metric of controller, webhook and agents, as the code registers it (`cargo xtask check --fix` writes this page). How to read
them, the alerts, and how to silence others meanwhile: [monitoring.md](monitoring.md).
";

/// The page.
pub(super) fn page() -> String {
    let parts = shadow_telemetry::described();
    let tables = parts.iter().map(|(part, metrics)| table(part, metrics));
    std::iter::once(HEAD.to_owned()).chain(tables).collect()
}

fn table(part: &str, metrics: &[Described]) -> String {
    let rows: String = metrics.iter().map(row).collect();
    format!("\n## Of the {part}\n\n| metric | kind | labels | meaning |\n|---|---|---|---|\n{rows}")
}

fn row(metric: &Described) -> String {
    let kind = match metric.kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
    };
    let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
    let labels = match labels.as_slice() {
        [] => "–".to_owned(),
        some => some.join(", "),
    };
    format!("| `{}` | {kind} | {labels} | {}. |\n", metric.name, metric.help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_has_its_table_and_every_metric_a_row() {
        let page = page();
        for (part, metrics) in shadow_telemetry::described() {
            assert!(page.contains(&format!("## Of the {part}\n")));
            assert!(
                metrics
                    .iter()
                    .all(|metric| page.contains(&format!("| `{}` |", metric.name)))
            );
        }
        assert!(page.contains("| `shadow_moves_total` | counter | `outcome`, `reason` |"));
    }
}
