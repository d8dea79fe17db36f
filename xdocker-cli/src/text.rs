//! Text of others on our terminal.

use std::borrow::Cow;
use std::fmt::Write;

/// `text` without a character that a terminal would obey: names, paths and messages may hold what somebody
/// else chose, and an escape sequence in a table types into the shell of whoever looks at it.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    // Those of the second kind turn the direction of what follows.
    let obeyed = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if !text.chars().any(obeyed) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            c if obeyed(c) => {
                let _ = write!(safe, "{}", c.escape_default());
            }
            c => safe.push(c),
        }
    }
    Cow::Owned(safe)
}

/// `word` as one types it into a shell.
pub(crate) fn quoted(word: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_alphanumeric() || "-_=.:/@%+,".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => Cow::Borrowed(word),
        false => Cow::Owned(format!("'{}'", word.replace('\'', r"'\''"))),
    }
}

/// `message` without the number that std puts behind an error of the system's, which tells nobody anything.
pub(crate) fn without_number(message: &str) -> &str {
    let words = message.strip_suffix(')').and_then(|message| message.rsplit_once(" (os error "));
    match words {
        Some((words, number)) if number.parse::<u32>().is_ok() => words,
        _ => message,
    }
}

#[cfg(test)]
mod tests {
    use super::{printable, quoted, without_number};

    #[test]
    fn a_name_is_quoted_where_a_shell_would_cut_it() {
        assert_eq!(quoted("calvin=sshd-1.0:2"), "calvin=sshd-1.0:2");
        assert_eq!(quoted("my web"), "'my web'");
        assert_eq!(quoted("it's $HOME"), r"'it'\''s $HOME'");
    }

    #[test]
    fn the_number_of_an_error_is_left_out() {
        assert_eq!(without_number("No such file or directory (os error 2)"), "No such file or directory");
        for other in ["", "x (os error )", "x (os error 2) y", "os error 2"] {
            assert_eq!(without_number(other), other);
        }
    }

    #[test]
    fn what_a_terminal_obeys_is_shown_instead() {
        assert_eq!(printable("calvin=sshd 名"), "calvin=sshd 名");
        assert_eq!(printable("a\x1b]0;x\x07b"), r"a\u{1b}]0;x\u{7}b");
        assert_eq!(printable("a\u{202e}b"), r"a\u{202e}b");
        assert_eq!(printable("one\ntwo\r\t\u{9b}31m\u{7f}"), r"one\ntwo\r\t\u{9b}31m\u{7f}");
    }
}
