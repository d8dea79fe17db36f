//! An image goes to the server.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use sha2::{Digest as _, Sha256};

use super::cksum::Remainder;
use super::index::{Digest, Index, Known, Member, digest};
use super::listing::RemoteImage;
use super::remembered;
use super::session::{Session, coded};
use super::sum::Sum;
use super::{Repository, Transfer};
use crate::error::{ArchiveError, Error, RepositoryError, Result};
use crate::home::DirectoryLock;
use crate::image::{Image, PackOptions, UNIT, member, pack_chunks};
use crate::name::{ImageId, ImageRef};
use crate::progress::{Gauge, Progress, watched};

/// Names this machine, where it has a name.
const MACHINE: &str = "/etc/machine-id";

/// How many lists of members are asked for at most.
const INDEXES: usize = 200;

/// How an image is pushed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PushOptions {
    /// Replace the image that has the name and version there.
    pub force: bool,
}

impl Repository {
    /// Sends an image. It is in the repository as a whole when this returns, and not at all when it fails. After a broken
    /// line the next push goes on where this one stopped; so it does when `progress` breaks, which is called every 50 ms.
    /// Who breaks while the server puts the image together does not learn whether it has come to that.
    ///
    /// # Errors
    /// [`Error::NoSuchImage`]; [`RepositoryError`], of which [`RepositoryError::ImageExists`] without
    /// [`PushOptions::force`]; [`Error::Busy`] while another process sends the same image from this home;
    /// [`Error::Interrupted`] when `progress` breaks.
    pub fn push(
        &self,
        wanted: &ImageRef,
        options: &PushOptions,
        progress: &dyn Fn(Progress) -> ControlFlow<()>,
    ) -> Result<Transfer> {
        watched(progress, |gauge| self.push_watched(wanted, options, gauge))
    }

    fn push_watched(&self, wanted: &ImageRef, options: &PushOptions, gauge: &Gauge) -> Result<Transfer> {
        let held = self.images.hold(std::slice::from_ref(wanted))?;
        let id = held.images.first().ok_or_else(|| Error::NoSuchImage(wanted.clone()))?;
        let image = &self.images.get(&id.clone().into())?;
        // Two of one key would take each other for the remains of a broken one.
        let directory = self.images.home.image(&image.id);
        let what = format!("the upload of image {}", image.id);
        let _alone = DirectoryLock::exclusive(&directory, &what, Duration::ZERO)?;
        match self.attempt(image, options, true, gauge) {
            // An archive of the server's may have been changed without its list: then nothing of it is used.
            Err(Error::Repository(RepositoryError::Damaged { .. })) => {
                tracing::debug!("image {}: sending all of it", image.id);
                self.attempt(image, options, false, gauge)
            }
            result => result,
        }
    }

    /// Sends an image; members that the server has are left out if it may `borrow` them.
    fn attempt(&self, image: &Image, options: &PushOptions, borrow: bool, gauge: &Gauge) -> Result<Transfer> {
        let mut session = self.connect(gauge)?;
        let there = session.list()?;
        if !options.force && there.iter().any(|other| other.id == image.id) {
            let address = self.address.clone();
            return Err(RepositoryError::ImageExists { image: image.id.clone(), address }.into());
        }
        let (known, archives) = if borrow { known(&mut session, image, &there)? } else { Default::default() };
        session.say(&format!("begin {}", self.key(image)?))?;
        let (at, sum) = beginning(&mut session, &image.id)?;
        for (number, archive) in archives.iter().enumerate() {
            session.say(&format!("lend archive.{number} {}", coded(archive)))?;
        }
        let upload = format!("upload {} {}", coded(&image.id), if options.force { "force" } else { "new" });
        let mut sending = Sending::new(&mut session, at, sum, upload);
        let sent = self.pack(image, &known, &mut sending, gauge);
        let index = match sent {
            Err(_) if sending.other => {
                tracing::debug!("image {}: what is left of an earlier upload is another one's", image.id);
                sending.restart();
                self.pack(image, &known, &mut sending, gauge)
            }
            sent => sent,
        };
        let index = index.and_then(|index| {
            gauge.reach_end()?;
            sending.conclude(index)
        });
        let (archive, said) = match index {
            Ok(index) => {
                // For pulls of images that have something in common with this one.
                let (directory, digests) = (self.images.home.image(&image.id), index.members.iter());
                if let Err(why) = remembered::write(&directory, digests.map(|member| member.digest)) {
                    tracing::debug!("the chunks of {} are not remembered: {}", image.id, why.chain());
                }
                (index.size(), session.hear(&image.id))
            }
            Err(error) => return Err(session.reason(error, &image.id)),
        };
        said?;
        let transfer = Transfer { archive, sent: session.sent, received: session.received };
        session.close();
        tracing::debug!(
            "image {}: {archive} bytes in the repository, {} of them sent",
            image.id,
            transfer.sent
        );
        Ok(transfer)
    }

    /// Packs the image, and sends what the server does not know.
    fn pack(&self, image: &Image, known: &Known, sending: &mut Sending<'_>, gauge: &Gauge) -> Result<Index> {
        let path = self.images.layer(&image.id);
        let layer = File::open(&path).map_err(Error::file("open", &path))?;
        let options = PackOptions::default();
        let pack = |chunk: Vec<u8>| {
            let digest = digest(&chunk);
            if known.get(&digest).is_some() {
                return Packed::Known(digest);
            }
            let bytes = member(&chunk, options.level);
            let (content, blocks) = (chunk.len() as u64, (bytes.len() / UNIT) as u64);
            let remainder = Remainder::of(&bytes);
            Packed::New(Member { digest, blocks, content, remainder }, bytes)
        };
        let sent = AtomicU64::new(0);
        let mut index = Index::default();
        let send = |packed| {
            index.members.push(match packed {
                Packed::New(member, bytes) => sending.member(member, &bytes)?,
                Packed::Known(digest) => sending.reference(known, &digest),
            });
            sent.store(sending.sent(), Ordering::Relaxed);
            Ok(())
        };
        let told = |content| gauge.tell(Progress { archive: sent.load(Ordering::Relaxed), content });
        pack_chunks(layer.as_fd(), &options, pack, send, &told)?;
        sending.complete()?;
        Ok(index)
    }

    /// What an upload of this image from this home is known by.
    fn key(&self, image: &Image) -> Result<String> {
        let home = self.images.home.path();
        let data = fs::metadata(home).map_err(Error::file("examine", home))?;
        let modified = image.modified.duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut key = Sha256::new();
        // A machine without a name is told by what else there is.
        key.update(fs::read(MACHINE).unwrap_or_default());
        key.update(home.as_os_str().as_bytes());
        key.update(format!("\n{} {} {} {modified:?}", data.dev(), data.ino(), image.id));
        Ok(key.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

/// What the server is likely to have of an image: other versions first, then what was put there last; not more of their
/// lists than a thousandth of the image is long.
fn known(session: &mut Session, image: &Image, there: &[RemoteImage]) -> Result<(Known, Vec<ImageId>)> {
    /// Bytes of an archive for one of its list, more or less.
    const EACH: u64 = 1_000;
    let mut candidates: Vec<_> = there.iter().collect();
    candidates.sort_by_key(|other| (other.id.name != image.id.name, std::cmp::Reverse(other.modified)));
    let mut room = (256 << 10) + image.size / 1_000;
    candidates.retain(|other| {
        let list = other.size / EACH;
        let fits = list <= room;
        room -= if fits { list } else { 0 };
        fits
    });
    candidates.truncate(INDEXES);
    for other in &candidates {
        session.ask_for_index(&other.id)?;
    }
    let (mut known, mut archives) = (Known::default(), Vec::new());
    for other in candidates {
        if let Some(index) = session.index(other.size)? {
            known.add(archives.len(), &index);
            archives.push(other.id.clone());
        }
    }
    Ok((known, archives))
}

/// How many blocks the server has of an earlier upload, and their sum.
fn beginning(session: &mut Session, image: &ImageId) -> Result<(u64, String)> {
    let line = session.hear(image)?;
    let fields: Vec<_> = line.split(' ').collect();
    match fields[..] {
        ["have", blocks, sum] => match blocks.parse() {
            Ok(blocks) => Ok((blocks, sum.to_owned())),
            Err(_) => Err(session.failure()),
        },
        _ => Err(session.failure()),
    }
}

/// A chunk on its way.
enum Packed {
    Known(Digest),
    New(Member, Vec<u8>),
}

/// A run of blocks of an archive of the server's, or of what is sent (no number).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    archive: Option<usize>,
    skip: u64,
    blocks: u64,
}

/// The stream of members that the server does not know.
struct Sending<'a> {
    session: &'a mut Session,
    /// The line that begins it.
    upload: String,
    /// Blocks that the server has of it already, and what their sum must be.
    at: u64,
    expected: String,
    /// Blocks so far, the server's included.
    blocks: u64,
    sum: Sum,
    /// Whether the server has waited for bytes yet.
    begun: bool,
    /// What the server has is the beginning of another stream.
    other: bool,
    /// What is in the stream, and after how many blocks.
    own: HashMap<Digest, u64>,
    /// What the archive is to be put together from.
    plan: Vec<Part>,
}

impl<'a> Sending<'a> {
    fn new(session: &'a mut Session, at: u64, expected: String, upload: String) -> Self {
        let sum = Sum::new(session.sums);
        let (own, plan) = (HashMap::new(), Vec::new());
        Self { session, upload, at, expected, blocks: 0, sum, begun: false, other: false, own, plan }
    }

    /// Forgets what the server has.
    fn restart(&mut self) {
        (self.at, self.blocks, self.other) = (0, 0, false);
        self.sum = Sum::new(self.session.sums);
        self.own.clear();
        self.plan.clear();
    }

    /// Bytes of the stream that need not be sent any more.
    fn sent(&self) -> u64 {
        self.blocks * UNIT as u64
    }

    /// Has the server wait for bytes.
    fn begin(&mut self) -> Result<()> {
        if !std::mem::replace(&mut self.begun, true) {
            self.session.say(&format!("from {}", self.at))?;
            let upload = std::mem::take(&mut self.upload);
            self.session.say(&upload)?;
        }
        Ok(())
    }

    /// Sends what is of whole blocks, unless the server has it.
    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        let there = usize::try_from(self.at.saturating_sub(self.blocks)).unwrap_or(usize::MAX);
        let (there, missing) = bytes.split_at(bytes.len().min(there.saturating_mul(UNIT)));
        self.sum.update(there);
        self.blocks += (bytes.len() / UNIT) as u64;
        if missing.is_empty() && self.blocks < self.at {
            return Ok(());
        }
        if !self.begun {
            self.check()?;
            self.begin()?;
        }
        self.sum.update(missing);
        self.session.write(missing)
    }

    /// Compares what the server has with what it would have been sent.
    fn check(&mut self) -> Result<()> {
        if self.at > 0 && self.sum.text() != self.expected {
            self.other = true;
            return Err(ArchiveError::Write(io::ErrorKind::InvalidData.into()).into());
        }
        Ok(())
    }

    /// A member that the server does not know.
    fn member(&mut self, member: Member, bytes: &[u8]) -> Result<Member> {
        if let Some(skip) = self.own.get(&member.digest).copied() {
            self.part(Part { archive: None, skip, blocks: member.blocks });
            return Ok(member);
        }
        self.own.insert(member.digest, self.blocks);
        self.part(Part { archive: None, skip: self.blocks, blocks: member.blocks });
        self.put(bytes)?;
        Ok(member)
    }

    /// A member that the server knows.
    fn reference(&mut self, known: &Known, digest: &Digest) -> Member {
        let place = known.get(digest).expect("who packed it has found it there");
        self.part(Part { archive: Some(place.archive), skip: place.skip, blocks: place.member.blocks });
        place.member
    }

    fn part(&mut self, next: Part) {
        match self.plan.last_mut() {
            Some(last) if last.archive == next.archive && last.skip + last.blocks == next.skip => {
                last.blocks += next.blocks;
            }
            _ => self.plan.push(next),
        }
    }

    /// All members have come.
    fn complete(&mut self) -> Result<()> {
        if !self.begun && self.blocks == 0 {
            self.at = 0;
        }
        self.other = !self.begun && self.blocks < self.at;
        if self.other { Err(ArchiveError::Write(io::ErrorKind::InvalidData.into()).into()) } else { Ok(()) }
    }

    /// Sends what the server needs to put the archive together, and ends the stream.
    fn conclude(&mut self, index: Index) -> Result<Index> {
        self.begin()?;
        let whole = [Part { archive: None, skip: 0, blocks: self.blocks }];
        let mut plan = String::new();
        for part in self.plan.iter().filter(|_| self.plan != whole) {
            let from = part.archive.map_or("new".to_owned(), |number| format!("archive.{number}"));
            plan += &format!("{from} {} {}\n", part.skip, part.blocks);
        }
        let (plan, list) = (filled(plan, '\n'), filled(index.text(), '\n'));
        let (plans, lists) = (plan.len() / UNIT, list.len() / UNIT);
        self.sum.update(plan.as_bytes());
        self.sum.update(list.as_bytes());
        let last =
            format!("xdocker-end {} {plans} {lists} {} {}\n", self.blocks, self.sum.text(), index.sum());
        for text in [plan, list, filled(last, ' ')] {
            self.session.write(text.as_bytes())?;
        }
        self.session.finish();
        Ok(index)
    }
}

/// A text filled up to whole blocks.
fn filled(mut text: String, with: char) -> String {
    let missing = text.len().wrapping_neg() % UNIT;
    text.extend(std::iter::repeat_n(with, missing));
    text
}
