//! Files into a container and out of it, whether it runs or not.

use std::io::{Read, Write};
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::path::Path;

use super::Container;
use super::inside::Access;
use crate::error::{Error, Result};
use crate::files::{self, Found, NAMELESS, RootDirectory, Target, Temporary, settle};
use crate::image::{self, PackOptions, Summary, UnpackOptions};
use crate::progress::{Gauge, Progress, watched};
use crate::tree::Rules;
use crate::users::Owners;

impl Container {
    /// Copies the file or the tree `from` of the host to `to` inside, by the rules of `cp -a`: where `to` is a directory
    /// the copy is in it, else it is called so. Modes, numeric owners, times, hard links, symbolic links as such,
    /// attributes and holes are kept. Directories that are there are merged; files give way, each at once. What has not
    /// been copied as a whole has no name. Returns how many bytes the files hold; `progress` hears every 50 ms how many
    /// are through, and may break the copy off before anything has its name.
    ///
    /// All of `to` is resolved inside, links too, whatever programs there change meanwhile. `.` after a directory means
    /// its content: `tree/.`.
    ///
    /// ```no_run
    /// # let engine = xdocker_core::Engine::open("/var/xdocker")?;
    /// # use std::ops::ControlFlow::{Break, Continue};
    /// let container = engine.container(&"test".parse()?)?;
    /// container.put("map.txt", "/root/", &|_| Continue(()))?;
    /// container.get("/root/map.txt", ".", &|now| if now.content > 1 << 30 { Break(()) } else { Continue(()) })?;
    /// # Ok::<_, xdocker_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::File`] with what could not be read or written; [`Error::Covered`] where the container is stopped and
    /// something is mounted at `to` while it runs; [`Error::NotRunning`] when it ends meanwhile; [`Error::Busy`];
    /// [`Error::Interrupted`] when `progress` breaks.
    pub fn put(
        &self,
        from: impl AsRef<Path>,
        to: impl AsRef<Path>,
        progress: &dyn Fn(Progress) -> ControlFlow<()>,
    ) -> Result<u64> {
        let (from, to) = (from.as_ref(), to.as_ref());
        watched(progress, |gauge| {
            let inside = self.inside(Access::Write, gauge)?;
            let owners = inside.ids.map_or(Owners::Same, Owners::Into);
            inside.make(|| {
                let (source, target) = ((&RootDirectory::ours(), from), (&inside.root, to));
                files::copy(source, target, (inside.devices, owners), gauge, &|| inside.check())
            })
        })
    }

    /// Copies the file or the tree `from` inside to `to` on the host; for the rest as [`Self::put`].
    ///
    /// # Errors
    /// As [`Self::put`].
    pub fn get(
        &self,
        from: impl AsRef<Path>,
        to: impl AsRef<Path>,
        progress: &dyn Fn(Progress) -> ControlFlow<()>,
    ) -> Result<u64> {
        let (from, to) = (from.as_ref(), to.as_ref());
        watched(progress, |gauge| {
            let inside = self.inside(Access::Read, gauge)?;
            let (source, target) = ((&inside.root, from), (&RootDirectory::ours(), to));
            let owners = inside.ids.map_or(Owners::Same, Owners::OutOf);
            files::copy(source, target, (inside.devices, owners), gauge, &|| Ok(()))
        })
    }

    /// Unpacks an archive, a tar as it is or compressed by gzip or zstd, into the directory `to` inside, which is made if
    /// it is not there. Nothing of it has a name before all has been read; then it is merged as by [`Self::put`].
    ///
    /// # Errors
    /// Those of [`Self::put`]; [`Error::Archive`] for what is wrong with it, and nothing has changed. To stop it takes as
    /// long as `archive` takes to be read once more.
    pub fn put_archive(
        &self,
        archive: impl Read + Send,
        to: impl AsRef<Path>,
        options: &UnpackOptions,
        progress: &dyn Fn(Progress) -> ControlFlow<()>,
    ) -> Result<Summary> {
        let (to, mut options) = (to.as_ref(), options.clone());
        watched(progress, |gauge| {
            let inside = self.inside(Access::Write, gauge)?;
            options.devices &= inside.devices;
            let owners = inside.ids.map_or(Owners::Same, Owners::Into);
            inside.make(|| {
                let target = Target::for_content(&inside.root, to)?;
                let temporary = Temporary::beside(&target)?;
                let failed = || Error::file("write", &target.path);
                let into = temporary.make(NAMELESS).map_err(failed())?;
                let told = |now| gauge.tell(now);
                let summary = image::unpack_files(archive, into.as_fd(), owners, &options, &told)?;
                gauge.finish()?;
                inside.check()?;
                let rules = Rules::files(options.devices);
                settle(temporary.directory(), NAMELESS, &target, rules)?;
                temporary.remove().map_err(failed())?;
                Ok(summary)
            })
        })
    }

    /// Writes the file or the tree `from` inside to `out` as a tar, whose names begin with its own; GNU tar reads it.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Covered`]; [`Error::Archive`] when `out` cannot be written; [`Error::Interrupted`], which
    /// takes as long as `out` takes to be written once more.
    pub fn get_archive(
        &self,
        from: impl AsRef<Path>,
        out: impl Write + Send,
        options: &PackOptions,
        progress: &dyn Fn(Progress) -> ControlFlow<()>,
    ) -> Result<Summary> {
        let from = from.as_ref();
        watched(progress, |gauge| {
            let inside = self.inside(Access::Read, gauge)?;
            let found = Found::at(&inside.root, from)?;
            let (directory, name) = found.parts();
            let owners = inside.ids.map_or(Owners::Same, Owners::OutOf);
            let told = |now| gauge.tell(now);
            let summary = image::pack_files(directory, name, owners, out, options, &told)?;
            gauge.finish()?;
            Ok(summary)
        })
    }

    /// The content of the file `path` inside.
    ///
    /// # Errors
    /// [`Error::File`], also when it is no regular file or larger than 64 MiB; [`Error::Covered`].
    pub fn read(&self, path: impl AsRef<Path>) -> Result<Vec<u8>> {
        let inside = self.inside(Access::Read, &Gauge::default())?;
        files::read(&inside.root, path.as_ref()).map(|(bytes, _)| bytes)
    }

    /// Makes `bytes` the content of the file `path` inside, at once. A file that is there keeps owner and mode; a new one
    /// is root's, and others may read it.
    ///
    /// # Errors
    /// [`Error::File`], also when what is there is no regular file; [`Error::Covered`].
    pub fn write(&self, path: impl AsRef<Path>, bytes: impl AsRef<[u8]>) -> Result<()> {
        let inside = self.inside(Access::Write, &Gauge::default())?;
        let (path, bytes) = (path.as_ref(), bytes.as_ref());
        inside.check()?;
        inside.make(|| files::write(&inside.root, path, bytes, None))
    }
}
