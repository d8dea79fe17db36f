//! Where the mount namespace of a new container comes from.
//!
//! A new namespace is a copy of the one that its maker is in (clone(2)), and the host's has a mount for each container
//! that runs: with a thousand of them a thousand mounts are copied, and taken away again. So on a crowded host a container
//! is put together outside of any namespace, and moves into a copy of a *bare* one, which shows nothing but an empty
//! directory.
//!
//! Nobody is there to keep one but monitors. Who needs one first makes it, if its container is to stay; all that come
//! later have it open too, so it lasts as long as one of them. It is found by a record lock (fcntl_locking(2)) that some
//! of them hold on `shared/keepers`: the kernel tells the pid of a holder, and forgets the lock when that dies.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;

use xdockerinit::wire::fd;

use crate::error::{Error, Result};
use crate::home::Home;
use crate::host::Kernel;
use crate::launch::{Action, Plan};
use crate::sys::{namespace, runlock};

/// So many mounts cost as much as it does to make a bare namespace.
const CROWD: usize = 128;
/// Monitors that can be found at a time: when all of them have gone, another one is made.
const PLACES: u64 = 8;

/// How a container comes to its mount namespace.
#[derive(Debug, Default)]
pub(crate) struct Beginning {
    keepers: Option<File>,
    bare: Bare,
    /// The container is to outlive who boots it.
    stays: bool,
}

#[derive(Debug, Default)]
enum Bare {
    /// Its own is a copy of the host's.
    #[default]
    None,
    /// Of this one.
    Found(OwnedFd),
    /// Of one that its monitor makes.
    Made,
}

impl Beginning {
    /// Finds the cheapest way on this host, now. `stays` says that the container is to outlive who boots it.
    ///
    /// # Errors
    /// [`Error::File`] when the file of the keepers cannot be made.
    pub(crate) fn find(home: &Home, stays: bool) -> Result<Self> {
        if !Kernel::running().builds_detached() {
            return Ok(Self::default());
        }
        let path = home.shared().join("keepers");
        let makes = || stays && namespace::has_mounts(CROWD);
        let keepers = match OpenOptions::new().read(true).write(true).open(&path) {
            Err(why) if why.kind() == io::ErrorKind::NotFound => {
                if !makes() {
                    return Ok(Self::default());
                }
                home.make_shared()?;
                let mut open = OpenOptions::new();
                open.read(true).write(true).create(true).truncate(false).mode(0o600).open(&path)
            }
            opened => opened,
        };
        let keepers = keepers.map_err(Error::file("open", &path))?;
        let bare = match runlock::holder(&keepers).map_err(Error::file("ask for locks on", &path))? {
            None if makes() => Bare::Made,
            None => Bare::None,
            // One that we may not look at, or that has gone, is none.
            Some(pid) => open_of(pid, &keepers).map_or(Bare::None, Bare::Found),
        };
        Ok(Self { keepers: Some(keepers), bare, stays })
    }

    /// Whether the container moves into a copy of a bare namespace.
    pub(crate) fn is_bare(&self) -> bool {
        !matches!(self.bare, Bare::None)
    }

    /// Plans that the monitor has a bare namespace and, if the container `stays`, keeps it for others.
    pub(crate) fn plan(&self, plan: &mut Plan) {
        if self.is_bare() && self.stays {
            let make = matches!(self.bare, Bare::Made);
            plan.host.purpose("keep a bare mount namespace").push(Action::KeepBare { places: PLACES, make });
        }
    }

    /// The file of the keepers, if it matters.
    pub(crate) fn keepers(&self) -> Option<&File> {
        self.keepers.as_ref()
    }

    /// The bare namespace that was found.
    pub(crate) fn found(&self) -> Option<&OwnedFd> {
        match &self.bare {
            Bare::Found(namespace) => Some(namespace),
            _ => None,
        }
    }
}

/// The bare namespace that the process `pid` keeps, if that holds a lock on `keepers` before and after it was opened: so
/// it is a monitor, and not whoever has got the number after it.
fn open_of(pid: u32, keepers: &File) -> Option<OwnedFd> {
    let found = File::open(format!("/proc/{pid}/fd/{}", fd::BARE)).ok()?;
    let holds = runlock::holder(keepers).ok()? == Some(pid);
    (holds && namespace::is_of_mounts(&found)).then(|| found.into())
}
