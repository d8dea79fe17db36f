//! Waiting for changes of a directory, or for the end of a process, by one descriptor (inotify(7), epoll(7)).

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::time::Duration;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

/// Changes of what lies directly in a directory, and of what is added.
#[derive(Debug)]
pub(crate) struct Watch {
    changes: Inotify,
    all: Epoll,
}

impl Watch {
    /// Watches `directory`, or one file.
    pub(crate) fn new(path: &Path) -> io::Result<Self> {
        let changes = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
        let kinds = AddWatchFlags::IN_MODIFY
            | AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_DELETE_SELF;
        changes.add_watch(path, kinds)?;
        let all = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        all.add(&changes, EpollEvent::new(EpollFlags::EPOLLIN, 0))?;
        Ok(Self { changes, all })
    }

    /// Wakes also when `other` can be read. It must live as long as this.
    pub(crate) fn add(&self, other: &impl AsFd) -> io::Result<()> {
        Ok(self.all.add(other, EpollEvent::new(EpollFlags::EPOLLIN, 1))?)
    }

    /// Forgets the changes up to here.
    pub(crate) fn clear(&self) -> io::Result<()> {
        loop {
            match self.changes.read_events() {
                Ok(_) | Err(nix::Error::EINTR) => {}
                Err(nix::Error::EAGAIN) => return Ok(()),
                Err(why) => return Err(why.into()),
            }
        }
    }

    /// Waits for a change, at most for `limit`.
    pub(crate) fn wait(&self, limit: Option<Duration>) -> io::Result<()> {
        let timeout = limit
            .map_or(EpollTimeout::NONE, |limit| EpollTimeout::try_from(limit).unwrap_or(EpollTimeout::MAX));
        match self.all.wait(&mut [EpollEvent::empty()], timeout) {
            Ok(_) | Err(nix::Error::EINTR) => Ok(()),
            Err(why) => Err(why.into()),
        }
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.all.0.as_fd()
    }
}
