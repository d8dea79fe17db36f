//! An image comes from the server.

use std::io::{self, Read, Write};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use flate2::bufread::GzDecoder;

use super::index::{Digest, Index, Member, digest, hex};
use super::listing::RemoteImage;
use super::remembered;
use super::session::{Session, coded};
use super::sources::{Reliance, Sources, feed_from};
use super::sum::Sum;
use super::{Repository, Transfer};
use crate::error::{ArchiveError, Error, RepositoryError, Result};
use crate::home::Stage;
use crate::image::{Filled, Image, TreeSize, UNIT, UnpackOptions, in_order, receive, receive_blocks};
use crate::name::{ImageId, ImageRef};
use crate::progress::{Gauge, Progress, watched};
use crate::spec::IfUsed;

/// Pieces of the server's that may wait, and their size. Together they are more than ssh holds back: what is still with it
/// when the line breaks is lost.
const WAITING: usize = 64;
const PIECE: usize = 64 << 10;

/// Chunks that a layer may be ahead of what is put together, and that may be ahead of what is unpacked.
const AHEAD: usize = 4;

/// How an image is pulled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PullOptions {
    /// Replace the image that has the name and version here, if no container stands on it.
    pub force: bool,
    /// How its archive is unpacked: it is not trusted more than any other.
    pub unpack: UnpackOptions,
}

impl Repository {
    /// Takes an image from the repository; a name without a version is the highest version that is there. The image is
    /// here as a whole when this returns, and not at all when it fails. After a broken line the next pull goes on where
    /// this one stopped, if the image was pushed by us; so it does when `progress` breaks, which is called every 50 ms, and
    /// a last time before the image gets its name.
    ///
    /// # Errors
    /// [`Error::ImageExists`] without [`PullOptions::force`]; [`RepositoryError`]; [`Error::Archive`] for what is
    /// wrong with the archive; [`Error::ImageInUse`]; [`Error::Interrupted`] when `progress` breaks.
    pub fn pull(
        &self,
        wanted: &ImageRef,
        options: &PullOptions,
        progress: &dyn Fn(Progress) -> ControlFlow<()>,
    ) -> Result<(Image, Transfer)> {
        watched(progress, |gauge| self.pull_watched(wanted, options, gauge))
    }

    fn pull_watched(
        &self,
        wanted: &ImageRef,
        options: &PullOptions,
        gauge: &Gauge,
    ) -> Result<(Image, Transfer)> {
        if let Some(version) = wanted.version.clone().filter(|_| !options.force) {
            self.images.refuse_if_exists(&ImageId { name: wanted.name.clone(), version })?;
        }
        let mut come = Transfer::default();
        for reliance in [Reliance::Memory, Reliance::Files] {
            if let Some(image) = self.pull_relying(wanted, options, reliance, &mut come, gauge)? {
                return Ok((image, come));
            }
            tracing::debug!("image {wanted}: an image here is not what it was taken for");
        }
        let image = self.pull_relying(wanted, options, Reliance::Nothing, &mut come, gauge)?;
        let image = image.expect("of nothing that is here was anything taken");
        Ok((image, come))
    }

    /// Takes an image; `None` when something here that was relied on is not what it was taken for.
    fn pull_relying(
        &self,
        wanted: &ImageRef,
        options: &PullOptions,
        reliance: Reliance,
        come: &mut Transfer,
        gauge: &Gauge,
    ) -> Result<Option<Image>> {
        let mut session = self.connect(gauge)?;
        let there = choose(session.list()?, wanted).ok_or_else(|| RepositoryError::NoSuchImage {
            image: wanted.clone(),
            address: self.address.clone(),
        })?;
        if !options.force {
            self.images.refuse_if_exists(&there.id)?;
        }
        session.ask_for_index(&there.id)?;
        let index = session.index(there.size)?;
        session.say(&format!("open {}", coded(&there.id)))?;
        if session.hear(&there.id)? != format!("size {}", there.size) {
            // It was replaced since it was listed.
            return Err(self.damaged(&there.id));
        }
        let arrived = match &index {
            Some(index) => self.by_members(&mut session, &there, index, options, reliance, gauge)?,
            None => Some(self.as_a_whole(&mut session, &there, options, gauge)?),
        };
        come.archive = there.size;
        come.sent += session.sent;
        come.received += session.received;
        session.close();
        let Some((stage, size)) = arrived else { return Ok(None) };
        let digests = index.iter().flat_map(|index| &index.members).map(|member| member.digest);
        if index.is_some()
            && let Err(why) = remembered::write(stage.path(), digests)
        {
            tracing::debug!("the chunks of {} are not remembered: {}", there.id, why.chain());
        }
        let ready = || {
            gauge.finish()?;
            match self.images.refuse_if_exists(&there.id) {
                Err(_) if options.force => self.images.delete(&there.id.clone().into(), IfUsed::Refuse),
                _ => Ok(()),
            }
        };
        let image = self.images.add_measured(stage, &there.id, size, ready)?;
        tracing::debug!("image {}: {} bytes, {} of them received", image.id, come.archive, come.received);
        Ok(Some(image))
    }

    /// Takes an archive of which nothing is known.
    fn as_a_whole(
        &self,
        session: &mut Session,
        there: &RemoteImage,
        options: &PullOptions,
        gauge: &Gauge,
    ) -> Result<(Stage, TreeSize)> {
        session.say("all")?;
        let stage = self.images.home.stage("image")?;
        let sum = Sum::new(session.sums);
        let mut whole = Whole { session: &mut *session, left: there.size, sum, failed: None };
        let received = receive(&stage, &mut whole, &options.unpack, &|now| gauge.tell(now));
        let (sum, failed) = (whole.sum, whole.failed);
        let size = match failed {
            Some(error) => return Err(error),
            None => received?,
        };
        session.say("sum")?;
        if session.hear(&there.id)? != sum.text() {
            return Err(self.damaged(&there.id));
        }
        Ok((stage, size))
    }

    /// Takes an archive whose members are known: those alone that nothing here has. `None` when what is here turns out
    /// to have them not.
    fn by_members(
        &self,
        session: &mut Session,
        there: &RemoteImage,
        index: &Index,
        options: &PullOptions,
        reliance: Reliance,
        gauge: &Gauge,
    ) -> Result<Option<(Stage, TreeSize)>> {
        let mut kept_as = hex(&digest(there.id.to_string().as_bytes()));
        kept_as.truncate(16);
        let mut sources = Sources::new(index, gauge);
        for kept in self.images.home.kept(&kept_as)? {
            sources.add_kept(kept);
        }
        let before = sources.found();
        if reliance != Reliance::Nothing {
            sources.look_around(&self.images, &there.id, reliance);
        }
        if gauge.is_stopped() {
            sources.leave_kept();
            return Err(Error::Interrupted);
        }
        let plan = sources.plan();
        let (here, all) = (plan.iter().flatten().count(), plan.len());
        tracing::debug!(
            "image {}: {here} of {all} members are here, {before} from an earlier pull",
            there.id
        );
        let stage = self.images.home.stage_to_keep(&kept_as)?;
        let (received, at, failed) = (AtomicU64::new(0), AtomicUsize::new(0), Failed::default());
        let told = |now: Progress| {
            gauge.tell(Progress { archive: received.load(Ordering::Relaxed), content: now.content })
        };
        let lines = runs(index, &plan);
        let missing = index.members.iter().zip(&plan).filter(|(_, here)| here.is_none());
        let wanted = missing.map(|(member, _)| member.blocks * UNIT as u64).sum();
        let mut input = session.second_input()?;
        let result = thread::scope(|scope| {
            // It may be more than there is room for before the first bytes are read.
            scope.spawn(move || input.write_all(lines.as_bytes()));
            let feeds = sources.layers().enumerate().map(|(number, layer)| {
                let wanted = plan.iter().flatten().filter(|(of, _)| *of == number).map(|(_, chunk)| *chunk);
                let wanted: Vec<_> = wanted.collect();
                let (send, feed) = sync_channel(AHEAD);
                scope.spawn(move || feed_from(layer, &wanted, &send, gauge));
                feed
            });
            let feeds = feeds.collect();
            let (send, incoming) = sync_channel(WAITING);
            scope.spawn(|| deliver(&mut *session, wanted, send));
            let members = Members { feeds, incoming, piece: Vec::new(), taken: 0, received: &received };
            let (send, blocks) = sync_channel(AHEAD);
            let (plan, at, failed) = (&plan, &at, &failed);
            let damaged = || Failure::Of(self.damaged(&there.id));
            scope.spawn(move || members.put_together(index, plan, at, send, failed, &damaged));
            receive_blocks(&stage, blocks, &options.unpack, &told)
        });
        let failure = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
        let failure = failure.or_else(|| gauge.check().err().map(Failure::Of));
        let Some(failure) = failure else { return Ok(Some((stage, result?))) };
        // What has arrived is worth keeping.
        if at.into_inner() > before {
            stage.leave()
        } else {
            sources.leave_kept()
        }
        match failure {
            Failure::Of(error) => Err(error),
            Failure::NotHere => Ok(None),
        }
    }

    fn damaged(&self, image: &ImageId) -> Error {
        RepositoryError::Damaged { image: image.clone(), address: self.address.clone() }.into()
    }
}

/// The image that is meant, if it is there.
fn choose(mut there: Vec<RemoteImage>, wanted: &ImageRef) -> Option<RemoteImage> {
    there.retain(|image| {
        image.id.name == wanted.name
            && wanted.version.as_ref().is_none_or(|version| *version == image.id.version)
    });
    // The list is in order.
    there.pop()
}

/// Which part of the archive the server is to send: lines of how many blocks to leave out, and how many to send.
fn runs(index: &Index, plan: &[Option<(usize, u64)>]) -> String {
    let mut lines = String::new();
    let (mut skip, mut blocks) = (0, 0);
    for (member, here) in index.members.iter().zip(plan) {
        match here {
            None => blocks += member.blocks,
            Some(_) => {
                if blocks > 0 {
                    lines += &format!("part {skip} {blocks}\n");
                    (skip, blocks) = (0, 0);
                }
                skip += member.blocks;
            }
        }
    }
    if blocks > 0 { lines + &format!("part {skip} {blocks}\n") } else { lines }
}

/// Takes `left` bytes from the server as soon as they come.
fn deliver(session: &mut Session, mut left: u64, to: SyncSender<Result<Vec<u8>>>) {
    while left > 0 {
        let mut piece = vec![0; usize::try_from(left).unwrap_or(PIECE).min(PIECE)];
        let read = session.read(&mut piece).map(|count| {
            piece.truncate(count);
            left -= count as u64;
            piece
        });
        let failed = read.is_err();
        if to.send(read).is_err() {
            // Nobody wants it any more; nor shall anybody wait for room to ask for more of it.
            return session.abort();
        }
        if failed {
            return;
        }
    }
}

/// Why an archive could not be put together.
enum Failure {
    Of(Error),
    /// A layer here does not have what it was taken to have.
    NotHere,
}

/// The first failure, if there has been one.
type Failed = Mutex<Option<Failure>>;

/// Where members come from.
struct Members<'a> {
    incoming: Receiver<Result<Vec<u8>>>,
    /// The last piece that came, and how much of it has been taken.
    piece: Vec<u8>,
    taken: usize,
    feeds: Vec<Receiver<(Digest, Vec<u8>)>>,
    received: &'a AtomicU64,
}

/// A member on its way to be a chunk.
enum Job {
    /// A chunk of a layer here.
    Here(Vec<u8>),
    /// What the server sent for it.
    Come(Vec<u8>, Member),
}

impl Members<'_> {
    /// Puts the tar together from members of the server's and chunks of layers that are here, and sends it. `at` says how
    /// many members there have been. What it fails with goes to `failed`, unless it is that nobody wants any more.
    fn put_together(
        mut self,
        index: &Index,
        plan: &[Option<(usize, u64)>],
        at: &AtomicUsize,
        to: SyncSender<Result<Filled, ArchiveError>>,
        failed: &Failed,
        damaged: &(dyn Fn() -> Failure + Sync),
    ) {
        let stop = || Error::from(ArchiveError::Write(io::ErrorKind::BrokenPipe.into()));
        let fail = |failure| {
            failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(failure);
            stop()
        };
        let work = |(job, read)| match job {
            Job::Here(chunk) => Some(Filled { bytes: chunk, read }),
            Job::Come(bytes, member) => inflate(&bytes, &member).map(|bytes| Filled { bytes, read }),
        };
        let send = |filled: Option<Filled>| {
            let filled = filled.ok_or_else(|| fail(damaged()))?;
            to.send(Ok(filled)).map_err(|_| stop())?;
            at.fetch_add(1, Ordering::Relaxed);
            Ok(())
        };
        // What it fails with has been said.
        let _ = in_order(work, send, |submit| {
            let mut read = 0;
            for (member, here) in index.members.iter().zip(plan) {
                read += member.blocks * UNIT as u64;
                let job = self.next(member, *here, damaged).map_err(fail)?;
                submit((job, read))?;
            }
            Ok(())
        });
    }

    /// The next member, from where it is.
    fn next(
        &mut self,
        member: &Member,
        here: Option<(usize, u64)>,
        damaged: &dyn Fn() -> Failure,
    ) -> Result<Job, Failure> {
        if let Some((source, _)) = here {
            // It ends early when the layer is not any more what it was.
            return match self.feeds[source].recv() {
                Ok((found, chunk)) if found == member.digest => Ok(Job::Here(chunk)),
                _ => Err(Failure::NotHere),
            };
        }
        // Bounded by the index.
        let mut bytes = vec![0; member.blocks as usize * UNIT];
        self.take(&mut bytes, damaged)?;
        self.received.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(Job::Come(bytes, *member))
    }

    /// Fills `room` with what comes from the server.
    fn take(&mut self, mut room: &mut [u8], damaged: &dyn Fn() -> Failure) -> Result<(), Failure> {
        while !room.is_empty() {
            if self.taken == self.piece.len() {
                // It has sent all that was asked for: then more is wanted than there is.
                self.piece = self.incoming.recv().map_err(|_| damaged())?.map_err(Failure::Of)?;
                self.taken = 0;
            }
            let count = room.len().min(self.piece.len() - self.taken);
            room[..count].copy_from_slice(&self.piece[self.taken..][..count]);
            self.taken += count;
            room = &mut room[count..];
        }
        Ok(())
    }
}

/// The chunk in a member, if it is the one that it should be.
fn inflate(bytes: &[u8], member: &Member) -> Option<Vec<u8>> {
    // Bounded by the index.
    let mut chunk = vec![0; member.content as usize];
    GzDecoder::new(bytes).read_exact(&mut chunk).ok()?;
    (digest(&chunk) == member.digest).then_some(chunk)
}

/// An archive as it is.
struct Whole<'a> {
    session: &'a mut Session,
    left: u64,
    sum: Sum,
    failed: Option<Error>,
}

impl Read for Whole<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(room.len());
        if most == 0 {
            return Ok(0);
        }
        match self.session.read(&mut room[..most]) {
            Ok(count) => {
                self.left -= count as u64;
                self.sum.update(&room[..count]);
                Ok(count)
            }
            Err(why) => {
                self.failed = Some(why);
                Err(io::ErrorKind::Other.into())
            }
        }
    }
}
