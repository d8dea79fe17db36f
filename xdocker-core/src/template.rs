//! Templates: keys in a file give way to values. Pure: bytes in, bytes out.

use std::collections::HashSet;
use std::path::Path;

use crate::error::{Error, Result};

/// What stands for what: a rule a line, the key up to the first blank, the value from the next non-blank to
/// the end of the line.
///
/// ```
/// let mapping = xdocker_core::Mapping::parse("map.txt", b"${LEAF} a green leaf\n")?;
/// let (text, unused) = mapping.apply(b"leaf: ${LEAF}");
/// assert_eq!(text, b"leaf: a green leaf");
/// assert!(unused.is_empty());
/// # Ok::<_, xdocker_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mapping {
    /// Keys and their values, the longest key first.
    rules: Vec<(Vec<u8>, Vec<u8>)>,
}

fn is_blank(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

impl Mapping {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// [`Error::File`]; those of [`Self::parse`].
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = std::fs::read(path).map_err(Error::file("read", path))?;
        Self::parse(&path.to_string_lossy(), &text)
    }

    /// Understands `text`, which is called `name` where something is wrong with it. Lines of nothing but
    /// blanks are skipped.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the line that has no key or no value, or a key that was there before.
    pub fn parse(name: &str, text: &[u8]) -> Result<Self> {
        let mut rules = Vec::new();
        let mut keys = HashSet::new();
        for (number, line) in text.split(|byte| *byte == b'\n').enumerate() {
            if line.iter().all(is_blank) {
                continue;
            }
            let wrong = |why: &str| Error::invalid("mapping", format!("{name}:{}", number + 1), why);
            let end = line.iter().position(is_blank).unwrap_or(line.len());
            let (key, rest) = line.split_at(end);
            if key.is_empty() {
                return Err(wrong("the line begins with a blank, where its key must be"));
            }
            let Some(start) = rest.iter().position(|byte| !is_blank(byte)) else {
                return Err(wrong("the key has no value"));
            };
            if !keys.insert(key) {
                return Err(wrong("the key has a value already"));
            }
            rules.push((key.to_vec(), rest[start..].to_vec()));
        }
        rules.sort_by_key(|(key, _)| std::cmp::Reverse(key.len()));
        Ok(Self { rules })
    }

    /// What stands for what, as pairs of a key and its value. Both may hold anything here.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an empty key, or one that was there before.
    pub fn of<K: Into<Vec<u8>>, V: Into<Vec<u8>>>(pairs: impl IntoIterator<Item = (K, V)>) -> Result<Self> {
        let mut rules: Vec<_> = pairs.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        let mut keys = HashSet::new();
        for (key, _) in &rules {
            let wrong = |why: &str| Error::invalid("key", String::from_utf8_lossy(key), why);
            if key.is_empty() {
                return Err(wrong("it is empty"));
            }
            if !keys.insert(key.as_slice()) {
                return Err(wrong("it has a value already"));
            }
        }
        rules.sort_by_key(|(key, _)| std::cmp::Reverse(key.len()));
        Ok(Self { rules })
    }

    /// `template` with each key replaced wherever it stands, and the keys that stand nowhere. Where several
    /// keys begin at one place the longest counts; what has been put in is not looked at again.
    #[must_use]
    pub fn apply(&self, template: &[u8]) -> (Vec<u8>, Vec<&[u8]>) {
        let mut begins: [Vec<usize>; 256] = std::array::from_fn(|_| Vec::new());
        for (index, (key, _)) in self.rules.iter().enumerate() {
            begins[usize::from(key[0])].push(index);
        }
        let mut used = vec![false; self.rules.len()];
        let mut text = Vec::with_capacity(template.len());
        let mut rest = template;
        while let Some((first, after)) = rest.split_first() {
            let mut candidates = begins[usize::from(*first)].iter();
            if let Some(&index) = candidates.find(|&&index| rest.starts_with(&self.rules[index].0)) {
                let (key, value) = &self.rules[index];
                used[index] = true;
                text.extend_from_slice(value);
                rest = &rest[key.len()..];
            } else {
                text.push(*first);
                rest = after;
            }
        }
        let rules = self.rules.iter().zip(used);
        (text, rules.filter(|(_, used)| !used).map(|((key, _), _)| key.as_slice()).collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mapping(text: &str) -> Mapping {
        Mapping::parse("map.txt", text.as_bytes()).unwrap()
    }

    #[test]
    fn the_example_of_the_seed() {
        let mapping = mapping("${LEAF} 我的树叶\n");
        let (text, unused) = mapping.apply(b"{ \"leaf\":\"${LEAF}\" }\n");
        assert_eq!(text, "{ \"leaf\":\"我的树叶\" }\n".as_bytes());
        assert!(unused.is_empty());
    }

    #[test]
    fn pairs_may_hold_anything_but_nothing_for_a_key() {
        let mapping = Mapping::of([("a b", "x\ny"), ("a b c", "")]).unwrap();
        assert_eq!(mapping.apply(b"-a b-a b c-"), (b"-x\ny--".to_vec(), vec![]));
        assert!(Mapping::of([("", "x")]).is_err() && Mapping::of([("a", "x"), ("a", "y")]).is_err());
    }

    #[test]
    fn the_longest_key_counts_and_nothing_is_replaced_twice() {
        let mapping = mapping("A \t AB\nAB  x A y \n\nC no\n");
        assert_eq!(mapping.apply(b"A AB \xffAAB"), (b"AB x A y  \xffABx A y ".to_vec(), vec![&b"C"[..]]));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, line, why) in [
            ("a b\nkey\n", 2, "no value"),
            ("key \t ", 1, "no value"),
            ("\n value", 2, "begins with a blank"),
            ("a 1\nb 2\na 3", 3, "already"),
        ] {
            let error = Mapping::parse("map.txt", text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(&format!("map.txt:{line}")) && error.contains(why), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_can_be_parsed_and_applied(text in any::<Vec<u8>>(), template in any::<Vec<u8>>()) {
            if let Ok(mapping) = Mapping::parse("map.txt", &text) {
                let _ = mapping.apply(&template);
            }
        }

        #[test]
        fn what_holds_no_key_stays_as_it_is(template in "[a-z\n ]*") {
            let mapping = mapping("KEY value\nK w\n");
            prop_assert_eq!(mapping.apply(template.as_bytes()).0, template.into_bytes());
        }

        #[test]
        fn keys_between_other_bytes_all_give_way(parts in prop::collection::vec("[a-z\u{80}-\u{fff}]*", 1..9)) {
            let mapping = mapping("${KEY} ${KEY}!\n");
            let (text, _) = mapping.apply(parts.join("${KEY}").as_bytes());
            prop_assert_eq!(text, parts.join("${KEY}!").into_bytes());
        }
    }
}
