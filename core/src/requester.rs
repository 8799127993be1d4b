//! Who ordered a move, as it is recorded. Pure.

use crate::names;

/// Characters of a name that are recorded: it is as long as others made it.
const LENGTH: usize = 256;

/// What is recorded of a new migration: the user that the API server names, whatever the user wrote. The controller alone orders
/// for another one, who evicted the pod; it is told by its account.
pub fn recorded(user: Option<&str>, written: Option<&str>) -> String {
    let user = user.unwrap_or_default();
    let is_ours = user == names::account_user(names::CONTROLLER_ACCOUNT);
    match written.filter(|written| is_ours && !written.is_empty()) {
        Some(written) => cut(written),
        None => cut(user),
    }
}

/// What ends up on terminals and in logs holds nothing that moves a cursor.
fn cut(name: &str) -> String {
    let shown = |letter: char| if letter.is_control() { '?' } else { letter };
    name.chars().take(LENGTH).map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_controller_orders_for_another_one() {
        let ours = "system:serviceaccount:shadow-system:shadow-controller";
        let not_ours = "system:serviceaccount:shop:shadow-controller";
        for (user, written, by) in [
            (Some("alice"), None, "alice"),
            (Some("alice"), Some("bob"), "alice"),
            (Some("alice"), Some(ours), "alice"),
            (Some(ours), Some("bob"), "bob"),
            (Some(ours), None, ours),
            (Some(ours), Some(""), ours),
            (Some(not_ours), Some("bob"), not_ours),
            (None, Some("bob"), ""),
        ] {
            assert_eq!(recorded(user, written), by, "{user:?} wrote {written:?}");
        }
    }

    #[test]
    fn a_name_is_cut_and_moves_no_cursor() {
        assert_eq!(recorded(Some(&"\u{fc}".repeat(300)), None), "\u{fc}".repeat(256));
        assert_eq!(recorded(Some("a\u{1b}[2Jb\nc"), None), "a?[2Jb?c");
    }
}
