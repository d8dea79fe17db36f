//! Layers that are here, as places to take chunks from.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use super::index::{Digest, Index, Member, digest};
use super::remembered;
use crate::error::{ArchiveError, Error};
use crate::home::{DirectoryLock, Stage};
use crate::image::{HeldImages, Image, ImageStore, LAYER, PackOptions, pack_chunks};
use crate::name::ImageId;
use crate::progress::Gauge;

/// How many times as much as is missing is read of other images to find it there, and how many times as much as the image
/// holds altogether.
const SEARCH: u64 = 4;

/// How much of an image counts as read when what is remembered of it is.
const REMEMBERED: u64 = 1_000;

/// What is relied on to find out what is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reliance {
    /// What is remembered of images, and the files of others.
    Memory,
    /// Their files: what was remembered was not true.
    Files,
    /// Nothing but what an earlier pull has left.
    Nothing,
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

/// All of them, for the image of an index.
pub(super) struct Sources<'a> {
    index: &'a Index,
    gauge: &'a Gauge,
    layers: Vec<Source>,
    /// What is wanted and not here.
    missing: HashMap<Digest, u64>,
}

impl<'a> Sources<'a> {
    /// None yet.
    pub(super) fn new(index: &'a Index, gauge: &'a Gauge) -> Self {
        let missing = index.members.iter().map(|member| (member.digest, member.content)).collect();
        Self { index, gauge, layers: Vec::new(), missing }
    }

    /// Adds what an earlier pull has left.
    pub(super) fn add_kept(&mut self, kept: Stage) {
        let layer = kept.path().join(LAYER);
        let chunks = self.chunks_of(&layer).unwrap_or_default();
        self.add(layer, Held::Kept(kept), &chunks);
    }

    /// Looks into images that may have something in common with `wanted`, those first of which it costs nothing.
    pub(super) fn look_around(&mut self, store: &ImageStore, wanted: &ImageId, reliance: Reliance) {
        let content: u64 = self.index.members.iter().map(|member| member.content).sum();
        let mut room = content.saturating_mul(SEARCH);
        let mut images = store.list().unwrap_or_default();
        images.sort_by_key(|image| {
            (image.id.name != wanted.name, image.size.abs_diff(content), std::cmp::Reverse(image.modified))
        });
        let mut others = Vec::new();
        if reliance == Reliance::Memory {
            for image in images {
                let cost = image.size / REMEMBERED;
                if self.is_enough() {
                    return;
                }
                let Some(held) = hold(store, &image).filter(|_| cost <= room) else { continue };
                room -= cost;
                match remembered::read(&store.home.image(&image.id)) {
                    Some(chunks) => self.add(store.layer(&image.id), Held::Image(held), &chunks),
                    None => others.push(image),
                }
            }
        } else {
            others = images;
        }
        for image in others {
            if self.is_enough() {
                return;
            }
            // To read so much for so little takes longer than to have it sent.
            let missing: u64 = self.missing.values().sum();
            if image.size > room.min(missing.saturating_mul(SEARCH)) {
                continue;
            }
            let Some(held) = hold(store, &image) else { continue };
            room -= image.size;
            let layer = store.layer(&image.id);
            if let Some(chunks) = self.chunks_of(&layer) {
                remember(&store.home.image(&image.id), &chunks);
                self.add(layer, Held::Image(held), &chunks);
            }
        }
    }

    fn is_enough(&self) -> bool {
        self.missing.is_empty() || self.gauge.is_stopped()
    }

    /// The digests of a layer's chunks. One that cannot be read has none.
    fn chunks_of(&self, layer: &Path) -> Option<Vec<Digest>> {
        let mut chunks = Vec::new();
        let note = |digest| {
            chunks.push(digest);
            Ok(())
        };
        let read = File::open(layer).map_err(Error::file("open", layer)).and_then(|layer| {
            let told = |_| self.gauge.check();
            pack_chunks(layer.as_fd(), &PackOptions::default(), |chunk| digest(&chunk), note, &told)
        });
        match read {
            Ok(_) => Some(chunks),
            Err(why) => {
                tracing::debug!("{}: nothing is taken from it: {}", layer.display(), why.chain());
                None
            }
        }
    }

    /// Adds a layer that has these chunks.
    fn add(&mut self, layer: PathBuf, held: Held, chunks: &[Digest]) {
        let wanted: HashSet<_> = self.index.members.iter().map(|member| member.digest).collect();
        let numbered = chunks.iter().copied().zip(0..);
        let chunks: HashMap<_, _> = numbered.filter(|(digest, _)| wanted.contains(digest)).collect();
        let before = self.missing.len();
        self.missing.retain(|digest, _| !chunks.contains_key(digest));
        if matches!(held, Held::Kept(_)) || self.missing.len() < before {
            self.layers.push(Source { layer, held, chunks });
        }
    }

    /// How many members there are here.
    pub(super) fn found(&self) -> usize {
        self.index.members.iter().filter(|member| !self.missing.contains_key(&member.digest)).count()
    }

    /// Which layer each member comes from, and the number of its chunk there; from the server where it says nothing. A
    /// layer is packed once, so its chunks are taken in their order.
    pub(super) fn plan(&self) -> Vec<Option<(usize, u64)>> {
        let mut next = vec![0; self.layers.len()];
        let member = |member: &Member| {
            let mut sources = self.layers.iter().enumerate();
            sources.find_map(|(number, source)| {
                let chunk = *source.chunks.get(&member.digest).filter(|chunk| **chunk >= next[number])?;
                next[number] = chunk + 1;
                Some((number, chunk))
            })
        };
        self.index.members.iter().map(member).collect()
    }

    /// The directories of the layers, in the order of their numbers.
    pub(super) fn layers(&self) -> impl Iterator<Item = &Path> {
        self.layers.iter().map(|source| &*source.layer)
    }

    /// Leaves what earlier pulls have left for the next one.
    pub(super) fn leave_kept(self) {
        for source in self.layers {
            if let Held::Kept(stage) = source.held {
                stage.leave();
            }
        }
    }
}

/// Holds an image. One that goes just now is no source.
fn hold(store: &ImageStore, image: &Image) -> Option<HeldImages> {
    store.hold(&[image.id.clone().into()]).ok()
}

/// Remembers the chunks of the image in `directory`, which is held, unless somebody else is just doing that, or nothing
/// can be written there.
fn remember(directory: &Path, chunks: &[Digest]) {
    let alone = DirectoryLock::exclusive(directory, &directory.display(), Duration::ZERO);
    if let Err(why) = alone.and_then(|_alone| remembered::write(directory, chunks.iter().copied())) {
        tracing::debug!("the chunks of {} are not remembered: {}", directory.display(), why.chain());
    }
}

/// Packs a layer, and sends the chunks of these numbers, with their digests. Ends early when it fails or is not
/// listened to any more, which the other side notices.
pub(super) fn feed_from(layer: &Path, wanted: &[u64], feed: &SyncSender<(Digest, Vec<u8>)>, gauge: &Gauge) {
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
