//! Which files a dynamically linked program needs, found as the dynamic loader finds them.

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::elf::{Elf, Target};
use super::ld_cache::LdCache;

/// The libraries of the host. Each file is read once, however many programs need it.
pub(super) struct Libraries {
    cache: LdCache,
    defaults: Vec<PathBuf>,
    read: HashMap<PathBuf, Option<Rc<Elf>>>,
}

/// A file that is loaded into the program's memory.
struct Loaded {
    /// Where it was found; may go through symbolic links, as in the loader.
    path: PathBuf,
    elf: Rc<Elf>,
    /// Index of the file that asked for it first.
    loader: Option<usize>,
}

impl Libraries {
    /// The libraries that the host's loader knows.
    pub(super) fn of_host() -> Self {
        // A system without that file (musl has none) has its libraries in the default directories.
        let cache = fs::read("/etc/ld.so.cache").map(|bytes| LdCache::parse(&bytes)).unwrap_or_default();
        let multiarch = format!("{}-linux-gnu", std::env::consts::ARCH);
        let defaults = ["/lib", "/usr/lib"].map(|lib| Path::new(lib).join(&multiarch)).into_iter();
        let plain = ["/lib64", "/usr/lib64", "/lib", "/usr/lib"].map(PathBuf::from);
        Self::new(cache, defaults.chain(plain).collect())
    }

    fn new(cache: LdCache, defaults: Vec<PathBuf>) -> Self {
        Self { cache, defaults, read: HashMap::new() }
    }

    /// Everything that has to be in place for `program` to start: its loader and all its libraries, as
    /// absolute paths.
    ///
    /// # Errors
    /// `InvalidData` if it is no ELF file, `NotFound` with the name of a library that is missing.
    pub(super) fn needed_by(&mut self, program: &Path) -> io::Result<Vec<PathBuf>> {
        let elf = self.read(program).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidData, "it is not a program that this host can load")
        })?;
        let interpreter = elf.interpreter.clone();
        let libraries = self.load(program, elf, &[])?;
        Ok(interpreter.into_iter().chain(libraries).collect())
    }

    /// The libraries called `names`, which `program` opens when it runs, with all that these need.
    ///
    /// # Errors
    /// As for [`Self::needed_by`].
    pub(super) fn opened_by(&mut self, program: &Path, names: &[&str]) -> io::Result<Vec<PathBuf>> {
        let Some(elf) = self.read(program) else { return Ok(Vec::new()) };
        let names: Vec<OsString> = names.iter().map(OsString::from).collect();
        self.load(program, elf, &names)
    }

    /// Loads `program`, `more` and what they need, breadth first as the loader does.
    fn load(&mut self, program: &Path, elf: Rc<Elf>, more: &[OsString]) -> io::Result<Vec<PathBuf>> {
        let mut names: HashSet<OsString> = HashSet::new();
        let mut loaded = vec![Loaded { path: fs::canonicalize(program)?, elf, loader: None }];
        let mut at = 0;
        while at < loaded.len() {
            let elf = Rc::clone(&loaded[at].elf);
            let extra = if at == 0 { more } else { &[] };
            for name in elf.needed.iter().chain(extra) {
                if !names.insert(name.clone()) {
                    continue;
                }
                let (path, elf) = self.find(name, &loaded, at).ok_or_else(|| {
                    io::Error::new(io::ErrorKind::NotFound, format!("it needs {}", name.display()))
                })?;
                // A library counts as loaded under its own name too.
                names.extend(elf.soname.clone());
                loaded.push(Loaded { path, elf, loader: Some(at) });
            }
            at += 1;
        }
        Ok(loaded.into_iter().skip(1).map(|library| library.path).collect())
    }

    /// The library that the loader takes for `name` when `loaded[asker]` needs it.
    fn find(&mut self, name: &OsStr, loaded: &[Loaded], asker: usize) -> Option<(PathBuf, Rc<Elf>)> {
        let candidates: Vec<PathBuf> = match name.as_bytes().contains(&b'/') {
            true => directories(name, &loaded[asker].path).collect(),
            false => own_directories(loaded, asker)
                .map(|directory| directory.join(name))
                .chain(self.cache.lookup(name).map(Path::to_owned))
                .chain(self.defaults.iter().map(|directory| directory.join(name)))
                .collect(),
        };
        let target = loaded[0].elf.target;
        candidates.into_iter().find_map(|path| self.library(&path, target).map(|elf| (path, elf)))
    }

    /// `path`, if it is there and made for `target`: the loader goes on past others.
    fn library(&mut self, path: &Path, target: Target) -> Option<Rc<Elf>> {
        self.read(path).filter(|elf| elf.target == target)
    }

    fn read(&mut self, path: &Path) -> Option<Rc<Elf>> {
        if let Some(known) = self.read.get(path) {
            return known.clone();
        }
        // Why a file cannot be read is no matter: the loader could not use it either.
        let elf = File::open(path).and_then(|mut file| Elf::read(&mut file)).ok().flatten().map(Rc::new);
        self.read.insert(path.to_owned(), elf.clone());
        elf
    }
}

/// The directories that `loaded[asker]` brings along: its RUNPATH, else its RPATH and those of the files that
/// had it loaded.
fn own_directories(loaded: &[Loaded], asker: usize) -> impl Iterator<Item = PathBuf> {
    let asked = &loaded[asker];
    let lists: Vec<(&OsStr, &Path)> = match &asked.elf.runpath {
        Some(runpath) => vec![(runpath, &asked.path)],
        None => std::iter::successors(Some(asked), |file| file.loader.map(|loader| &loaded[loader]))
            .filter(|file| file.elf.runpath.is_none())
            .filter_map(|file| Some((file.elf.rpath.as_deref()?, file.path.as_path())))
            .collect(),
    };
    lists.into_iter().flat_map(|(list, path)| directories(list, path))
}

/// The absolute directories in the `:`-separated `list` of the file `path`. Others depend on where the
/// program is started, or on what only the loader knows (`$LIB`, `$PLATFORM`).
fn directories<'a>(list: &'a OsStr, path: &'a Path) -> impl Iterator<Item = PathBuf> + use<'a> {
    list.as_bytes().split(|byte| *byte == b':').filter_map(|entry| {
        let rest = entry.strip_prefix(b"$ORIGIN").or_else(|| entry.strip_prefix(b"${ORIGIN}"));
        let directory = match rest {
            Some(rest) => [path.parent()?.as_os_str().as_bytes(), rest].concat(),
            None => entry.to_vec(),
        };
        (directory.starts_with(b"/") && !directory.contains(&b'$'))
            .then(|| PathBuf::from(OsStr::from_bytes(&directory)))
    })
}

#[cfg(test)]
mod tests {
    use super::super::elf::tests::{NEEDED, RPATH, RUNPATH, SONAME, sample};
    use super::*;

    /// A host with the files given, each a path and its dynamic entries.
    struct Host(tempfile::TempDir);

    impl Host {
        fn new(files: &[(&str, &[(u64, &str)])]) -> Self {
            let host = Self(tempfile::tempdir().unwrap());
            for (path, entries) in files {
                let path = host.path(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, sample(None, entries)).unwrap();
            }
            host
        }

        fn path(&self, path: &str) -> PathBuf {
            // The loader's $ORIGIN has no links in it.
            self.0.path().canonicalize().unwrap().join(path)
        }

        /// What `program` needs, as paths on this host, with `lib` the only default directory.
        fn needed_by(&self, program: &str) -> Result<Vec<String>, String> {
            let mut libraries = Libraries::new(LdCache::default(), vec![self.path("lib")]);
            let needed = libraries.needed_by(&self.path(program)).map_err(|error| error.to_string())?;
            let root = self.path("");
            Ok(needed.iter().map(|path| path.strip_prefix(&root).unwrap().display().to_string()).collect())
        }
    }

    #[test]
    fn libraries_of_libraries_are_found_once_each() {
        let host = Host::new(&[
            ("bin/a", &[(NEEDED, "libb"), (NEEDED, "libc")]),
            ("lib/libb", &[(NEEDED, "libd"), (NEEDED, "libc")]),
            ("lib/libc", &[(NEEDED, "libb")]),
            ("lib/libd", &[]),
        ]);
        assert_eq!(host.needed_by("bin/a").unwrap(), ["lib/libb", "lib/libc", "lib/libd"]);
    }

    #[test]
    fn a_missing_library_is_named() {
        let host = Host::new(&[("bin/a", &[(NEEDED, "libb")]), ("lib/libb", &[(NEEDED, "libno.so.3")])]);
        assert_eq!(host.needed_by("bin/a").unwrap_err(), "it needs libno.so.3");
        assert!(host.needed_by("bin/none").is_err());
    }

    #[test]
    fn rpath_is_inherited_and_comes_first() {
        let host = Host::new(&[
            ("app/bin/a", &[(NEEDED, "libb"), (RPATH, "relative:$ORIGIN/own:${ORIGIN}/more")]),
            ("app/bin/own/libb", &[(NEEDED, "libc")]),
            ("app/bin/more/libc", &[]),
            ("lib/libb", &[]),
            ("lib/libc", &[]),
        ]);
        assert_eq!(host.needed_by("app/bin/a").unwrap(), ["app/bin/own/libb", "app/bin/more/libc"]);
    }

    #[test]
    fn runpath_is_for_the_file_itself_and_stops_rpath() {
        let host = Host::new(&[
            ("app/a", &[(NEEDED, "libb"), (RUNPATH, "$ORIGIN/own"), (RPATH, "$ORIGIN/no")]),
            ("app/own/libb", &[(NEEDED, "libc")]),
            ("app/own/libc", &[]),
            ("app/no/libb", &[]),
            ("lib/libc", &[]),
        ]);
        assert_eq!(host.needed_by("app/a").unwrap(), ["app/own/libb", "lib/libc"]);
    }

    #[test]
    fn a_library_counts_under_its_own_name_too() {
        let host = Host::new(&[
            ("bin/a", &[(NEEDED, "libb"), (NEEDED, "libz")]),
            ("lib/libb", &[(SONAME, "libz")]),
            ("lib/libz", &[]),
        ]);
        assert_eq!(host.needed_by("bin/a").unwrap(), ["lib/libb"]);
    }

    #[test]
    fn libraries_for_another_target_are_passed_over() {
        let host = Host::new(&[
            ("bin/a", &[(NEEDED, "libb"), (RUNPATH, "$ORIGIN/32:$ORIGIN/64")]),
            ("bin/32/libb", &[]),
            ("bin/64/libb", &[]),
        ]);
        let other = host.path("bin/32/libb");
        let mut bytes = fs::read(&other).unwrap();
        bytes[18] = 3; // e_machine: i386
        fs::write(other, bytes).unwrap();
        assert_eq!(host.needed_by("bin/a").unwrap(), ["bin/64/libb"]);
    }
}
