//! The tables of the seed, column by column as it prints them: cells in, text out.

use std::fmt::{self, Write};

use unicode_width::UnicodeWidthStr;

use crate::text::printable;

/// A table of `N` columns.
pub(crate) struct Table<const N: usize> {
    /// Title and width of each column.
    columns: [(&'static str, usize); N],
    /// How many dashes are under the titles.
    rule: usize,
}

/// `-s images`
pub(crate) const IMAGES: Table<4> =
    Table { columns: [("image_id", 30), ("version", 10), ("modify_datetime", 19), ("size", 10)], rule: 68 };

/// `-s ssearch`
pub(crate) const REPOSITORY: Table<3> =
    Table { columns: [("image_id", 45), ("modify_datetime", 19), ("size", 10)], rule: 70 };

/// `-s containers`
pub(crate) const CONTAINERS: Table<7> = Table {
    columns: [
        ("container_id", 20),
        ("image", 20),
        ("hostname", 10),
        ("net", 10),
        ("netns", 16),
        ("size", 10),
        ("status", 0),
    ],
    rule: 107,
};

/// `-s top`
pub(crate) const PROCESSES: Table<5> =
    Table { columns: [("pid", 8), ("host_pid", 10), ("user", 12), ("rss", 10), ("command", 0)], rule: 80 };

/// `-s runs`
pub(crate) const RUNS: Table<4> =
    Table { columns: [("run", 8), ("start_datetime", 19), ("status", 16), ("command", 0)], rule: 80 };

/// `-s stats`
pub(crate) const STATS: Table<12> = Table {
    columns: [
        ("container_id", 20),
        ("cpu", 6),
        ("cpu_time", 10),
        ("throttled", 10),
        ("memory", 10),
        ("mem_peak", 10),
        ("mem_limit", 10),
        ("oom", 4),
        ("pids", 10),
        ("read", 10),
        ("written", 10),
        ("net", 0),
    ],
    rule: 138,
};

/// `-s doctor`
pub(crate) const FEATURES: Table<3> =
    Table { columns: [("feature", 16), ("here", 8), ("detail", 0)], rule: 76 };

impl<const N: usize> Table<N> {
    /// The table with `rows`; nothing at all where there is none. As in the seed the titles are padded to the
    /// end of the line and the rows are not, and a cell that is too long pushes the rest to the right.
    pub(crate) fn text(&self, rows: impl IntoIterator<Item = [String; N]>) -> String {
        let mut text = String::new();
        for row in rows {
            if text.is_empty() {
                let titles = self.columns.map(|(title, width)| format!("{title:width$}"));
                text = format!("{}\n{:->2$}\n", titles.join(" "), "", self.rule);
            }
            for (at, (cell, (_, width))) in row.iter().zip(self.columns).enumerate() {
                let between = if at == 0 { "" } else { " " };
                let cell = printable(cell);
                // A letter may take two places on a terminal, or none.
                let room = if at + 1 == N { 0 } else { width.saturating_sub(cell.width()) };
                let _ = write!(text, "{between}{cell}{:room$}", "");
            }
            text.push('\n');
        }
        text
    }
}

/// Bytes in the largest unit that the number exceeds, in whole units: `24 MB`.
pub(crate) struct Size(pub(crate) u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "KB")];
        let (bytes, unit) = units.into_iter().find(|(bytes, _)| self.0 > *bytes).unwrap_or((1, "B"));
        write!(f, "{} {unit}", self.0 / bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_listed_as_in_the_seed() {
        let row = |version: &str, time: &str| ["test", version, time, "24 MB"].map(str::to_owned);
        let rows = [row("_", "2018-11-10T09:21:12"), row("1.0.0", "2018-11-14T07:20:06")];
        assert_eq!(
            IMAGES.text(rows),
            "image_id                       version    modify_datetime     size      \n\
             --------------------------------------------------------------------\n\
             test                           _          2018-11-10T09:21:12 24 MB\n\
             test                           1.0.0      2018-11-14T07:20:06 24 MB\n"
        );
        assert_eq!(IMAGES.text([]), "");
    }

    #[test]
    fn containers_are_listed_as_in_the_seed() {
        let rows = [
            ["test", "test", "test", "BRIDGE", "nns098F6BCD46", "0 B", "RUNNING(89698)"],
            ["calvin=yum", "calvin=rhel-7.4-x86_64", "yum", "HOST", "", "24 MB", "STOPED"],
        ];
        assert_eq!(
            CONTAINERS.text(rows.map(|row| row.map(str::to_owned))),
            "container_id         image                hostname   net        netns            size       status\n\
             -----------------------------------------------------------------------------------------------------------\n\
             test                 test                 test       BRIDGE     nns098F6BCD46    0 B        RUNNING(89698)\n\
             calvin=yum           calvin=rhel-7.4-x86_64 yum        HOST                        24 MB      STOPED\n"
        );
    }

    #[test]
    fn columns_stand_below_one_another_on_a_terminal() {
        let row = |name: &str| [name, "1.0", "2018-11-14T07:20:06", "24 MB"].map(str::to_owned);
        for (name, places) in [("\u{5bb9}\u{5668}=nginx", 10), ("e\u{301}te\u{301}", 3)] {
            let text = IMAGES.text([row(name)]);
            let expected = format!("{name}{:1$} 1.0 ", "", 30 - places);
            assert!(text.lines().nth(2).unwrap().starts_with(&expected), "{text}");
        }
    }

    #[test]
    fn no_cell_reaches_the_terminal_as_a_command() {
        let text = IMAGES.text([["\x1b[2J", "1", "x\ny", "\u{9b}"].map(str::to_owned)]);
        assert_eq!(text.lines().count(), 3);
        assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
    }

    #[test]
    fn a_size_is_in_the_largest_unit_that_it_exceeds() {
        let table = [
            (0, "0 B"),
            (1, "1 B"),
            (1024, "1024 B"),
            (1025, "1 KB"),
            (2047, "1 KB"),
            (1 << 20, "1024 KB"),
            ((24 << 20) + 5, "24 MB"),
            (1 << 30, "1024 MB"),
            ((1 << 30) + 1, "1 GB"),
            (u64::MAX, "17179869183 GB"),
        ];
        for (bytes, text) in table {
            assert_eq!(Size(bytes).to_string(), text);
        }
    }
}
