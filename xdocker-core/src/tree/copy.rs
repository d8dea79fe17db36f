//! Copying a tree: every type of file, with all that makes one differ from another.
//!
//! Kept are owners, modes, times to the nanosecond, all extended attributes (ACLs, capabilities and the
//! marks of overlay included), hard links, holes and device nodes, so also whiteouts. Blocks are shared
//! where the file system can, else copied within the kernel.

use std::collections::HashMap;
use std::ffi::{CStr, CString, OsStr};
use std::fs::File;
use std::io;
use std::num::NonZero;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use nix::dir::Type;
use nix::fcntl::{AtFlags, OFlag, openat, readlinkat};
use nix::sys::stat::{
    FchmodatFlags, FileStat, Mode, SFlag, UtimensatFlags, fchmodat, fstat, fstatat, mkdirat, mknodat,
    utimensat,
};
use nix::unistd::{Gid, Uid, fchownat, linkat, symlinkat};

use super::content::Contents;
use super::dress::{copy_attributes, finish, times};
use super::entries;
use super::open::{is_made_up, open_regular};
use super::walk::{Place, Visit};
use crate::error::{Error, Result};
use crate::progress::Gauge;
use crate::sys::xattr::Node;
use crate::users::Owners;

/// Most threads at work: more only wait for one another at the directory that is being filled.
const THREADS: usize = 4;

/// How many entries of a directory a thread takes at a time.
const BATCH: usize = 64;

/// What the trees are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    /// Others may change either tree meanwhile, and mean us harm. What is mounted in the source belongs to it; what goes
    /// before we come to it does not. Attributes that the target cannot hold are left out, as cp(1) does.
    pub(crate) shared: bool,
    /// Whether device nodes are made.
    pub(crate) devices: bool,
    /// Whose the copies are.
    pub(crate) owners: Owners,
}

impl Rules {
    /// A layer, which nobody changes, and all of which counts.
    const LAYER: Self = Self { shared: false, devices: true, owners: Owners::Same };

    /// Files of a container's, or for one, whose owners stay who they are.
    pub(crate) fn files(devices: bool) -> Self {
        Self { shared: true, devices, owners: Owners::Same }
    }
}

/// What is copied.
#[derive(Debug)]
pub(crate) struct Source {
    /// An open directory.
    pub(crate) directory: OwnedFd,
    /// What of it: this entry, or all that it holds, and what it is itself.
    pub(crate) name: Option<CString>,
    /// The directory's path, for messages.
    pub(crate) path: PathBuf,
}

/// Makes `to`, an empty directory that nobody else sees, a copy of the tree `from`, which nobody changes.
///
/// # Errors
/// [`Error::File`] with the first file that cannot be copied, [`Error::Interrupted`]; `to` is then filled in part.
pub(crate) fn copy_tree(from: &Path, to: &Path, gauge: &Gauge) -> Result<()> {
    let open = |path: &Path| File::open(path).map(OwnedFd::from).map_err(Error::file("open", path));
    let source = Source { directory: open(from)?, name: None, path: from.to_owned() };
    copy(source, open(to)?, Rules::LAYER, gauge).map(drop)
}

/// Copies `source` into `to`, a new directory of ours. Says how many bytes the files hold, and the gauge how many of them
/// are through.
///
/// # Errors
/// As [`copy_tree`].
pub(crate) fn copy(source: Source, to: OwnedFd, rules: Rules, gauge: &Gauge) -> Result<u64> {
    let (from, to) = (Place::of(source.directory), Place::of(to));
    let mut copy = Copy {
        source: &source.path,
        rules,
        contents: Contents::new(rules.shared && is_made_up(&from.above), gauge),
        gauge,
        links: Mutex::default(),
        jobs: Mutex::default(),
        changed: Condvar::new(),
    };
    let jobs = copy.jobs.get_mut().unwrap_or_else(PoisonError::into_inner);
    match source.name {
        None => jobs.directories.push((from, to)),
        Some(name) => {
            let open = |place: Place| place.visit().map_err(io::Error::from);
            let open = |place| open(place).map_err(Error::file("open", &source.path));
            let pair = Pair::new(open(from)?, open(to)?).map_err(Error::file("open", &source.path))?;
            // It never comes to an end: neither directory is what is copied.
            pair.left.store(usize::MAX, Ordering::Relaxed);
            jobs.batches.push(Batch { pair: Arc::new(pair), entries: vec![(name, None)] });
        }
    }
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(THREADS);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| copy.work());
        }
    });
    gauge.check()?;
    let failure = copy.jobs.into_inner().unwrap_or_else(PoisonError::into_inner).failure;
    failure.map_or(Ok(copy.contents.bytes()), Err)
}

/// A directory whose entries are being copied.
struct Pair {
    from: Visit,
    /// What the first was like before anybody read it.
    stat: FileStat,
    to: Visit,
    /// Batches not yet done; whoever does the last one finishes the directory.
    left: AtomicUsize,
}

/// Some entries of a directory.
struct Batch {
    pair: Arc<Pair>,
    entries: Vec<(CString, Option<Type>)>,
}

/// What is still to do. Batches go first, so that few directories are open at a time.
#[derive(Default)]
struct Jobs {
    directories: Vec<(Place, Place)>,
    batches: Vec<Batch>,
    /// Jobs that threads are doing, and which may bring more.
    active: usize,
    failure: Option<Error>,
}

enum Job {
    Directory(Place, Place),
    Batch(Batch),
}

struct Copy<'a> {
    /// For messages.
    source: &'a Path,
    rules: Rules,
    contents: Contents<'a>,
    gauge: &'a Gauge,
    /// Where the first name of each file with several is, by device and inode.
    links: Mutex<HashMap<(u64, u64), Place>>,
    jobs: Mutex<Jobs>,
    changed: Condvar,
}

/// A failure, with the file that it is about.
type Failure = (CString, io::Error);

impl Copy<'_> {
    /// The loop of each thread.
    fn work(&self) {
        while let Some(job) = self.next() {
            let done = match job {
                Job::Directory(from, to) => self.directory(from, to),
                Job::Batch(batch) => self.batch(batch),
            };
            let mut jobs = self.lock();
            jobs.active -= 1;
            if let Err((path, source)) = done {
                let path = Path::new(OsStr::from_bytes(path.to_bytes()));
                let path = self.source.join(path.strip_prefix(".").unwrap_or(path)).components().collect();
                jobs.failure.get_or_insert(Error::File { action: "copy", path, source });
            }
            self.changed.notify_all();
        }
    }

    /// The next job; waits while others may bring one. `None` when all is done, something failed, or it is to stop.
    fn next(&self) -> Option<Job> {
        let mut jobs = self.lock();
        loop {
            if jobs.failure.is_some() || self.gauge.is_stopped() {
                return None;
            }
            let job = match jobs.batches.pop() {
                Some(batch) => Some(Job::Batch(batch)),
                None => jobs.directories.pop().map(|(from, to)| Job::Directory(from, to)),
            };
            if job.is_some() {
                jobs.active += 1;
                return job;
            }
            if jobs.active == 0 {
                return None;
            }
            jobs = self.changed.wait(jobs).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Jobs> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Splits a directory into batches.
    fn directory(&self, from: Place, to: Place) -> Result<(), Failure> {
        let path = from.path.clone();
        let split = || -> io::Result<()> {
            let from = match self.rules.shared {
                true => from.visit_across_mounts(),
                false => from.visit(),
            };
            let pair = Pair::new(from?, to.visit()?)?;
            let skipped = self.rules.shared && !self.contents.made_up && is_made_up(&pair.from.directory);
            let mut entries = if skipped { Vec::new() } else { entries(&pair.from.directory)? };
            if entries.is_empty() {
                return pair.finish(self.rules);
            }
            pair.left.store(entries.len().div_ceil(BATCH), Ordering::Relaxed);
            let pair = Arc::new(pair);
            let mut jobs = self.lock();
            while !entries.is_empty() {
                let entries = entries.split_off(entries.len().saturating_sub(BATCH));
                jobs.batches.push(Batch { pair: Arc::clone(&pair), entries });
            }
            Ok(())
        };
        split().map_err(|error| (path, error))
    }

    fn batch(&self, batch: Batch) -> Result<(), Failure> {
        let Batch { pair, entries } = batch;
        for (name, kind) in entries {
            self.entry(&pair, &name, kind).map_err(|error| (pair.from.child(&name).path, error))?;
        }
        if pair.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            pair.finish(self.rules).map_err(|error| (pair.from.child(c".").path, error))?;
        }
        Ok(())
    }

    fn entry(&self, pair: &Pair, name: &CStr, kind: Option<Type>) -> io::Result<()> {
        if kind == Some(Type::File) {
            return self.file(pair, name);
        }
        let (from, to) = (&pair.from.directory, &pair.to.directory);
        let stat = fstatat(from, name, AtFlags::AT_SYMLINK_NOFOLLOW);
        let Some(stat) = self.unless_gone(stat.map_err(Into::into))? else { return Ok(()) };
        let mode = Mode::from_bits_truncate(stat.st_mode);
        match SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT {
            SFlag::S_IFREG => return self.file(pair, name),
            SFlag::S_IFDIR => {
                mkdirat(to, name, Mode::S_IRWXU)?;
                self.lock().directories.push((pair.from.child(name), pair.to.child(name)));
                self.changed.notify_one();
                return Ok(());
            }
            SFlag::S_IFLNK => {
                let target = readlinkat(from, name).map_err(Into::into);
                let Some(target) = self.unless_gone(target)? else { return Ok(()) };
                if self.create(pair, name, &stat, || symlinkat(target.as_os_str(), to, name))?.is_none() {
                    return Ok(());
                }
                self.own(to, name, &stat)?;
            }
            SFlag::S_IFCHR | SFlag::S_IFBLK if !self.rules.devices => {
                return Err(io::Error::new(
                    io::ErrorKind::PermissionDenied,
                    "it is a device, and the container may make none",
                ));
            }
            node => {
                let make = || mknodat(to, name, node, Mode::S_IRUSR, stat.st_rdev);
                if self.create(pair, name, &stat, make)?.is_none() {
                    return Ok(());
                }
                self.own(to, name, &stat)?;
                fchmodat(to, name, mode, FchmodatFlags::NoFollowSymlink)?;
            }
        }
        let attributes = [Node::In(from.as_fd(), name.to_bytes()), Node::In(to.as_fd(), name.to_bytes())];
        if self.unless_gone(copy_attributes(attributes[0], attributes[1], self.rules))?.is_none() {
            return Ok(());
        }
        let (accessed, modified) = times(&stat);
        Ok(utimensat(to, name, &accessed, &modified, UtimensatFlags::NoFollowSymlink)?)
    }

    /// Gives what cannot be opened the owner that a copy of it has.
    fn own(&self, to: &OwnedFd, name: &CStr, stat: &FileStat) -> io::Result<()> {
        let (uid, gid) = self.rules.owners.of(stat.st_uid, stat.st_gid)?;
        let (uid, gid) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
        Ok(fchownat(to, name, uid, gid, AtFlags::AT_SYMLINK_NOFOLLOW)?)
    }

    /// `None` for what has gone from a tree that others may change.
    fn unless_gone<T>(&self, found: io::Result<T>) -> io::Result<Option<T>> {
        match found {
            Err(why) if self.rules.shared && why.kind() == io::ErrorKind::NotFound => Ok(None),
            found => found.map(Some),
        }
    }

    fn file(&self, pair: &Pair, name: &CStr) -> io::Result<()> {
        let (from, to) = (&pair.from.directory, &pair.to.directory);
        let flags = OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let opened = match self.rules.shared {
            true => open_regular(from, name),
            false => {
                let source = openat(from, name, flags | OFlag::O_RDONLY, Mode::empty())?;
                fstat(&source).map(|stat| (source, stat)).map_err(Into::into)
            }
        };
        let Some((source, stat)) = self.unless_gone(opened)? else { return Ok(()) };
        let make = flags | OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL;
        // Nobody else may open it before it is whole and theirs to open; set-uid comes last.
        let mode = Mode::from_bits_truncate(stat.st_mode & 0o777);
        let create = || openat(to, name, make, mode);
        let Some(target) = self.create(pair, name, &stat, create)? else { return Ok(()) };
        self.contents.copy(&source, &target, &stat)?;
        finish(&source, &target, &stat, self.rules)
    }

    /// Makes the first name of a file with `create`; `None` for a further name, which is linked to it.
    fn create<T>(
        &self,
        pair: &Pair,
        name: &CStr,
        stat: &FileStat,
        create: impl FnOnce() -> nix::Result<T>,
    ) -> nix::Result<Option<T>> {
        if stat.st_nlink < 2 {
            return create().map(Some);
        }
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(first) = links.get(&(stat.st_dev, stat.st_ino)) {
            // By its directory: a call that takes names follows the links that others may put on the way.
            let (above, first) = first.split();
            let directory = above.visit()?.directory;
            let to = &pair.to.directory;
            return linkat(&directory, first.as_c_str(), to, name, AtFlags::empty()).map(|()| None);
        }
        // The lock is held until the file is there, so that whoever finds the entry can link to it.
        let created = create()?;
        links.insert((stat.st_dev, stat.st_ino), pair.to.child(name));
        Ok(Some(created))
    }
}

impl Pair {
    fn new(from: Visit, to: Visit) -> io::Result<Self> {
        let stat = fstat(&from.directory)?;
        Ok(Self { from, stat, to, left: AtomicUsize::new(0) })
    }

    /// Gives the directory what making its entries would have changed: times first of all, but also the
    /// default ACL that they would have inherited.
    fn finish(&self, rules: Rules) -> io::Result<()> {
        finish(&self.from.directory, &self.to.directory, &self.stat, rules)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs::{self, File};
    use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, chown, lchown, symlink};
    use std::path::PathBuf;

    use nix::sys::stat::mknod;
    use nix::sys::time::TimeSpec;

    use super::*;
    use crate::home::scratch::{Scratch, deep};

    /// All that tells one file from another.
    #[derive(Debug, PartialEq)]
    struct Node {
        mode: u32,
        owner: (u32, u32),
        device: u64,
        modified: (i64, i64),
        links: u64,
        content: Vec<u8>,
        attributes: Vec<(CString, Vec<u8>)>,
        /// The first name of the same file.
        same: PathBuf,
    }

    fn nodes(root: &Path) -> BTreeMap<PathBuf, Node> {
        fn visit(
            root: &Path,
            path: &Path,
            nodes: &mut BTreeMap<PathBuf, Node>,
            files: &mut HashMap<u64, PathBuf>,
        ) {
            let stat = fs::symlink_metadata(path).unwrap();
            let name = path.strip_prefix(root).unwrap().to_owned();
            let content = match stat.file_type() {
                kind if kind.is_file() => fs::read(path).unwrap(),
                kind if kind.is_symlink() => {
                    fs::read_link(path).unwrap().into_os_string().into_encoded_bytes()
                }
                _ => Vec::new(),
            };
            let parent = File::open(path.parent().unwrap()).unwrap();
            let node = super::Node::In(parent.as_fd(), path.file_name().unwrap().as_bytes());
            let attributes = node.list().unwrap().into_iter();
            nodes.insert(
                name.clone(),
                Node {
                    mode: stat.mode(),
                    owner: (stat.uid(), stat.gid()),
                    device: stat.rdev(),
                    modified: (stat.mtime(), stat.mtime_nsec()),
                    links: stat.nlink(),
                    content,
                    attributes: attributes
                        .map(|name| {
                            let value = node.get(&name).unwrap().unwrap();
                            (name, value)
                        })
                        .collect(),
                    same: files.entry(stat.ino()).or_insert(name).clone(),
                },
            );
            if stat.is_dir() {
                let mut names: Vec<_> =
                    fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
                names.sort();
                for path in names {
                    visit(root, &path, nodes, files);
                }
            }
        }
        let mut nodes = BTreeMap::new();
        visit(root, root, &mut nodes, &mut HashMap::new());
        nodes
    }

    fn attribute(path: &Path, name: &CStr, value: &[u8]) {
        let parent = File::open(path.parent().unwrap()).unwrap();
        super::Node::In(parent.as_fd(), path.file_name().unwrap().as_bytes()).set(name, value).unwrap();
    }

    fn age(path: &Path, seconds: i64) {
        let time = TimeSpec::new(seconds, 123_456_789);
        utimensat(nix::fcntl::AT_FDCWD, path, &time, &time, UtimensatFlags::NoFollowSymlink).unwrap();
    }

    /// An ACL as the kernel keeps it: version 2, then owner, user 1000, group, mask and others.
    fn acl() -> Vec<u8> {
        let entries = [
            (0x01, 6, u32::MAX),
            (0x02, 4, 1000),
            (0x04, 0, u32::MAX),
            (0x10, 4, u32::MAX),
            (0x20, 0, u32::MAX),
        ];
        let mut acl = 2u32.to_le_bytes().to_vec();
        for (tag, rights, id) in entries {
            acl.extend_from_slice(&u16::to_le_bytes(tag));
            acl.extend_from_slice(&u16::to_le_bytes(rights));
            acl.extend_from_slice(&u32::to_le_bytes(id));
        }
        acl
    }

    #[test]
    fn everything_that_makes_files_differ_is_copied() {
        let scratch = Scratch::new("copy");
        let (from, to) = (scratch.path().join("from"), scratch.path().join("to"));
        fs::create_dir_all(from.join("a/b")).unwrap();
        fs::create_dir(&to).unwrap();

        fs::write(from.join("a/b/set-uid"), "program").unwrap();
        chown(from.join("a/b/set-uid"), Some(3_000_000_000), Some(7)).unwrap();
        fs::set_permissions(from.join("a/b/set-uid"), fs::Permissions::from_mode(0o6751)).unwrap();
        // VFS_CAP_REVISION_2, effective, cap_net_raw.
        let capability = [0x01, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        attribute(&from.join("a/b/set-uid"), c"security.capability", &capability);
        attribute(&from.join("a/b/set-uid"), c"user.empty", b"");
        attribute(&from.join("a/b/set-uid"), c"system.posix_acl_access", &acl());
        fs::hard_link(from.join("a/b/set-uid"), from.join("link-of-set-uid")).unwrap();

        // A whiteout of overlay; overlay links all that it makes to one another.
        mknod(&from.join("whiteout"), SFlag::S_IFCHR, Mode::empty(), 0).unwrap();
        fs::hard_link(from.join("whiteout"), from.join("a/whiteout-too")).unwrap();
        attribute(&from.join("a"), c"trusted.overlay.opaque", b"y");
        mknod(&from.join("block"), SFlag::S_IFBLK, Mode::S_IRWXU | Mode::S_IRWXO, 0x1_0203).unwrap();
        mknod(&from.join("fifo"), SFlag::S_IFIFO, Mode::S_IRWXO, 0).unwrap();
        symlink("/nowhere/at all", from.join("link")).unwrap();
        lchown(from.join("link"), Some(5), Some(6)).unwrap();
        attribute(&from.join("link"), c"trusted.of-link", b"value");
        let canary = scratch.path().join("canary");
        fs::write(&canary, "").unwrap();
        let before = fs::metadata(&canary).unwrap();
        symlink(&canary, from.join("link-to-outside")).unwrap();
        fs::write(from.join(OsStr::from_bytes(b"odd \n\xff name")), "").unwrap();

        let default = from.join("with-default-acl");
        fs::create_dir(&default).unwrap();
        fs::create_dir(default.join("inner")).unwrap();
        fs::write(default.join("file"), "").unwrap();
        attribute(&default, c"system.posix_acl_default", &acl());
        fs::set_permissions(&default, fs::Permissions::from_mode(0o3070)).unwrap();
        fs::create_dir(from.join("many")).unwrap();
        for number in 0..3 * BATCH {
            fs::write(from.join(format!("many/{number}")), number.to_string()).unwrap();
        }
        for (number, name) in
            ["a/b/set-uid", "whiteout", "link", "fifo", "many/7", "a/b", "a", "many", "with-default-acl"]
                .iter()
                .enumerate()
        {
            age(&from.join(name), -1_000 + 3_000_000_000 * i64::from(u8::try_from(number).unwrap() % 2));
        }
        age(&from, 1);

        copy_tree(&from, &to, &Gauge::default()).unwrap();
        assert_eq!(nodes(&to), nodes(&from));
        let after = fs::metadata(&canary).unwrap();
        let changed = |stat: &fs::Metadata| (stat.mode(), stat.ctime(), stat.ctime_nsec());
        assert_eq!(changed(&after), changed(&before), "CVE-2021-41089");
    }

    #[test]
    fn holes_stay_holes() {
        let scratch = Scratch::new("copy-holes");
        let (from, to) = (scratch.path().join("from"), scratch.path().join("to"));
        for path in [&from, &to] {
            fs::create_dir(path).unwrap();
        }
        let make = |name: &str, data: &[u64], length| {
            let file = File::create(from.join(name)).unwrap();
            data.iter().for_each(|offset| file.write_all_at(b"data", *offset).unwrap());
            file.set_len(length).unwrap();
        };
        make("empty", &[], 0);
        make("hole", &[], 1 << 30);
        make("holes", &[1 << 20, 5 << 20, (5 << 20) + 4096], 1 << 24);
        make("ends-with-data", &[1 << 24], (1 << 24) + 4);
        make("begins-with-data", &[0], 1 << 24);
        copy_tree(&from, &to, &Gauge::default()).unwrap();
        for name in ["empty", "hole", "holes", "ends-with-data", "begins-with-data"] {
            let (old, new) = (fs::metadata(from.join(name)).unwrap(), fs::metadata(to.join(name)).unwrap());
            assert_eq!((new.len(), new.blocks()), (old.len(), old.blocks()), "{name}");
            if name != "hole" {
                assert!(fs::read(from.join(name)).unwrap() == fs::read(to.join(name)).unwrap(), "{name}");
            }
        }
    }

    #[test]
    fn a_tree_of_any_depth_is_copied() {
        let scratch = Scratch::new("copy-deep");
        let (from, to) = (scratch.path().join("from"), scratch.path().join("to"));
        for path in [&from, &to] {
            fs::create_dir(path).unwrap();
        }
        deep(&from, 3_000);
        copy_tree(&from, &to, &Gauge::default()).unwrap();
        let size = crate::image::TreeSize::measure(&to).unwrap();
        assert_eq!(size.entries, 6_000);
    }

    #[test]
    fn a_failure_names_the_file_and_ends_all_threads() {
        let scratch = Scratch::new("copy-failure");
        let (from, to) = (scratch.path().join("from"), scratch.path().join("to"));
        fs::create_dir_all(from.join("a/b")).unwrap();
        fs::create_dir(&to).unwrap();
        fs::write(from.join("a/b/file"), "").unwrap();
        // What is mounted in a layer is no part of it.
        let in_namespace = || {
            use nix::mount::{MsFlags, mount};
            use nix::sched::{CloneFlags, unshare};
            unshare(CloneFlags::CLONE_NEWNS).unwrap();
            let none = None::<&str>;
            mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).unwrap();
            mount(Some("tmpfs"), &from.join("a/b"), Some("tmpfs"), MsFlags::empty(), none).unwrap();
            copy_tree(&from, &to, &Gauge::default()).unwrap_err()
        };
        let error = thread::scope(|scope| scope.spawn(in_namespace).join().unwrap());
        assert_eq!(error.to_string(), format!("cannot copy {}", from.join("a/b").display()));
    }
}
