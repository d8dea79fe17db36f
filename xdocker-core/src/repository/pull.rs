//! An image comes from the server.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, Read, Write};
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use flate2::bufread::GzDecoder;

use super::index::{Digest, Index, Member, digest};
use super::listing::RemoteImage;
use super::session::{Session, coded};
use super::sum::Sum;
use super::{Repository, Transfer};
use crate::error::{ArchiveError, Error, RepositoryError, Result};
use crate::home::Stage;
use crate::image::{
    HeldImages, Image, LAYER, PackOptions, TreeSize, UNIT, UnpackOptions, pack_chunks, receive,
};
use crate::name::{ImageId, ImageRef};
use crate::progress::{Gauge, Progress, watched};
use crate::spec::IfUsed;

/// How many times as much as the image holds is read of other images, to find what they have in common.
const SEARCH: u64 = 4;

/// Pieces of the server's that may wait, and their size. Together they are more than ssh holds back: what is still with it
/// when the line breaks is lost.
const WAITING: usize = 64;
const PIECE: usize = 64 << 10;

/// Chunks that a layer may be ahead of what is unpacked.
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
        let free = |id: &ImageId| if options.force { Ok(()) } else { self.images.refuse_if_exists(id) };
        if let Some(version) = &wanted.version {
            free(&ImageId { name: wanted.name.clone(), version: version.clone() })?;
        }
        let mut session = self.connect(gauge)?;
        let there = choose(session.list()?, wanted).ok_or_else(|| RepositoryError::NoSuchImage {
            image: wanted.clone(),
            address: self.address.clone(),
        })?;
        free(&there.id)?;
        session.ask_for_index(&there.id)?;
        let index = session.index(there.size)?;
        session.say(&format!("open {}", coded(&there.id)))?;
        if session.hear(&there.id)? != format!("size {}", there.size) {
            // It was replaced since it was listed.
            return Err(self.damaged(&there.id));
        }
        let (stage, size) = match index {
            Some(index) => self.by_members(&mut session, &there, &index, options, gauge)?,
            None => self.as_a_whole(&mut session, &there, options, gauge)?,
        };
        let transfer = Transfer { archive: there.size, sent: session.sent, received: session.received };
        session.close();
        let ready = || {
            gauge.finish()?;
            match self.images.refuse_if_exists(&there.id) {
                Err(_) if options.force => self.images.delete(&there.id.clone().into(), IfUsed::Refuse),
                _ => Ok(()),
            }
        };
        let image = self.images.add_measured(stage, &there.id, size, ready)?;
        tracing::debug!(
            "image {}: {} bytes, {} of them received",
            image.id,
            transfer.archive,
            transfer.received
        );
        Ok((image, transfer))
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

    /// Takes an archive whose members are known: those alone that nothing here has.
    fn by_members(
        &self,
        session: &mut Session,
        there: &RemoteImage,
        index: &Index,
        options: &PullOptions,
        gauge: &Gauge,
    ) -> Result<(Stage, TreeSize)> {
        let kept_as = format!(
            "{:016x}",
            there.id.to_string().bytes().fold(0u64, |all, byte| {
                (all ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3).rotate_left(7)
            })
        );
        let mut sources = Sources::default();
        if let Some(kept) = self.images.home.kept(&kept_as)? {
            sources.add(kept.path().join(LAYER), Held::Kept(kept), index, gauge);
        }
        let before = sources.found(index);
        self.look_around(&mut sources, there, index, gauge);
        // What has arrived is worth keeping.
        let keep = |kept: Option<Stage>| {
            if let Some(Err(why)) = kept.map(|kept| kept.keep(&kept_as)) {
                tracing::debug!("what has arrived is not kept: {}", why.chain());
            }
        };
        if gauge.is_stopped() {
            keep(sources.into_kept());
            return Err(Error::Interrupted);
        }
        let plan = sources.plan(index);
        let (here, all) = (plan.iter().flatten().count(), plan.len());
        tracing::debug!(
            "image {}: {here} of {all} members are here, {before} from an earlier pull",
            there.id
        );
        let stage = self.images.home.stage("image")?;
        let received = AtomicU64::new(0);
        let told = |now: Progress| {
            gauge.tell(Progress { archive: received.load(Ordering::Relaxed), content: now.content })
        };
        let lines = runs(index, &plan);
        let missing = index.members.iter().zip(&plan).filter(|(_, here)| here.is_none());
        let wanted = missing.map(|(member, _)| member.blocks * UNIT as u64).sum();
        let mut input = session.second_input()?;
        let (result, failed, came) = thread::scope(|scope| {
            // It may be more than there is room for before the first bytes are read.
            scope.spawn(move || input.write_all(lines.as_bytes()));
            let feeds = sources.layers.iter().enumerate().map(|(number, source)| {
                let wanted = plan.iter().flatten().filter(|(of, _)| *of == number).map(|(_, chunk)| *chunk);
                let wanted: Vec<_> = wanted.collect();
                let (send, feed) = sync_channel(AHEAD);
                scope.spawn(move || feed_from(&source.layer, &wanted, &send, gauge));
                feed
            });
            let feeds = feeds.collect();
            let (send, incoming) = sync_channel(WAITING);
            scope.spawn(|| deliver(&mut *session, wanted, send));
            let mut members = Members {
                feeds,
                incoming,
                block: Vec::new(),
                taken: 0,
                index,
                plan: &plan,
                received: &received,
                image: &there.id,
                repository: self,
                at: 0,
                chunk: Vec::new(),
                given: 0,
                failed: None,
            };
            let result = receive(&stage, &mut members, &options.unpack, &told);
            (result, members.failed, members.at)
        });
        match failed.or_else(|| gauge.check().err()) {
            None => Ok((stage, result?)),
            Some(error) => {
                keep(if came > before { Some(stage) } else { sources.into_kept() });
                Err(error)
            }
        }
    }

    /// Looks into images that may have something in common with the one that is wanted.
    fn look_around(&self, sources: &mut Sources, there: &RemoteImage, index: &Index, gauge: &Gauge) {
        let content: u64 = index.members.iter().map(|member| member.content).sum();
        let mut room = content.saturating_mul(SEARCH);
        let mut images = self.images.list().unwrap_or_default();
        images.sort_by_key(|image| {
            (image.id.name != there.id.name, image.size.abs_diff(content), std::cmp::Reverse(image.modified))
        });
        for image in images {
            if sources.found(index) == index.members.len() || gauge.is_stopped() {
                return;
            }
            if image.size > room {
                continue;
            }
            // One that goes just now is no source; the others stay.
            if let Ok(held) = self.images.hold(&[image.id.clone().into()]) {
                room -= image.size;
                sources.add(self.images.layer(&image.id), Held::Image(held), index, gauge);
            }
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

/// Why the layer of a source stays where it is.
enum Held {
    /// What an earlier pull has left.
    Kept(Stage),
    Image(#[expect(dead_code, reason = "for its locks")] HeldImages),
}

/// A layer here that has chunks that are wanted.
struct Source {
    layer: PathBuf,
    held: Held,
    /// The numbers of its chunks by their digests.
    chunks: HashMap<Digest, u64>,
}

/// All of them.
#[derive(Default)]
struct Sources {
    layers: Vec<Source>,
    digests: HashSet<Digest>,
}

impl Sources {
    /// Finds out what of `index` a layer has. One that cannot be read has nothing.
    fn add(&mut self, layer: PathBuf, held: Held, index: &Index, gauge: &Gauge) {
        let missing: HashSet<_> = index.members.iter().map(|member| member.digest).collect();
        let (mut chunks, mut number) = (HashMap::new(), 0);
        let count = |digest| {
            if missing.contains(&digest) {
                chunks.insert(digest, number);
            }
            number += 1;
            Ok(())
        };
        let read = File::open(&layer).map_err(Error::file("open", &layer)).and_then(|layer| {
            let told = |_| gauge.check();
            pack_chunks(layer.as_fd(), &PackOptions::default(), |chunk| digest(&chunk), count, &told)
        });
        match read {
            Ok(_) => {}
            Err(why) => tracing::debug!("{}: nothing is taken from it: {}", layer.display(), why.chain()),
        }
        self.digests.extend(chunks.keys());
        self.layers.push(Source { layer, held, chunks });
    }

    /// How many members there are here.
    fn found(&self, index: &Index) -> usize {
        index.members.iter().filter(|member| self.digests.contains(&member.digest)).count()
    }

    /// Which layer each member comes from, and the number of its chunk there; from the server where it says nothing. A
    /// layer is packed once, so its chunks are taken in their order.
    fn plan(&self, index: &Index) -> Vec<Option<(usize, u64)>> {
        let mut next = vec![0; self.layers.len()];
        let member = |member: &Member| {
            let mut sources = self.layers.iter().enumerate();
            sources.find_map(|(number, source)| {
                let chunk = *source.chunks.get(&member.digest).filter(|chunk| **chunk >= next[number])?;
                next[number] = chunk + 1;
                Some((number, chunk))
            })
        };
        index.members.iter().map(member).collect()
    }

    /// What an earlier pull has left.
    fn into_kept(self) -> Option<Stage> {
        self.layers.into_iter().find_map(|source| match source.held {
            Held::Kept(stage) => Some(stage),
            Held::Image(_) => None,
        })
    }
}

/// Packs a layer, and sends the chunks of these numbers, with their digests. Ends early when it fails or is not
/// listened to any more, which the other side notices.
fn feed_from(layer: &PathBuf, wanted: &[u64], feed: &SyncSender<(Digest, Vec<u8>)>, gauge: &Gauge) {
    let enough = || Err(ArchiveError::Write(io::ErrorKind::BrokenPipe.into()).into());
    if wanted.is_empty() {
        return;
    }
    let (mut wanted, mut number) = (wanted.iter().peekable(), 0);
    let send = |chunk| {
        if wanted.next_if_eq(&&number).is_some() && feed.send(chunk).is_err() {
            return enough();
        }
        number += 1;
        if wanted.peek().is_none() { enough() } else { Ok(()) }
    };
    if let Ok(layer) = File::open(layer) {
        let _ = pack_chunks(
            layer.as_fd(),
            &PackOptions::default(),
            |chunk| (digest(&chunk), chunk),
            send,
            &|_| gauge.check(),
        );
    }
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

/// The tar, put together from members of the server's and chunks of layers that are here.
struct Members<'a> {
    incoming: Receiver<Result<Vec<u8>>>,
    /// The last piece that came, and how much of it has been taken.
    block: Vec<u8>,
    taken: usize,
    index: &'a Index,
    plan: &'a [Option<(usize, u64)>],
    feeds: Vec<Receiver<(Digest, Vec<u8>)>>,
    received: &'a AtomicU64,
    image: &'a ImageId,
    repository: &'a Repository,
    /// How many members have come, and how much of the last one was given on.
    at: usize,
    chunk: Vec<u8>,
    given: usize,
    failed: Option<Error>,
}

impl Members<'_> {
    /// Fills `room` with what comes from the server.
    fn take(&mut self, mut room: &mut [u8]) -> Result<()> {
        while !room.is_empty() {
            if self.taken == self.block.len() {
                // It has sent all that was asked for: then more is wanted than there is.
                self.block = self.incoming.recv().map_err(|_| self.repository.damaged(self.image))??;
                self.taken = 0;
            }
            let count = room.len().min(self.block.len() - self.taken);
            room[..count].copy_from_slice(&self.block[self.taken..][..count]);
            self.taken += count;
            room = &mut room[count..];
        }
        Ok(())
    }

    /// The chunk of the next member.
    fn next(&mut self, member: &Member, here: Option<(usize, u64)>) -> Result<Vec<u8>> {
        let damaged = || self.repository.damaged(self.image);
        let (found, chunk) = match here {
            // It ends early when the layer is not any more what it was.
            Some((source, _)) => self.feeds[source].recv().map_err(|_| damaged())?,
            None => {
                // Both are bounded by the index.
                let mut bytes = vec![0; member.blocks as usize * UNIT];
                self.take(&mut bytes)?;
                self.received.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                let mut chunk = Vec::with_capacity(member.content as usize);
                let read = GzDecoder::new(&bytes[..]).take(member.content).read_to_end(&mut chunk);
                read.map_err(|_| damaged())?;
                (digest(&chunk), chunk)
            }
        };
        if found == member.digest { Ok(chunk) } else { Err(damaged()) }
    }
}

impl Read for Members<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        if self.given == self.chunk.len() {
            let (index, plan) = (self.index, self.plan);
            let (Some(member), Some(here)) = (index.members.get(self.at), plan.get(self.at)) else {
                return Ok(0);
            };
            match self.next(member, *here) {
                Ok(chunk) => (self.chunk, self.given) = (chunk, 0),
                Err(why) => {
                    self.failed = Some(why);
                    return Err(io::ErrorKind::Other.into());
                }
            }
            self.at += 1;
        }
        let count = room.len().min(self.chunk.len() - self.given);
        room[..count].copy_from_slice(&self.chunk[self.given..][..count]);
        self.given += count;
        Ok(count)
    }
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
