//! A command line in one text → its words, by the quoting rules of the POSIX shell. Nothing is expanded: `$`,
//! `*`, `|`, `;` and their kin are plain characters.

use std::iter::Peekable;
use std::str::Chars;

/// A quote without its end, or a backslash with nothing behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unfinished {
    /// `'…`
    #[error("a ' has no end")]
    Single,
    /// `"…`
    #[error("a \" has no end")]
    Double,
    /// `…\`
    #[error("nothing follows the \\ at its end")]
    Backslash,
}

/// The words of `text`.
///
/// Blanks, tabs and new lines separate words. `'…'` is taken as it is; in `"…"` a backslash quotes `"`, `\`, `$`
/// and `` ` `` and is itself before anything else; outside, it quotes whatever follows. A backslash before a
/// new line takes both away.
pub(super) fn split(text: &str) -> Result<Vec<String>, Unfinished> {
    let mut words = Vec::new();
    // `""` is a word though it holds nothing, hence the `Option`.
    let mut word: Option<String> = None;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            ' ' | '\t' | '\n' => words.extend(word.take()),
            '\'' => single(&mut rest, word.get_or_insert_default())?,
            '"' => double(&mut rest, word.get_or_insert_default())?,
            '\\' => match rest.next().ok_or(Unfinished::Backslash)? {
                '\n' => {}
                quoted => word.get_or_insert_default().push(quoted),
            },
            plain => word.get_or_insert_default().push(plain),
        }
    }
    words.extend(word);
    Ok(words)
}

/// The rest of `'…'`, into `word`.
fn single(rest: &mut Peekable<Chars<'_>>, word: &mut String) -> Result<(), Unfinished> {
    for c in rest.by_ref() {
        match c {
            '\'' => return Ok(()),
            plain => word.push(plain),
        }
    }
    Err(Unfinished::Single)
}

/// The rest of `"…"`, into `word`.
fn double(rest: &mut Peekable<Chars<'_>>, word: &mut String) -> Result<(), Unfinished> {
    while let Some(c) = rest.next() {
        match c {
            '"' => return Ok(()),
            '\\' => match rest.next_if(|next| matches!(next, '"' | '\\' | '$' | '`' | '\n')) {
                Some('\n') => {}
                Some(quoted) => word.push(quoted),
                None => word.push('\\'),
            },
            plain => word.push(plain),
        }
    }
    Err(Unfinished::Double)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_are_those_of_the_shell() {
        let table: [(&str, &[&str]); 12] = [
            ("", &[]),
            (" \t\n ", &[]),
            ("true", &["true"]),
            (
                "  /root/bin/G6 -f /root/etc/G6.conf  --no-daemon ",
                &["/root/bin/G6", "-f", "/root/etc/G6.conf", "--no-daemon"],
            ),
            ("sh -c 'echo \"a b\"'", &["sh", "-c", "echo \"a b\""]),
            (r#"sh -c "echo 'a b' \"c\" \\ \n \$x""#, &["sh", "-c", r#"echo 'a b' "c" \ \n $x"#]),
            (r"a\ b \'c \\", &["a b", "'c", r"\"]),
            (r#"'' "" x"#, &["", "", "x"]),
            ("a'b c'\"d e\"f", &["ab cd ef"]),
            ("a\\\nb \\\n c", &["ab", "c"]),
            ("$HOME * | ; # ~", &["$HOME", "*", "|", ";", "#", "~"]),
            ("名 'é è'", &["名", "é è"]),
        ];
        for (text, words) in table {
            assert_eq!(split(text).unwrap(), words, "{text:?}");
        }
    }

    #[test]
    fn what_has_no_end_is_refused() {
        let table = [
            ("echo 'a", Unfinished::Single),
            ("echo \"a", Unfinished::Double),
            ("echo \"a\\\"", Unfinished::Double),
            ("echo a\\", Unfinished::Backslash),
            ("'", Unfinished::Single),
        ];
        for (text, why) in table {
            assert_eq!(split(text), Err(why), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn quoted_words_come_back(words in prop::collection::vec(any::<String>(), 0..6)) {
            let quoted = |word: &String| format!("'{}'", word.replace('\'', r"'\''"));
            let text = words.iter().map(quoted).collect::<Vec<_>>().join(" ");
            prop_assert_eq!(split(&text).unwrap(), words);
        }

        #[test]
        fn any_text_has_an_answer(text in r#"[ab '"\\\n]{0,24}"#) {
            let _ = split(&text);
        }
    }
}
