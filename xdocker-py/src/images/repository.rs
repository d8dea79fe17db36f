//! Images that go to an ssh server, and come from there.

use std::path::PathBuf;

use pyo3::prelude::*;
use xdocker_core::{Error, PullOptions, PushOptions, Repository, RepositoryError};

use super::{Image, ImageArgument, Images};
use crate::archive::unpack_options;
use crate::convert::{option, parsed};
use crate::error::{invalid, to_python};
use crate::progress::{Callback, Count, Heard, told};
use crate::repository::{PulledImage, RemoteImage, RemoteImageArgument, Transfer};

impl Images {
    /// Does something with the repository that is meant; one that has answered is remembered.
    fn at<T: Send>(
        &self,
        py: Python<'_>,
        (address, ssh): (Option<&str>, Option<Vec<PathBuf>>),
        (progress, count): (Option<Callback>, Count),
        work: impl FnOnce(&Repository, Heard<'_>) -> xdocker_core::Result<T> + Send,
    ) -> PyResult<T> {
        let address = option(address)?;
        if ssh.as_ref().is_some_and(Vec::is_empty) {
            return Err(invalid("ssh `[]`: the program is missing"));
        }
        told(py, progress, count, |heard| {
            let mut repository = self.0.repository(address.as_ref())?;
            if let Some(program) = ssh {
                repository = repository.ssh(program);
            }
            let done = work(&repository, heard)?;
            self.0.remember_repository(repository.address())?;
            Ok(done)
        })
    }
}

#[pymethods]
impl Images {
    /// The ssh image repository that this home remembers, as ``user@host:port``; ``None`` before it has met one.
    #[getter]
    fn repository(&self, py: Python<'_>) -> PyResult<Option<String>> {
        match py.detach(|| self.0.repository(None)) {
            Ok(repository) => Ok(Some(repository.address().to_string())),
            Err(Error::Repository(RepositoryError::NoAddress)) => Ok(None),
            Err(error) => Err(to_python(error)),
        }
    }

    /// Has this home remember an ssh image repository: ``host``, ``user@host`` or ``user@host:port``. Nobody asks it
    /// whether it is there.
    fn remember_repository(&self, py: Python<'_>, address: &str) -> PyResult<()> {
        let address = parsed(address)?;
        py.detach(|| self.0.remember_repository(&address)).map_err(to_python)
    }

    /// The images of an ssh repository whose ``NAME:VERSION`` holds ``matching``, by name and version.
    ///
    /// ``repository`` is ``user@host`` or ``user@host:port``, which the home remembers once it has answered; otherwise it is
    /// the one that it remembers. The library talks with it by your own ssh, or by the words of ``ssh``: a program that
    /// understands the same, with arguments before ours. Ctrl-C, and what ``progress`` raises, end the program. Raises
    /// :class:`InvalidArgument` where there is no repository, :class:`NotFound` for a host that is not there,
    /// :class:`PermissionDenied` where the key of the one or of the other is not trusted, :class:`EngineError` when it
    /// cannot be reached.
    #[pyo3(signature = (matching="", *, repository=None, ssh=None, progress=None))]
    fn search(
        &self,
        py: Python<'_>,
        matching: &str,
        repository: Option<&str>,
        ssh: Option<Vec<PathBuf>>,
        progress: Option<Callback>,
    ) -> PyResult<Vec<RemoteImage>> {
        let told = (progress, Count::Content(None));
        let found =
            self.at(py, (repository, ssh), told, |repository, heard| repository.search(matching, heard))?;
        Ok(found.into_iter().map(RemoteImage::from).collect())
    }

    /// Sends an image to an ssh repository, where it is whole or not at all.
    ///
    /// What is there already is not sent, and after a broken line the next push goes on where this one stopped.
    /// ``repository`` and ``ssh`` are those of :meth:`search`; with ``force`` it takes the place of the image of that name
    /// and version. ``progress`` is called many times a second with a :class:`Progress`; what it raises ends the push, and
    /// so does Ctrl-C, also while the server does not answer. Whoever ends it when all was sent does not learn whether it is
    /// there. Raises :class:`NotFound`, :class:`AlreadyExists`, :class:`Conflict` while another push of it is under way,
    /// and what :meth:`search` raises.
    #[pyo3(signature = (image, *, repository=None, ssh=None, force=false, progress=None))]
    #[allow(clippy::too_many_arguments)] // keyword arguments
    fn push(
        &self,
        py: Python<'_>,
        image: ImageArgument,
        repository: Option<&str>,
        ssh: Option<Vec<PathBuf>>,
        force: bool,
        progress: Option<Callback>,
    ) -> PyResult<Transfer> {
        let image = py.detach(|| self.0.images().get(&image.0)).map_err(to_python)?;
        let mut options = PushOptions::default();
        options.force = force;
        let (id, told) = (image.id.into(), (progress, Count::Content(Some(image.size))));
        let push = |repository: &Repository, heard: Heard<'_>| repository.push(&id, &options, heard);
        self.at(py, (repository, ssh), told, push).map(Transfer::from)
    }

    /// Takes an image from an ssh repository, and says what was moved; a name without a version is the highest version
    /// there.
    ///
    /// ``image`` may be a :class:`RemoteImage`. What is here already is not sent, and after a broken line the next pull goes
    /// on where this one stopped. ``repository`` and ``ssh`` are those of :meth:`search`; with ``force`` it takes the place
    /// of the image of that name and version here. The archive is not trusted, and its bounds are those of :meth:`import_`.
    /// ``progress`` is called many times a second with a :class:`Progress`; what it raises ends the pull and leaves no
    /// image, and so does Ctrl-C, also while the server does not answer. Raises :class:`NotFound`,
    /// :class:`AlreadyExists`, :class:`Conflict` when containers stand on the image that would be replaced, and what
    /// :meth:`search` and :meth:`import_` raise.
    #[pyo3(signature = (image, *, repository=None, ssh=None, force=false, devices=true, max_bytes=None,
                        max_entries=None, max_ratio=None, progress=None))]
    #[allow(clippy::too_many_arguments)] // keyword arguments
    fn pull(
        &self,
        py: Python<'_>,
        image: RemoteImageArgument,
        repository: Option<&str>,
        ssh: Option<Vec<PathBuf>>,
        force: bool,
        devices: bool,
        max_bytes: Option<u64>,
        max_entries: Option<u64>,
        max_ratio: Option<u64>,
        progress: Option<Callback>,
    ) -> PyResult<Py<PulledImage>> {
        let mut options = PullOptions::default();
        options.force = force;
        options.unpack = unpack_options(devices, max_bytes, max_entries, max_ratio);
        let pull = |repository: &Repository, heard: Heard<'_>| repository.pull(&image.0, &options, heard);
        let (image, transfer) = self.at(py, (repository, ssh), (progress, Count::Content(None)), pull)?;
        PulledImage::new(py, Image::new(image), transfer.into())
    }
}
