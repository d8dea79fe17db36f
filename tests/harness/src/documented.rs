//! Tables of docs/security.md, which tests keep true.

use std::collections::BTreeSet;
use std::fs;

/// The words in backquotes in the tables of the section with this title.
///
/// # Panics
/// There is no such section.
#[must_use]
pub fn words(title: &str) -> BTreeSet<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/security.md");
    let text = fs::read_to_string(path).expect("docs/security.md");
    let section = text.split("\n## ").find(|section| section.lines().next() == Some(title));
    let section = section.unwrap_or_else(|| panic!("docs/security.md has no section `{title}`"));
    let rows = section.lines().filter(|line| line.starts_with('|'));
    rows.flat_map(|line| line.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
}
