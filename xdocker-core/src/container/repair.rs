//! Clearing up after a monitor that was killed.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Instant;

use nix::mount::{MntFlags, umount2};

use super::end::one_error;
use super::processes::members;
use super::{CLEARING, Container};
use crate::cgroup::{Group, thaw};
use crate::error::{Error, Result};
use crate::home::DirectoryLock;
use crate::logs;
use crate::session::SOCKET;
use crate::state::{Found, remove};
use crate::sys::pidfd::PidFd;

impl Container {
    /// Clears up what a monitor that was killed has left: process, cgroups, mount, socket, record.
    ///
    /// # Errors
    /// [`Error::TearDown`] with everything that failed; the record stays then.
    pub(super) fn repair(&self, lock: &DirectoryLock) -> Result<()> {
        let records = self.records();
        // Somebody else may have been faster while we waited for the lock.
        let Found::Abandoned(record) = records.look()? else { return Ok(()) };
        tracing::info!("container {}: its monitor was killed, clearing up", self.name);
        let mut failures = Vec::new();
        if let Some(record) = &record {
            failures.extend(kill_orphan(record.orphan(), record.pid()).err());
        }
        let merged = lock.path().join("merged");
        let group = record.as_ref().map(|record| Group::recorded(record.cgroups().to_vec()));
        let oom_kills = group.as_ref().map_or(0, Group::oom_kills);
        failures.extend(group.iter().flat_map(Group::remove));
        failures.extend(unmount(&merged).map_err(Error::file("unmount", &merged)).err());
        failures.extend(remove(&lock.path().join(SOCKET)).err());
        failures.extend(logs::cut_torn(lock.path()).err());
        let withdrawn =
            self.definition().and_then(|it| self.attachment(&it)?.map_or(Ok(()), |it| it.withdraw()));
        failures.extend(withdrawn.err());
        if failures.is_empty() {
            failures.extend(records.close_run(record.as_ref(), oom_kills).err());
        }
        one_error(format!("clearing up container {}", self.name), failures)
    }
}

/// Kills the root process of a dead monitor. The kernel does so itself (PR_SET_PDEATHSIG) unless the
/// program has changed its identity or asked not to be.
fn kill_orphan(orphan: io::Result<Option<PidFd>>, pid: u32) -> Result<()> {
    let failed = |why| Error::system(format!("kill process {pid}"))(why);
    let Some(orphan) = orphan.map_err(failed)? else { return Ok(()) };
    orphan.signal(libc::SIGKILL).map_err(failed)?;
    // Who is frozen does not die of it.
    if !orphan.wait_until(Some(Instant::now() + super::AT_ONCE)).map_err(failed)? {
        thaw(members(pid));
    }
    match orphan.wait_until(Some(Instant::now() + CLEARING)).map_err(failed)? {
        true => Ok(()),
        false => Err(Error::Timeout { what: format!("the end of process {pid}"), limit: CLEARING }),
    }
}

/// Takes away everything that is mounted at `path`.
fn unmount(path: &Path) -> io::Result<()> {
    /// A launch mounts one thing there; more than a few are not our doing.
    const MOST: usize = 8;
    for _ in 0..MOST {
        match umount2(path, MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW) {
            Ok(()) => continue,
            // Nothing is mounted there, or it is not there at all.
            Err(nix::Error::EINVAL | nix::Error::ENOENT) => return Ok(()),
            // The kernel tells who is not root nothing; what such a boot has left is no mount.
            Err(nix::Error::EPERM) if !is_mounted(path)? => return Ok(()),
            Err(why) => return Err(why.into()),
        }
    }
    Ok(())
}

/// Whether the directory at `path` is the root of a file system other than the one that it lies in.
fn is_mounted(path: &Path) -> io::Result<bool> {
    let device = |path: &Path| fs::symlink_metadata(path).map(|data| data.dev());
    Ok(device(path)? != device(&path.join(".."))?)
}
