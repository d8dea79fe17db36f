//! Stages: directories below `.work` in which a thing is built before it gets its name, or dies after it
//! has lost it.

use std::fs::{self, DirBuilder, File};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, FlockArg, RenameFlags, renameat2};
use nix::unistd::syncfs;

use super::{DirectoryLock, Durability, sync_directory};
use crate::error::{Error, Result};
use crate::tree;

/// What the names of stages begin with that are no rubbish when nobody holds them.
const KEPT: &str = "kept-";
/// How long they are left.
const KEPT_FOR: Duration = Duration::from_secs(7 * 24 * 3600);

/// A new directory in `.work`, held by its maker and deleted on drop.
#[derive(Debug)]
pub(crate) struct Stage {
    path: PathBuf,
    /// `None` for a tree that the one who deletes it has locked already.
    lock: Option<DirectoryLock>,
    /// Whether it is still ours to delete.
    ours: bool,
}

impl Stage {
    /// Makes an empty stage in `work`.
    pub(super) fn new(work: &Path, kind: &str) -> Result<Self> {
        loop {
            let path = name(work, kind);
            match DirBuilder::new().mode(0o700).create(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(Error::file("create", path)(error)),
                Ok(()) => {}
            }
            // A sweep may come between mkdir and flock; then it has the directory, and we make another.
            match DirectoryLock::attempt(&path, FlockArg::LockExclusiveNonblock) {
                Ok(Some(lock)) => return Ok(Self { path, lock: Some(lock), ours: true }),
                Ok(None) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(Error::file("lock", path)(error)),
            }
        }
    }

    /// Makes an empty stage that stays for another attempt at `what` if we are killed: [`kept`] finds it.
    pub(super) fn to_keep(work: &Path, what: &str) -> Result<Self> {
        Self::new(work, &format!("{KEPT}{what}"))
    }

    /// Makes a stage of the tree at `from`, which loses its name; `None` when there is none. Needs no space
    /// on the disk, so that deleting works when it is full.
    pub(super) fn taking(work: &Path, from: &Path, kind: &'static str) -> Result<Option<Self>> {
        let lock = match DirectoryLock::attempt(from, FlockArg::LockExclusiveNonblock) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            lock => lock.map_err(Error::file("lock", from))?,
        };
        loop {
            let path = name(work, kind);
            match renameat2(AT_FDCWD, from, AT_FDCWD, &path, RenameFlags::RENAME_NOREPLACE) {
                Ok(()) => return Ok(Some(Self { path, lock, ours: true })),
                Err(Errno::EEXIST) => {}
                Err(Errno::ENOENT) => return Ok(None),
                Err(errno) => return Err(Error::file("delete", from)(errno.into())),
            }
        }
    }

    /// Where to build.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Brings everything in the stage to the disk, whole trees included, by a sync of its file system: for
    /// ten thousand files that is one wait instead of ten thousand.
    ///
    /// # Errors
    /// [`Error::File`], a write error of the disk that nobody heard of yet included.
    pub(crate) fn sync(&self) -> Result<()> {
        let directory = File::open(&self.path).map_err(Error::file("open", &self.path))?;
        syncfs(&directory).map_err(|errno| Error::file("sync", &self.path)(errno.into()))
    }

    /// Gives the stage its name `to`, whose parent must exist: afterwards it is no stage any more.
    ///
    /// [`Durability::Synced`] brings the records (the files directly in the stage) to the disk before, and
    /// the name after it; for trees call [`Stage::sync`] first. The stage directory needs no sync of its
    /// own: file systems with a journal never keep a rename and lose the entries made before it.
    ///
    /// # Errors
    /// [`Error::File`], of kind `AlreadyExists` when the name is taken, whatever by: that stays untouched.
    /// The stage is deleted then.
    pub(crate) fn publish(mut self, to: &Path, durability: Durability) -> Result<()> {
        if durability == Durability::Synced {
            self.sync_records()?;
        }
        renameat2(AT_FDCWD, &self.path, AT_FDCWD, to, RenameFlags::RENAME_NOREPLACE)
            .map_err(|errno| Error::file("create", to)(errno.into()))?;
        self.ours = false;
        // Free before the wait for the disk: whoever sees the name may want to lock it.
        self.lock = None;
        match (durability, to.parent()) {
            (Durability::Synced, Some(parent)) => sync_directory(parent),
            _ => Ok(()),
        }
    }

    /// Brings the files directly in the stage to the disk.
    pub(super) fn sync_records(&self) -> Result<()> {
        for entry in fs::read_dir(&self.path).map_err(Error::file("read", &self.path))? {
            let entry = entry.map_err(Error::file("read", &self.path))?;
            let path = entry.path();
            if entry.file_type().map_err(Error::file("read", &path))?.is_file() {
                File::open(&path).and_then(|file| file.sync_all()).map_err(Error::file("sync", &path))?;
            }
        }
        Ok(())
    }

    /// Leaves the stage as it is: for the next sweep, or, if it is one [to keep](super::Home::stage_to_keep), for another
    /// attempt.
    pub(crate) fn leave(mut self) {
        self.ours = false;
    }

    /// Deletes the stage with everything in it: what drop does, for callers who want to know.
    ///
    /// # Errors
    /// [`Error::File`]; the next sweep tries again.
    pub(crate) fn remove(mut self) -> Result<()> {
        self.ours = false;
        delete(&self.path)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if self.ours
            && let Err(error) = delete(&self.path)
        {
            tracing::warn!("{}; it will be tried again", error.chain());
        }
    }
}

/// The stages in `work` that nobody holds any more, held by us from now on.
pub(super) fn abandoned(work: &Path) -> Result<Vec<Stage>> {
    let mut stages = Vec::new();
    for entry in fs::read_dir(work).map_err(Error::file("read", work))? {
        let entry = entry.map_err(Error::file("read", work))?;
        let path = entry.path();
        if entry.file_name().as_bytes().starts_with(KEPT.as_bytes()) && is_young(&entry) {
            continue;
        }
        match DirectoryLock::attempt(&path, FlockArg::LockExclusiveNonblock) {
            Ok(Some(lock)) => stages.push(Stage { path, lock: Some(lock), ours: true }),
            Ok(None) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => tracing::warn!("cannot lock {}: {error}", path.display()),
        }
    }
    Ok(stages)
}

/// What has been kept of attempts at `what` that are over, held by us from now on.
pub(super) fn kept(work: &Path, what: &str) -> Result<Vec<Stage>> {
    let begin = format!("{KEPT}{what}-");
    let mut stages = Vec::new();
    for entry in fs::read_dir(work).map_err(Error::file("read", work))? {
        let entry = entry.map_err(Error::file("read", work))?;
        if entry.file_name().as_bytes().starts_with(begin.as_bytes())
            && let Ok(Some(lock)) = DirectoryLock::attempt(&entry.path(), FlockArg::LockExclusiveNonblock)
        {
            stages.push(Stage { path: entry.path(), lock: Some(lock), ours: true });
        }
    }
    Ok(stages)
}

/// Whether a kept stage may still be wanted.
fn is_young(entry: &fs::DirEntry) -> bool {
    let age = entry.metadata().and_then(|data| data.modified()).map(|time| time.elapsed());
    // A time that lies ahead is one of a clock that was set.
    age.is_ok_and(|age| age.is_ok_and(|age| age < KEPT_FOR))
}

/// Deletes the directory at `path` with everything in it.
fn delete(path: &Path) -> Result<()> {
    let emptied = File::open(path).and_then(|directory| tree::empty(&directory));
    emptied.and_then(|()| fs::remove_dir(path)).map_err(Error::file("delete", path))
}

/// A new name for a stage.
fn name(work: &Path, kind: &str) -> PathBuf {
    work.join(format!("{kind}-{:016x}", random()))
}

/// A number that no two stages share, in practice; that none do is up to mkdir.
fn random() -> u64 {
    RandomState::new().hash_one(std::process::id())
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    use super::*;
    use crate::error::ErrorKind;
    use crate::home::Home;
    use crate::home::scratch::Scratch;

    fn stages(home: &Home) -> usize {
        fs::read_dir(home.path().join(".work")).unwrap().count()
    }

    #[test]
    fn a_stage_goes_on_drop_and_stays_when_published() {
        let (_scratch, home) = Scratch::with_home("stage-life");
        let stage = home.stage("test").unwrap();
        fs::create_dir_all(stage.path().join("a/b")).unwrap();
        fs::write(stage.path().join("a/b/c"), "").unwrap();
        drop(stage);
        assert_eq!(stages(&home), 0);

        for (name, durability) in [("synced", Durability::Synced), ("unsynced", Durability::Unsynced)] {
            let stage = home.stage("test").unwrap();
            fs::write(stage.path().join("record"), name).unwrap();
            let to = home.containers().join(name);
            stage.publish(&to, durability).unwrap();
            assert_eq!(fs::read_to_string(to.join("record")).unwrap(), name);
        }
        assert_eq!(stages(&home), 0);
    }

    #[test]
    fn publishing_replaces_nothing_not_even_an_empty_directory() {
        let (_scratch, home) = Scratch::with_home("stage-taken");
        let to = home.containers().join("taken");
        for content in [None, Some("first")] {
            fs::create_dir_all(&to).unwrap();
            if let Some(text) = content {
                fs::write(to.join("record"), text).unwrap();
            }
            let stage = home.stage("test").unwrap();
            fs::write(stage.path().join("record"), "second").unwrap();
            let error = stage.publish(&to, Durability::Synced).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::AlreadyExists);
            assert_eq!(fs::read_to_string(to.join("record")).ok().as_deref(), content);
            assert_eq!(stages(&home), 0);
        }
    }

    #[test]
    fn what_a_killed_maker_leaves_is_swept_and_what_a_living_one_holds_is_not() {
        let (_scratch, home) = Scratch::with_home("stage-sweep");
        let ours = home.stage("ours").unwrap();
        let theirs = home.work().join("theirs-1");
        fs::create_dir(&theirs).unwrap();
        let mut maker = Command::new("flock")
            .arg(&theirs)
            .args(["sh", "-c", "echo held; read forever"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(maker.stdout.take().unwrap()).read_line(&mut line).unwrap();

        Home::open(home.path()).unwrap();
        assert!(theirs.exists() && ours.path().exists());

        drop(maker.stdin.take());
        maker.kill().unwrap();
        maker.wait().unwrap();
        // The shell holds the lock too; it ends with its standard input.
        DirectoryLock::exclusive(&theirs, &"theirs", std::time::Duration::from_secs(120)).unwrap();
        Home::open(home.path()).unwrap();
        assert!(!theirs.exists() && ours.path().exists());
    }

    #[test]
    fn what_is_kept_is_left_for_another_attempt_and_not_for_ever() {
        let (_scratch, home) = Scratch::with_home("stage-kept");
        for content in ["first", "second"] {
            let stage = home.stage_to_keep("it").unwrap();
            fs::write(stage.path().join("file"), content).unwrap();
            // What was kept before goes with this; what is not over is not in it.
            assert!(home.kept("it").unwrap().iter().all(|kept| kept.path() != stage.path()));
            stage.leave();
            Home::open(home.path()).unwrap();
            assert!(home.kept("i").unwrap().is_empty());
            let kept = home.kept("it").unwrap();
            assert_eq!(fs::read_to_string(kept[0].path().join("file")).unwrap(), content);
            assert!(home.kept("it").unwrap().is_empty() && kept.len() == 1);
            kept.into_iter().for_each(Stage::leave);
        }
        let kept = home.kept("it").unwrap();
        File::open(kept[0].path())
            .and_then(|kept| kept.set_modified(std::time::SystemTime::now() - KEPT_FOR))
            .unwrap();
        Home::open(home.path()).unwrap();
        assert_eq!(stages(&home), 1, "it is held");
        kept.into_iter().for_each(Stage::leave);
        Home::open(home.path()).unwrap();
        assert_eq!(stages(&home), 0);
    }

    #[test]
    fn threads_that_sweep_never_take_what_threads_that_build_hold() {
        let (_scratch, home) = Scratch::with_home("stage-race");
        std::thread::scope(|scope| {
            for builder in 0..4 {
                let home = &home;
                scope.spawn(move || {
                    for round in 0..50 {
                        let stage = home.stage("race").unwrap();
                        fs::write(stage.path().join("file"), "").unwrap();
                        let to = home.containers().join(format!("{builder}-{round}"));
                        stage.publish(&to, Durability::Unsynced).unwrap();
                        assert!(to.join("file").exists());
                    }
                });
                scope.spawn(|| (0..50).for_each(|_| drop(Home::open(home.path()).unwrap())));
            }
        });
        assert_eq!(stages(&home), 0);
    }
}
