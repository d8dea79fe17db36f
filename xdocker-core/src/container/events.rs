//! What happens to the containers of a home, as it happens.
//!
//! inotify(7) tells *where* something has happened. *What* it was is read from the records of the container there, and
//! compared with what was told of it before. So a message that the kernel had to drop, or several changes between two
//! looks, lose nothing that a record still tells.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ffi::OsString;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};

use super::{Container, Definition, names};
use crate::error::{Error, Result};
use crate::home::Home;
use crate::name::ContainerName;
use crate::state::{ExitRecord, Found, RUN, Records};

/// How long a message may take that belongs to the last one that was read.
const MOMENT: u8 = 10;

/// How long the kernel may take to drop the lock on a file after it has said that the file was closed.
const LOCK_GOES: Duration = Duration::from_secs(1);

/// Something that has happened to a container.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// When; of what left no record, when it was seen.
    pub time: SystemTime,
    /// To which container.
    pub container: ContainerName,
    /// What it was.
    pub kind: EventKind,
}

/// What may happen to a container. Of one container they come in this order: created, then any number of times booted
/// and ended, then destroyed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventKind {
    /// It was created, or an image became it.
    Created,
    /// Its root process runs.
    Booted {
        /// Its root process, in the host's PID namespace; `None` when it had ended before we looked.
        pid: Option<u32>,
    },
    /// It has ended, and nothing of it is left in the kernel.
    Ended {
        /// How. `None` when there was no record of it to be seen any more: it was destroyed, or booted again, before we
        /// looked, or its boot has failed in one of the last steps.
        exit: Option<ExitRecord>,
    },
    /// It was destroyed, or became an image.
    Destroyed,
}

/// What happens to the containers of a home from now on, whoever does it. An iterator that waits for the next event.
///
/// Nothing is asked again and again: without an event nothing runs. What a monitor that was killed has left is cleared
/// up when its end is seen, as by every look at a container.
///
/// It takes one inotify watch for each container, and one more while it runs
/// (`/proc/sys/fs/inotify/max_user_watches`).
#[derive(Debug)]
pub struct Events {
    home: Home,
    inotify: Inotify,
    /// The watch on the directory of all containers, and that on the directory of what is being deleted.
    containers: WatchDescriptor,
    work: WatchDescriptor,
    watches: HashMap<WatchDescriptor, ContainerName>,
    known: BTreeMap<ContainerName, Known>,
    due: VecDeque<Event>,
    /// Messages were lost.
    behind: bool,
}

/// What has been told of a container.
#[derive(Debug, Default)]
struct Known {
    /// When it was created, which tells it from another one of the same name.
    created: Option<SystemTime>,
    watch: Option<WatchDescriptor>,
    /// When the run began that has been told of, and has not ended.
    running: Option<SystemTime>,
    /// The last end that has been told of.
    ended: Option<SystemTime>,
}

impl Known {
    /// What there is to be told, when this run and this end are what the records say, which were read in this order.
    fn news(
        &mut self,
        run: Option<(SystemTime, u32)>,
        exit: Option<ExitRecord>,
    ) -> Vec<(SystemTime, EventKind)> {
        let mut news = Vec::new();
        let ended_before = self.running;
        if let Some(exit) = exit.filter(|exit| Some(exit.ended()) != self.ended) {
            let time = exit.ended();
            if self.running.take().is_none() {
                news.push((time, EventKind::Booted { pid: None }));
            }
            self.ended = Some(time);
            news.push((time, EventKind::Ended { exit: Some(exit) }));
        }
        let unseen = |time| (time, EventKind::Ended { exit: None });
        match run {
            // What was read first may have ended before the rest was read.
            Some((began, _)) if self.ended.is_some_and(|ended| began < ended) => {}
            Some((began, _)) if ended_before == Some(began) => {}
            Some((began, pid)) => {
                news.extend(self.running.replace(began).map(|_| unseen(began)));
                news.push((began, EventKind::Booted { pid: Some(pid) }));
            }
            None => news.extend(self.running.take().map(|_| unseen(SystemTime::now()))),
        }
        news
    }
}

impl Events {
    pub(crate) fn of(home: &Home) -> Result<Self> {
        let failed = Error::system::<Errno>("watch the containers");
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).map_err(failed)?;
        let moves = AddWatchFlags::IN_MOVED_TO | AddWatchFlags::IN_MOVED_FROM;
        let watch = |path: PathBuf, what| {
            let failed = |why: Errno| Error::file("watch", path.clone())(why.into());
            inotify.add_watch(&path, what | AddWatchFlags::IN_ONLYDIR).map_err(failed)
        };
        let containers = watch(home.containers(), moves)?;
        let work = watch(home.work(), AddWatchFlags::IN_MOVED_TO)?;
        let mut this = Self {
            home: home.clone(),
            inotify,
            containers,
            work,
            watches: HashMap::new(),
            known: BTreeMap::new(),
            due: VecDeque::new(),
            behind: false,
        };
        this.survey()?;
        // All that is there is where we begin.
        this.due.clear();
        Ok(this)
    }

    /// Waits for the next event, at most for so long; `None` if there is none by then.
    ///
    /// # Errors
    /// [`Error::System`]: no more watches, …; [`Error::File`], [`Error::Record`]. Whoever goes on afterwards misses
    /// nothing that a record tells.
    pub fn next_timeout(&mut self, limit: Duration) -> Result<Option<Event>> {
        self.take(Instant::now().checked_add(limit))
    }

    fn take(&mut self, deadline: Option<Instant>) -> Result<Option<Event>> {
        loop {
            if let Some(event) = self.due.pop_front() {
                return Ok(Some(event));
            }
            let read = self.read();
            if read.is_err() {
                self.behind = true;
            }
            read?;
            if self.due.is_empty() && !self.wait(deadline)? {
                return Ok(None);
            }
        }
    }

    /// Waits for messages; says whether the time was not over.
    fn wait(&self, deadline: Option<Instant>) -> Result<bool> {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        // Rounded up, so as not to ask again and again in the last millisecond.
        let timeout = left.map_or(PollTimeout::NONE, |left| {
            PollTimeout::try_from(left + Duration::from_micros(999)).unwrap_or(PollTimeout::MAX)
        });
        match poll(&mut [PollFd::new(self.inotify.as_fd(), PollFlags::POLLIN)], timeout) {
            Ok(0) => Ok(deadline.is_none_or(|deadline| Instant::now() < deadline)),
            Ok(_) | Err(Errno::EINTR) => Ok(true),
            Err(errno) => Err(Error::system("wait for events")(errno)),
        }
    }

    /// Takes in the messages that there are.
    fn read(&mut self) -> Result<()> {
        let batch = self.messages()?;
        let lost = batch.iter().any(|message| message.mask.contains(AddWatchFlags::IN_Q_OVERFLOW));
        if lost || self.behind {
            self.behind = false;
            return self.survey();
        }
        for (at, message) in batch.iter().enumerate() {
            let of = |others: &[InotifyEvent]| goes(others, self.containers, message.name.as_ref());
            if message.wd == self.containers {
                let Some(name) = container_name(message.name.as_ref()) else { continue };
                match message.mask.contains(AddWatchFlags::IN_MOVED_FROM) {
                    true => {
                        let taken = moved(&batch[at..], self.work, message.cookie);
                        self.forget(&name, taken.map(|name| self.home.work().join(name)).as_deref())?;
                    }
                    // Of that name there is none any more, or another one, which has its own message.
                    false if of(&batch[at + 1..]) => self.meet(&name, Known::default()),
                    false => self.find(&name)?,
                }
            } else if message.mask.contains(AddWatchFlags::IN_IGNORED) {
                self.watches.remove(&message.wd);
            } else if let Some(name) = self.watches.get(&message.wd).cloned() {
                if message.mask.contains(AddWatchFlags::IN_CLOSE_WRITE) {
                    // Whoever watched over it has died, and the lock goes a moment later.
                    let records = Container::new(self.home.clone(), name.clone()).records();
                    records.wait_unwatched(LOCK_GOES)?;
                }
                self.look(&name)?;
            }
        }
        Ok(())
    }

    /// The messages that there are, those of one rename together.
    fn messages(&self) -> Result<Vec<InotifyEvent>> {
        /// Whoever is always behind must not read for ever.
        const ROUNDS: usize = 64;
        let mut batch: Vec<InotifyEvent> = Vec::new();
        for _ in 0..ROUNDS {
            match self.inotify.read_events() {
                Ok(messages) => batch.extend(messages),
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => {
                    let half = |last: &InotifyEvent| last.mask.contains(AddWatchFlags::IN_MOVED_FROM);
                    let more = || poll(&mut [PollFd::new(self.inotify.as_fd(), PollFlags::POLLIN)], MOMENT);
                    if !batch.last().is_some_and(half) || more() == Ok(0) {
                        break;
                    }
                }
                Err(errno) => return Err(Error::system("read events")(errno)),
            }
        }
        Ok(batch)
    }

    /// Looks at all containers.
    fn survey(&mut self) -> Result<()> {
        let there = names(&self.home)?;
        let gone: Vec<_> = self.known.keys().filter(|name| !there.contains(name)).cloned().collect();
        gone.iter().try_for_each(|name| self.forget(name, None))?;
        there.iter().try_for_each(|name| self.find(name))
    }

    /// There is a container of that name.
    fn find(&mut self, name: &ContainerName) -> Result<()> {
        let directory = self.home.container(name);
        let created = created(&directory);
        if self.known.get(name).is_some_and(|known| known.created != created) {
            self.forget(name, None)?;
        }
        if !self.known.contains_key(name) {
            // Before the first look at it: what happens afterwards has a message.
            let what = AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO | AddWatchFlags::IN_DELETE;
            let watch = self.watch(name, &directory, what)?;
            self.meet(name, Known { created, watch, ..Known::default() });
        }
        self.look(name)
    }

    /// Tells of a container.
    fn meet(&mut self, name: &ContainerName, known: Known) {
        if !self.known.contains_key(name) {
            self.tell(name, known.created.unwrap_or_else(SystemTime::now), EventKind::Created);
            self.known.insert(name.clone(), known);
        }
    }

    /// Watches a directory or a file of a container's; `None` where there is none.
    fn watch(
        &mut self,
        name: &ContainerName,
        path: &Path,
        what: AddWatchFlags,
    ) -> Result<Option<WatchDescriptor>> {
        match self.inotify.add_watch(path, what | AddWatchFlags::IN_DONT_FOLLOW) {
            Ok(watch) => {
                self.watches.insert(watch, name.clone());
                Ok(Some(watch))
            }
            Err(Errno::ENOENT) => Ok(None),
            Err(errno) => Err(Error::system(format!("watch container {name}"))(errno)),
        }
    }

    /// Looks at a container, and tells what is new.
    fn look(&mut self, name: &ContainerName) -> Result<()> {
        let container = Container::new(self.home.clone(), name.clone());
        let records = container.records();
        // Written to when there is a root process, and closed when its monitor has died.
        let what = AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_CLOSE_WRITE;
        self.watch(name, &container.directory().join(RUN), what)?;
        let mut found = records.look()?;
        if matches!(found, Found::Abandoned(_)) {
            match container.state() {
                Err(Error::NoSuchContainer(_)) => return Ok(()),
                other => drop(other?),
            }
            found = records.look()?;
        }
        let run = match &found {
            Found::Running(record) => Some((record.booted(), record.pid())),
            _ => None,
        };
        // Its monitor writes how it has ended before the run is over, which is what may be told: that has its own message.
        let is_over = |exit: &ExitRecord| run.is_none_or(|(began, _)| exit.ended() < began);
        let exit = records.exit()?.filter(is_over);
        // Where it has gone from its place nothing of this is about it; that has a message of its own.
        if self.known.get(name).is_some_and(|known| known.created == created(&container.directory())) {
            self.compare(name, run, exit);
        }
        Ok(())
    }

    /// A container has gone; where it is being deleted there may still be a record of its end.
    fn forget(&mut self, name: &ContainerName, taken: Option<&Path>) -> Result<()> {
        let exit = taken.map(|path| Records::of(path.to_owned()).exit()).transpose().unwrap_or_default();
        self.compare(name, None, exit.flatten());
        let Some(known) = self.known.remove(name) else { return Ok(()) };
        if let Some(watch) = known.watch {
            // It may have gone by itself.
            let _ = self.inotify.rm_watch(watch);
        }
        self.watches.retain(|_, other| other != name);
        self.tell(name, SystemTime::now(), EventKind::Destroyed);
        Ok(())
    }

    fn compare(&mut self, name: &ContainerName, run: Option<(SystemTime, u32)>, exit: Option<ExitRecord>) {
        let news = self.known.get_mut(name).map(|known| known.news(run, exit)).unwrap_or_default();
        news.into_iter().for_each(|(time, kind)| self.tell(name, time, kind));
    }

    fn tell(&mut self, name: &ContainerName, time: SystemTime, kind: EventKind) {
        self.due.push_back(Event { time, container: name.clone(), kind });
    }
}

/// When the container in `directory` was created, if there is one whose definition can be read.
fn created(directory: &Path) -> Option<SystemTime> {
    Definition::read(directory).ok().flatten().map(|definition| definition.created)
}

/// The name of a container; what is no name of ours is not ours.
fn container_name(name: Option<&OsString>) -> Option<ContainerName> {
    name?.to_str()?.parse().ok()
}

/// Whether `name` is taken away from the directory watched by `wd` in one of these messages.
fn goes(messages: &[InotifyEvent], wd: WatchDescriptor, name: Option<&OsString>) -> bool {
    let mut of_name = messages.iter().filter(|other| other.wd == wd && other.name.as_ref() == name);
    of_name.any(|other| other.mask.contains(AddWatchFlags::IN_MOVED_FROM))
}

/// The name in the directory watched by `wd` that the rename with this cookie has given.
fn moved(messages: &[InotifyEvent], wd: WatchDescriptor, cookie: u32) -> Option<&OsString> {
    messages.iter().find(|other| other.wd == wd && other.cookie == cookie)?.name.as_ref()
}

impl Iterator for Events {
    type Item = Result<Event>;

    /// The next event, waiting for it as long as it takes.
    fn next(&mut self) -> Option<Self::Item> {
        self.take(None).transpose()
    }
}

impl AsFd for Events {
    /// Readable when there may be events: [`Self::next_timeout`] with no time gives them, until it gives `None`. What
    /// it has not given yet does not make this readable.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn exit(seconds: u64) -> Option<ExitRecord> {
        let text = format!(r#"{{"status":256,"ended_ns":{seconds}000000000}}"#);
        Some(serde_json::from_str(&text).unwrap())
    }

    /// The events as a word each.
    fn words(news: &[(SystemTime, EventKind)]) -> Vec<&'static str> {
        let word = |kind: &EventKind| match kind {
            EventKind::Created => "created",
            EventKind::Booted { pid: Some(_) } => "booted",
            EventKind::Booted { pid: None } => "booted unseen",
            EventKind::Ended { exit: Some(_) } => "ended",
            EventKind::Ended { exit: None } => "ended unseen",
            EventKind::Destroyed => "destroyed",
        };
        news.iter().map(|(_, kind)| word(kind)).collect()
    }

    #[test]
    fn what_is_told_is_what_has_changed() {
        let mut known = Known::default();
        let mut tell = |run: Option<u64>, exit| words(&known.news(run.map(|began| (at(began), 7)), exit));
        assert_eq!(tell(None, None), [""; 0]);
        assert_eq!(tell(Some(1), None), ["booted"]);
        assert_eq!(tell(Some(1), None), [""; 0]);
        // Its end comes before the record of its run goes; both are told once.
        assert_eq!(tell(Some(1), exit(2)), ["ended"]);
        assert_eq!(tell(None, exit(2)), [""; 0]);
        assert_eq!(tell(Some(3), exit(2)), ["booted"]);
        assert_eq!(tell(Some(5), exit(4)), ["ended", "booted"]);
        assert_eq!(tell(Some(7), exit(4)), ["ended unseen", "booted"], "the end left no record");
        assert_eq!(tell(None, exit(4)), ["ended unseen"]);
        assert_eq!(tell(None, exit(8)), ["booted unseen", "ended"]);
        assert_eq!(tell(Some(10), exit(9)), ["booted unseen", "ended", "booted"]);
        assert_eq!(tell(Some(10), exit(11)), ["ended"]);
    }
}
