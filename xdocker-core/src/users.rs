//! Users of a container that are nobody outside: a range of numbers of the host's that stands for 0 and up inside.
//!
//! Only what runs is shifted. On the disk a container's files, like those of images, belong to the numbers that they have
//! inside: its layers are mounted with their owners mapped (idmapped mounts), so that nothing is ever chowned, an image
//! serves containers of all ranges, and a container becomes an image by a rename.

mod attributes;

use std::path::Path;
use std::{fs, io, thread};

use caps::CapSet;
use nix::unistd::{Gid, Uid, setfsgid, setfsuid};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::host::Kernel;
use crate::launch::{Action, Plan};

/// How many users and groups a container has.
const COUNT: u32 = 65_536;
/// The first number that is given to containers, above those of systemd's (systemd.io/UIDS-GIDS), of /etc/subuid and of
/// people; and the first above, where systemd begins again and programs that count with a sign end.
const FIRST: u32 = 0x7000_0000;
const END: u32 = 0x7ffe_0000;
/// How many ranges there are.
const RANGES: u32 = (END - FIRST) / COUNT;

/// The numbers of the host's users and groups that a container's are outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct IdRange {
    first: u32,
    count: u32,
}

impl IdRange {
    /// The number of the container's root, outside.
    #[must_use]
    pub fn first(self) -> u32 {
        self.first
    }

    /// How many there are.
    #[must_use]
    pub fn count(self) -> u32 {
        self.count
    }

    /// What a user or group of the container is outside; `None` where the container has no such number.
    #[must_use]
    pub fn outside(self, id: u32) -> Option<u32> {
        (id < self.count).then(|| self.first + id)
    }

    /// What a user or group of the host is inside; `None` where it is nobody.
    #[must_use]
    pub fn inside(self, id: u32) -> Option<u32> {
        id.checked_sub(self.first).filter(|inner| *inner < self.count)
    }

    /// The first range from the `start`-th on that is none of `taken`.
    pub(crate) fn free(start: u32, taken: &[Self]) -> Option<Self> {
        let nth =
            |number: u32| Self { first: FIRST + (start % RANGES + number) % RANGES * COUNT, count: COUNT };
        (0..RANGES).map(nth).find(|range| !taken.contains(range))
    }

    /// Plans the namespace, in the monitor.
    pub(crate) fn plan(self, plan: &mut Plan) {
        let host = plan.host.purpose("make a user namespace");
        host.push(Action::MakeUsers { first: self.first, count: self.count });
    }

    /// Has files that follow belong to the container's root.
    pub(crate) fn files_as_root(self) -> Action {
        Action::FilesAs { uid: self.first, gid: self.first }
    }

    /// Does `work` in a thread whose files belong to the container's root, with all rights of ours.
    ///
    /// Where owners are mapped the kernel lets nobody make a file who has no number there (EOVERFLOW), and the host's
    /// root has none. What is made this way is 0:0 inside, and can be given to [`Self::outside`] of anybody.
    pub(crate) fn act<T: Send>(self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        let act = move || {
            self.become_owner().map_err(Error::system("become the owner of the container's files"))?;
            work()
        };
        thread::scope(|scope| {
            let thread = thread::Builder::new().name("xdocker-files".into()).spawn_scoped(scope, act);
            let thread = thread.map_err(Error::system("start a thread"))?;
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Has files of this thread belong to the container's root.
    fn become_owner(self) -> io::Result<()> {
        let (uid, gid) = (Uid::from_raw(self.first), Gid::from_raw(self.first));
        setfsgid(gid);
        setfsuid(uid);
        // They tell only who it was before.
        if file_owner() != (self.first, self.first) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        // With the number the kernel has taken rights about files, though not the right to have them.
        let own = caps::read(None, CapSet::Permitted).map_err(io::Error::other)?;
        caps::set(None, CapSet::Effective, &own).map_err(io::Error::other)
    }
}

/// To whom files belong that this thread makes.
pub(crate) fn file_owner() -> (u32, u32) {
    // No number changes nothing, and tells who it is.
    (setfsuid(Uid::from_raw(u32::MAX)).as_raw(), setfsgid(Gid::from_raw(u32::MAX)).as_raw())
}

/// Whose files are that are copied into a container, or out of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Owners {
    /// The same numbers.
    #[default]
    Same,
    /// What those of the host are inside a container that has these.
    Into(IdRange),
    /// The other way.
    OutOf(IdRange),
}

impl Owners {
    /// User and group of a copy.
    ///
    /// # Errors
    /// The container has no such number.
    pub(crate) fn of(self, uid: u32, gid: u32) -> io::Result<(u32, u32)> {
        Ok((self.number(uid)?, self.number(gid)?))
    }

    fn number(self, id: u32) -> io::Result<u32> {
        match self {
            Self::Same => Ok(id),
            Self::Into(ids) => {
                let why = || {
                    io::Error::new(
                        io::ErrorKind::InvalidInput,
                        format!("the container has no user or group {id}"),
                    )
                };
                ids.outside(id).ok_or_else(why)
            }
            Self::OutOf(ids) => Ok(ids.inside(id).unwrap_or(NOBODY)),
        }
    }
}

/// What the kernel calls users that a namespace does not have (user_namespaces(7)).
pub(crate) const NOBODY: u32 = 65_534;

/// Checks that this host can give containers users of their own.
///
/// # Errors
/// [`Error::Unsupported`].
pub(crate) fn require() -> Result<()> {
    let mapped = match Kernel::running().maps_layers() {
        true => None,
        false => Some("mapped owners of layers came with Linux 5.19"),
    };
    match mapped.or_else(obstacle) {
        None => Ok(()),
        Some(why) => {
            Err(Error::Unsupported { what: "a user namespace for a container".into(), why: why.into() })
        }
    }
}

/// Whether the host lets user namespaces be made.
pub(crate) fn are_allowed() -> bool {
    obstacle().is_none()
}

/// Why the host lets no user namespace be made, if it does not.
fn obstacle() -> Option<&'static str> {
    let most = fs::read_to_string("/proc/sys/user/max_user_namespaces").ok();
    obstacle_by(Path::new("/proc/self/ns/user").exists(), most.as_deref())
}

/// The same by what the kernel has, and by its sysctl, which is there without the other too.
fn obstacle_by(has_them: bool, most: Option<&str>) -> Option<&'static str> {
    match most.and_then(|most| most.trim().parse::<u64>().ok()) {
        _ if !has_them => Some("this kernel was built without them (CONFIG_USER_NS)"),
        Some(0) => Some("/proc/sys/user/max_user_namespaces says none"),
        Some(_) => None,
        None => Some("/proc/sys/user/max_user_namespaces does not say how many there may be"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_keeps_namespaces_from_being_made_is_named() {
        assert_eq!(obstacle_by(true, Some("12345\n")), None);
        for (has_them, most, why) in [
            (true, Some("0\n"), "max_user_namespaces says none"),
            (true, None, "does not say"),
            (false, Some("12345\n"), "CONFIG_USER_NS"),
        ] {
            assert!(obstacle_by(has_them, most).is_some_and(|found| found.contains(why)), "{why}");
        }
    }

    #[test]
    fn ranges_are_apart_until_there_are_none() {
        let mut taken = Vec::new();
        while let Some(range) = IdRange::free(u32::MAX, &taken) {
            assert!(range.first >= FIRST && range.first + range.count <= END && range.first % COUNT == 0);
            taken.push(range);
        }
        assert_eq!(taken.len(), RANGES as usize);
        taken.sort_by_key(|range| range.first);
        taken.dedup();
        assert_eq!(taken.len(), 4094);
    }

    #[test]
    fn a_number_has_one_place_inside() {
        let range = IdRange::free(1, &[]).unwrap();
        assert_eq!(range.outside(65_535).and_then(|id| range.inside(id)), Some(65_535));
        assert_eq!(
            (range.outside(65_536), range.inside(0), range.inside(range.first + COUNT)),
            (None, None, None)
        );
    }
}
