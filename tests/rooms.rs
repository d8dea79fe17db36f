//! What the documentation says of the code itself. The table of modules in ARCHITECTURE.md has every one, and each uses only
//! those of its own line and above; what is public is for any thread.

use std::path::Path;
use std::{fs, io};

use xdocker_core::{
    Boot, Child, Command, Container, ContainerInfo, ContainerSpec, DetachedRun, Engine, Ephemeral, Error,
    Event, Events, Exchange, ExitRecord, HostReport, Image, ImageStore, LogEntry, Logs, Mapping, RemoteImage,
    Repository, Root, State, Stats, Stdio, Terminal, Watch,
};

/// The modules, a line a list, in the order of the table.
fn table(architecture: &str) -> Vec<Vec<&str>> {
    let section = architecture.split("## The modules of `xdocker-core`").nth(1).unwrap();
    let rows = section.split("\n## ").next().unwrap().lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| row.split('|').nth(1).unwrap().split('`').skip(1).step_by(2).collect()).collect()
}

/// The code below `path`, without its comments and tests.
fn code(path: &Path) -> io::Result<String> {
    if path.is_dir() {
        let inner = fs::read_dir(path)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<io::Result<Vec<_>>>()?;
        let inner = inner.iter().filter(|path| !path.ends_with("tests"));
        return inner.map(|path| code(path)).collect();
    }
    let text = fs::read_to_string(path)?;
    let text = text.split("#[cfg(test)]\nmod ").next().unwrap();
    Ok(text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| [line, "\n"])
        .collect())
}

/// The modules of the crate, and what it re-exports, that `code` names.
fn used(code: &str) -> impl Iterator<Item = &str> {
    code.split("crate::").skip(1).flat_map(|rest| {
        let list = rest.strip_prefix('{').and_then(|list| list.split('}').next());
        let names = list.map_or(vec![rest], |list| list.split(',').collect());
        names
            .into_iter()
            .filter_map(|name| name.trim_start().split(|c: char| !c.is_alphanumeric() && c != '_').next())
    })
}

#[test]
fn a_module_uses_only_what_stands_above_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let architecture = fs::read_to_string(root.join("../ARCHITECTURE.md")).unwrap();
    let table = table(&architecture);
    let library = fs::read_to_string(root.join("src/lib.rs")).unwrap();
    let mut declared: Vec<&str> =
        library.lines().filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';')).collect();
    let mut listed: Vec<&str> = table.concat();
    declared.sort_unstable();
    listed.sort_unstable();
    assert_eq!(listed, declared);

    let line = |module: &str| table.iter().position(|line| line.contains(&module));
    let mut wrong = Vec::new();
    for module in declared {
        let mut text = String::new();
        for path in [root.join("src").join(module), root.join(format!("src/{module}.rs"))] {
            if path.exists() {
                text += &code(&path).unwrap();
            }
        }
        assert!(!text.is_empty(), "{module}");
        wrong.extend(
            used(&text)
                .filter(|other| line(other) > line(module))
                .map(|other| format!("{module} uses {other}")),
        );
    }
    assert!(wrong.is_empty(), "against ARCHITECTURE.md: {wrong:?}");
}

/// It would not compile else.
#[test]
fn what_is_public_is_for_any_thread() {
    fn any<T: Send + Sync + std::fmt::Debug>() {}
    any::<(Engine, Container, ContainerInfo, ContainerSpec, Boot, Ephemeral, Root, Watch, State, ExitRecord)>(
    );
    any::<(Command, Child, Exchange, Terminal, Stdio, DetachedRun, Logs, LogEntry, Events, Event)>();
    any::<(ImageStore, Image, Repository, RemoteImage, Mapping, Stats, HostReport, Error)>();
}
