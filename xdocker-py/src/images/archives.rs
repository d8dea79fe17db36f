//! Images that leave a home as files, and come back.

use std::fs::File;
use std::io;
use std::path::PathBuf;

use pyo3::prelude::*;
use xdocker_core::Error;

use super::{Image, ImageArgument, Images, image_id};
use crate::archive::{Draft, Summary, pack_options, unpack_options};
use crate::error::to_python;
use crate::progress::{Callback, Count, told};

#[pymethods]
impl Images {
    /// Writes an image to the file ``path`` as a gzipped tar, which GNU tar reads.
    ///
    /// The file gets its name when it is whole; with ``force`` it takes the place of another one. ``whiteouts`` is the
    /// way in which deletions are written: ``"overlay"``, or ``"oci"`` for other engines. ``level`` is how hard gzip
    /// tries, from 1 to 9; with 0 it is a plain tar. ``progress`` is called many times a second with a :class:`Progress`;
    /// what it raises ends the export and leaves no file, and so does Ctrl-C. Raises :class:`NotFound`,
    /// :class:`AlreadyExists` when there is such a file.
    #[pyo3(signature = (image, path, *, force=false, whiteouts="overlay", level=4, progress=None))]
    #[allow(clippy::too_many_arguments)] // keyword arguments
    fn export(
        &self,
        py: Python<'_>,
        image: ImageArgument,
        path: PathBuf,
        force: bool,
        whiteouts: &str,
        level: u32,
        progress: Option<Callback>,
    ) -> PyResult<Summary> {
        let options = pack_options(whiteouts, level)?;
        let store = self.0.images();
        let image = py.detach(|| store.get(&image.0)).map_err(to_python)?;
        let failed = |source: io::Error| Error::File { action: "write", path: path.clone(), source };
        let written = told(py, progress, Count::Content(Some(image.size)), |heard| {
            if !force && path.symlink_metadata().is_ok() {
                return Err(failed(io::ErrorKind::AlreadyExists.into()));
            }
            let draft = Draft::of(&path).map_err(failed)?;
            let written = store.export(&image.id.into(), &draft.file, &options, heard)?;
            draft.publish(&path, force).map_err(failed)?;
            Ok(written)
        });
        written.map(Summary::from)
    }

    /// Makes the image ``name`` of an archive: a tar, gzipped, zstd-compressed or plain, which is not trusted.
    ///
    /// ``devices`` says whether it may hold device nodes; ``max_bytes`` and ``max_entries`` bound what comes out of it,
    /// ``max_ratio`` how many bytes may come out of one. ``progress`` is called many times a second with a
    /// :class:`Progress`; what it raises ends the import and leaves no image, and so does Ctrl-C. Raises
    /// :class:`AlreadyExists`, :class:`NotFound`, :class:`InvalidArgument` for what is wrong with the archive.
    #[pyo3(signature = (path, name, *, devices=true, max_bytes=None, max_entries=None, max_ratio=None, progress=None))]
    #[allow(clippy::too_many_arguments)] // keyword arguments
    fn import_(
        &self,
        py: Python<'_>,
        path: PathBuf,
        name: &str,
        devices: bool,
        max_bytes: Option<u64>,
        max_entries: Option<u64>,
        max_ratio: Option<u64>,
        progress: Option<Callback>,
    ) -> PyResult<Image> {
        let options = unpack_options(devices, max_bytes, max_entries, max_ratio);
        let (store, id) = (self.0.images(), image_id(name)?);
        let open = || -> io::Result<_> {
            let file = File::open(&path)?;
            let total = file.metadata()?.len();
            Ok((file, total))
        };
        let opened = py.detach(open);
        let (file, total) =
            opened.map_err(|source| to_python(Error::File { action: "open", path, source }))?;
        told(py, progress, Count::Archive(total), |heard| store.import(&id, file, &options, heard)).map(Image)
    }
}
