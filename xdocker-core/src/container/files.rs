//! Files into a container and out of it, whether it runs or not.

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::path::Path;

use super::Container;
use super::inside::Access;
use crate::error::{Error, Result};
use crate::files::{self, Found, NAMELESS, RootDirectory, Target, Temporary, settle};
use crate::image::{self, PackOptions, Progress, Summary, UnpackOptions};
use crate::tree::Rules;
use crate::users::Owners;

impl Container {
    /// Copies the file or the tree `from` of the host to `to` inside, by the rules of `cp -a`: where `to` is a directory
    /// the copy is in it, else it is called so. Modes, numeric owners, times, hard links, symbolic links as such,
    /// attributes and holes are kept. Directories that are there are merged; files give way, each at once. What has not
    /// been copied as a whole has no name. Returns how many bytes the files hold; `progress` hears now and then how many
    /// are through.
    ///
    /// All of `to` is resolved inside, links too, whatever programs there change meanwhile. `.` after a directory means
    /// its content: `tree/.`.
    ///
    /// ```no_run
    /// # let engine = xdocker_core::Engine::open("/var/xdocker")?;
    /// let container = engine.container(&"test".parse()?)?;
    /// container.put("map.txt", "/root/", &|_| {})?;
    /// container.get("/root/map.txt", ".", &|so_far| eprintln!("{} bytes", so_far.content))?;
    /// # Ok::<_, xdocker_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::File`] with what could not be read or written; [`Error::Covered`] where the container is stopped and
    /// something is mounted at `to` while it runs; [`Error::NotRunning`] when it ends meanwhile; [`Error::Busy`].
    pub fn put(
        &self,
        from: impl AsRef<Path>,
        to: impl AsRef<Path>,
        progress: &dyn Fn(Progress),
    ) -> Result<u64> {
        let inside = self.inside(Access::Write)?;
        let (from, to, owners) = (from.as_ref(), to.as_ref(), inside.ids.map_or(Owners::Same, Owners::Into));
        inside.make(progress, |progress| {
            let (source, target) = ((&RootDirectory::ours(), from), (&inside.root, to));
            files::copy(source, target, (inside.devices, owners), &told(progress), &|| inside.check())
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
        progress: &dyn Fn(Progress),
    ) -> Result<u64> {
        let inside = self.inside(Access::Read)?;
        let (source, target) = ((&inside.root, from.as_ref()), (&RootDirectory::ours(), to.as_ref()));
        let owners = inside.ids.map_or(Owners::Same, Owners::OutOf);
        files::copy(source, target, (inside.devices, owners), &told(progress), &|| Ok(()))
    }

    /// Unpacks an archive, a tar as it is or compressed by gzip or zstd, into the directory `to` inside, which is made if
    /// it is not there. Nothing of it has a name before all has been read; then it is merged as by [`Self::put`].
    ///
    /// # Errors
    /// Those of [`Self::put`]; [`Error::Archive`] for what is wrong with it, and nothing has changed.
    pub fn put_archive(
        &self,
        archive: impl Read + Send,
        to: impl AsRef<Path>,
        options: &UnpackOptions,
        progress: &dyn Fn(Progress),
    ) -> Result<Summary> {
        let inside = self.inside(Access::Write)?;
        let mut options = options.clone();
        options.devices &= inside.devices;
        let (to, owners) = (to.as_ref(), inside.ids.map_or(Owners::Same, Owners::Into));
        inside.make(progress, |progress| {
            let target = Target::for_content(&inside.root, to)?;
            let temporary = Temporary::beside(&target)?;
            let failed = || Error::file("write", &target.path);
            let into = temporary.make(NAMELESS).map_err(failed())?;
            let summary = image::unpack_files(archive, into.as_fd(), owners, &options, progress)?;
            inside.check()?;
            let rules = Rules::files(options.devices);
            settle(temporary.directory(), NAMELESS, &target, rules)?;
            temporary.remove().map_err(failed())?;
            Ok(summary)
        })
    }

    /// Writes the file or the tree `from` inside to `out` as a tar, whose names begin with its own; GNU tar reads it.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Covered`]; [`Error::Archive`] when `out` cannot be written.
    pub fn get_archive(
        &self,
        from: impl AsRef<Path>,
        out: impl Write + Send,
        options: &PackOptions,
        progress: &dyn Fn(Progress),
    ) -> Result<Summary> {
        let inside = self.inside(Access::Read)?;
        let found = Found::at(&inside.root, from.as_ref())?;
        let (directory, name) = found.parts();
        let owners = inside.ids.map_or(Owners::Same, Owners::OutOf);
        image::pack_files(directory, name, owners, out, options, progress)
    }

    /// The content of the file `path` inside.
    ///
    /// # Errors
    /// [`Error::File`], also when it is no regular file or larger than 64 MiB; [`Error::Covered`].
    pub fn read(&self, path: impl AsRef<Path>) -> Result<Vec<u8>> {
        let inside = self.inside(Access::Read)?;
        files::read(&inside.root, path.as_ref()).map(|(bytes, _)| bytes)
    }

    /// Makes `bytes` the content of the file `path` inside, at once. A file that is there keeps owner and mode; a new one
    /// is root's, and others may read it.
    ///
    /// # Errors
    /// [`Error::File`], also when what is there is no regular file; [`Error::Covered`].
    pub fn write(&self, path: impl AsRef<Path>, bytes: impl AsRef<[u8]>) -> Result<()> {
        let inside = self.inside(Access::Write)?;
        let (path, bytes) = (path.as_ref(), bytes.as_ref());
        inside.check()?;
        inside.make(&|_| {}, |_| files::write(&inside.root, path, bytes, None))
    }
}

/// Bytes as progress.
fn told(progress: &dyn Fn(Progress)) -> impl Fn(u64) {
    move |content| progress(Progress { content, ..Progress::default() })
}
