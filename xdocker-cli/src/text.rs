//! Text of others on our terminal.

use std::borrow::Cow;
use std::fmt::Write;

/// `text` without a character that a terminal would obey: names, paths and messages may hold what somebody
/// else chose, and an escape sequence in a table types into the shell of whoever looks at it.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(char::is_control) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            c if c.is_control() => {
                let _ = write!(safe, "{}", c.escape_default());
            }
            c => safe.push(c),
        }
    }
    Cow::Owned(safe)
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn what_a_terminal_obeys_is_shown_instead() {
        assert_eq!(printable("calvin=sshd 名"), "calvin=sshd 名");
        assert_eq!(printable("a\x1b]0;x\x07b"), r"a\u{1b}]0;x\u{7}b");
        assert_eq!(printable("one\ntwo\r\t\u{9b}31m\u{7f}"), r"one\ntwo\r\t\u{9b}31m\u{7f}");
    }
}
