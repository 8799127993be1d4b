//! The two formats that metrics are read in. They differ in how a counter is announced, and in the end of the text.

/// Of OpenMetrics: Prometheus asks for it.
pub(crate) const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Of Prometheus itself: people, `promtool check metrics` and other programs.
pub(crate) const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The same metrics in the format of Prometheus: a counter is announced under the name of its series, `…_total`.
pub(crate) fn of_prometheus(open_metrics: &str) -> String {
    let mut text = String::with_capacity(open_metrics.len());
    // The help stands before the type.
    let mut help = None;
    for line in open_metrics.lines().filter(|line| *line != "# EOF") {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = rest.split_once(' ');
            continue;
        }
        if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            let suffix = if kind == "counter" { "_total" } else { "" };
            if let Some((_, words)) = help.take() {
                text.push_str(&format!("# HELP {name}{suffix} {words}\n"));
            }
            text.push_str(&format!("# TYPE {name}{suffix} {kind}\n"));
            continue;
        }
        text.push_str(line);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_announced_under_the_name_of_its_series() {
        let open = "# HELP moves Ended moves.\n# TYPE moves counter\nmoves_total{a=\"b\"} 1\n# HELP room Bytes.\n# TYPE room gauge\n\
                    room 2\n# EOF\n";
        assert_eq!(
            of_prometheus(open),
            "# HELP moves_total Ended moves.\n# TYPE moves_total counter\nmoves_total{a=\"b\"} 1\n# HELP room Bytes.\n\
             # TYPE room gauge\nroom 2\n"
        );
    }
}
