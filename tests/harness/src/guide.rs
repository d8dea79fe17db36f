//! Documents whose examples are run: what stands in their `console` blocks is what comes out.
//!
//! A line that begins with `# ` is a command, and those below it are what it prints, on either stream. One that begins with
//! the prompt of a container is typed on the terminal that the command has opened. What differs from one run to the next
//! (times, sizes, process ids, temporary names) is not compared.
//!
//! With `XDOCKER_WRITE_DOCS` in the environment nothing is compared: the blocks are written anew.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// What a command line in a block begins with.
const COMMAND: &str = "# ";

/// A document with examples.
#[derive(Debug)]
pub struct Document {
    path: PathBuf,
    text: String,
}

/// A `console` block.
#[derive(Clone, Debug)]
pub struct Block {
    /// The name in the comment `<!-- NAME -->` above it: whose output it is, if it is not run by itself.
    pub name: Option<String>,
    lines: Vec<String>,
    /// Which lines of the document they are: from, to.
    place: (usize, usize),
}

/// A command of a block, what is typed while it runs, and what is printed.
#[derive(Clone, Debug)]
pub struct Command {
    /// As a shell takes it.
    pub line: String,
    /// What is typed on the terminal that it opens.
    pub typed: Vec<String>,
}

impl Document {
    /// Reads the document at `path`.
    ///
    /// # Panics
    /// It cannot be read.
    #[must_use]
    pub fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        Self { path: path.to_owned(), text }
    }

    /// Its `console` blocks.
    #[must_use]
    pub fn blocks(&self) -> Vec<Block> {
        let lines: Vec<_> = self.text.lines().collect();
        let mut blocks = Vec::new();
        let mut at = 0;
        while let Some(begin) = (at..lines.len()).find(|at| lines[*at] == "```console") {
            let end = (begin..lines.len()).find(|at| lines[*at] == "```").expect("the end of a block");
            let comment = begin.checked_sub(1).and_then(|above| lines[above].strip_prefix("<!-- "));
            let name = comment.and_then(|comment| comment.strip_suffix(" -->")).map(str::to_owned);
            let content = lines[begin + 1..end].iter().map(|line| (*line).to_owned()).collect();
            blocks.push(Block { name, lines: content, place: (begin + 1, end) });
            at = end + 1;
        }
        blocks
    }

    /// Checks that each block says what was said, or writes it down. `said` has a text for each block of `blocks`.
    ///
    /// # Panics
    /// A block says something else.
    pub fn check(&self, blocks: &[Block], said: &[String]) {
        assert_eq!(blocks.len(), said.len());
        if env::var_os("XDOCKER_WRITE_DOCS").is_some() {
            // Others may have written other blocks since: only lines that were ours are changed, from the end on.
            let text = fs::read_to_string(&self.path).expect("the document");
            let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
            for (block, said) in blocks.iter().zip(said).rev() {
                lines.splice(
                    block.place.0..block.place.1,
                    said.lines().map(|line| line.trim_end().to_owned()),
                );
            }
            return fs::write(&self.path, lines.join("\n") + "\n").expect("the document");
        }
        for (block, said) in blocks.iter().zip(said) {
            let normal =
                |text: &str| text.lines().map(normal).filter(|line| !line.is_empty()).collect::<Vec<_>>();
            let (written, real) = (normal(&block.lines.join("\n")), normal(said));
            let line = block.place.0;
            assert!(
                written == real,
                "{}:{line} says\n{written:#?}\nbut it is\n{real:#?}",
                self.path.display()
            );
        }
    }
}

impl Block {
    /// What it tells to do.
    #[must_use]
    pub fn commands(&self) -> Vec<Command> {
        let mut commands: Vec<Command> = Vec::new();
        for line in &self.lines {
            if let Some(line) = line.strip_prefix(COMMAND) {
                commands.push(Command { line: line.to_owned(), typed: Vec::new() });
            } else if let (Some(keys), Some(command)) = (typed(line), commands.last_mut()) {
                command.typed.push(keys.to_owned());
            }
        }
        commands
    }
}

/// What stands behind the prompt of a container, `[root@test /root] `.
fn typed(line: &str) -> Option<&str> {
    let (_, rest) = line.strip_prefix('[')?.split_once('@')?;
    let (prompt, keys) = rest.split_once("] ")?;
    (prompt.split(' ').count() == 2).then_some(keys)
}

/// A line without what differs from one run to the next, and without how wide its columns are.
fn normal(line: &str) -> String {
    let words: Vec<_> = line.split_whitespace().collect();
    let is_command = line.starts_with(COMMAND);
    let mut out: Vec<String> = Vec::new();
    for word in words {
        let digits = word.bytes().all(|byte| byte.is_ascii_digit());
        let size = matches!(word, "B" | "KB" | "MB" | "GB");
        if size
            && out.last().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit() || byte == b'N'))
        {
            out.pop();
            out.push("SIZE".to_owned());
        } else if is_time(word) {
            out.push("TIME".to_owned());
        } else if digits && word.len() > 3 && !is_command {
            out.push("N".to_owned());
        } else if let Some(rest) = word.strip_prefix("RUNNING(") {
            out.push(format!("RUNNING({}", rest.trim_start_matches(|c: char| c.is_ascii_digit())));
        } else {
            out.push(without_scratch(word));
        }
    }
    out.join(" ")
}

/// `2018-11-10T09:21:12`
fn is_time(word: &str) -> bool {
    let shape = "0000-00-00T00:00:00";
    word.len() == shape.len()
        && word.bytes().zip(shape.bytes()).all(|(a, b)| if b == b'0' { a.is_ascii_digit() } else { a == b })
}

/// A path without the directory, made for one run, that it begins with.
fn without_scratch(word: &str) -> String {
    match word.find(".scratch/").or_else(|| word.find("/xdocker-scenario.")) {
        Some(at) => {
            let begin = word[..at].find('/').unwrap_or(at);
            let rest = word[at + 1..].split_once('/').map_or("", |(_, rest)| rest);
            format!("{}SCRATCH/{rest}", &word[..begin])
        }
        None => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_from_run_to_run_does_not_count() {
        let row = "test    1.0.0      2018-11-10T09:21:12 24 MB";
        assert_eq!(normal(row), normal("test 1.0.0  2026-01-02T03:04:05 1234 KB"));
        assert_eq!(normal("a 0 B RUNNING(17)"), normal("a 5 B  RUNNING(89698)"));
        assert_ne!(normal("a 0 B STOPED"), normal("a 0 B RUNNING(1)"));
        assert_ne!(normal("# exit 1234"), normal("# exit 1235"));
        let path = |random: &str| normal(&format!("# cat '/tmp/xdocker-scenario.{random}/left.map' x"));
        assert_eq!(path("abc"), path("xyz"));
    }

    #[test]
    fn what_follows_a_prompt_is_typed() {
        assert_eq!(typed("[root@test /root] exit 3"), Some("exit 3"));
        assert_eq!(typed("[notice] nothing"), None);
        assert_eq!(typed("OK"), None);
    }
}
