//! Patterns of what a program prints: text with `{}` for what differs from time to time.

/// What stands for each `{}` where the pattern occurs first in a line; at its end `{}` is the rest of the line.
pub(super) fn captured<'t>(pattern: &str, line: &'t str) -> Option<Vec<&'t str>> {
    let mut parts = pattern.split("{}");
    let first = parts.next()?;
    let mut rest = line.get(line.find(first)? + first.len()..)?;
    let mut found = Vec::new();
    for part in parts {
        let end = if part.is_empty() {
            rest.len()
        } else {
            rest.find(part)?
        };
        found.push(rest.get(..end)?.trim());
        rest = rest.get(end + part.len()..)?;
    }
    Some(found)
}

/// Puts these where a template has `{0}`, `{1}` …; what is not known is called so.
pub(super) fn filled(template: &str, values: &[String]) -> String {
    let mut text = template.to_owned();
    for at in 0..MOST {
        let value = values.get(at).map_or("(unknown)", String::as_str);
        text = text.replace(&format!("{{{at}}}"), value);
    }
    text
}

/// Values in one template.
const MOST: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_taken_out_and_put_in() {
        let line = "(00.05) Error (criu/files-reg.c:1031): Can't dump ghost file /a b/c of 2097152 size, increase limit";
        let values = captured("Can't dump ghost file {} of {} size", line).unwrap();
        assert_eq!(values, ["/a b/c", "2097152"]);
        assert_eq!(
            captured("in-flight socket to {}", "x in-flight socket to 0x1\n").unwrap(),
            ["0x1"]
        );
        assert_eq!(captured("no pattern {}", line), None);
        assert_eq!(
            captured("send_fds failed (-22)", "send_fds failed (-22)").unwrap(),
            [""; 0]
        );
        let values: Vec<String> = vec!["/a".into()];
        assert_eq!(filled("file {0}, {1} bytes", &values), "file /a, (unknown) bytes");
    }
}
