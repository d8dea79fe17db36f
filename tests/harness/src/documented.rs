//! Tables of docs/security.md, which tests keep true.

use std::collections::BTreeSet;

/// The words in backquotes in the tables of the section with this title.
///
/// # Panics
/// There is no such section.
#[must_use]
pub fn words(title: &str) -> BTreeSet<String> {
    // A part of the test: it may run where no sources are.
    let text = include_str!("../../../docs/security.md");
    let section = text.split("\n## ").find(|section| section.lines().next() == Some(title));
    let section = section.unwrap_or_else(|| panic!("docs/security.md has no section `{title}`"));
    let rows = section.lines().filter(|line| line.starts_with('|'));
    rows.flat_map(|line| line.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
}
