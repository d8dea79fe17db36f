//! Containers of a home: making them, and finding them.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use xdocker_core::IfUsed;

use crate::container::Container;
use crate::convert::parsed;
use crate::error::to_python;
use crate::images::{ImageArgument, ImagesArgument};
use crate::info::ContainerInfo;
use crate::keywords::Keywords;
use crate::options::{Options, boot};
use crate::wait::apart;

/// The containers of a home.
///
/// ``image`` is a name, a record, or several of them, the lowest first. The other options of :meth:`run`,
/// :meth:`create` and :meth:`from_image` are those of :class:`xdocker.options.ContainerOptions`. Unknown options and wrong types raise
/// :class:`TypeError`, wrong values :class:`InvalidArgument`.
#[pyclass(frozen, module = "xdocker")]
pub(crate) struct Containers(pub(crate) xdocker_core::Engine);

#[pymethods]
impl Containers {
    /// Creates and boots a container that goes at the end of the ``with`` block, and with our process.
    ///
    /// ``command`` is its PID 1, with ``env`` and ``workdir``, and the container ends with it; without, PID 1 is one of our
    /// own that waits. Raises :class:`NotFound`, :class:`AlreadyExists`, :class:`EngineError` with the ``step`` of the
    /// launch that failed.
    #[pyo3(signature = (image, command=None, *, env=None, workdir=None, **options))]
    #[allow(clippy::too_many_arguments)] // keyword arguments
    fn run(
        &self,
        py: Python<'_>,
        image: ImagesArgument,
        command: Option<Vec<PathBuf>>,
        env: Option<HashMap<OsString, OsString>>,
        workdir: Option<PathBuf>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Container> {
        let boot = boot(command, env, workdir)?;
        let (engine, spec) = (self.0.clone(), Options::read(options)?.spec(image)?);
        apart(py, move || Container::booted(&engine, &spec, &boot))
    }

    /// Creates a container, which is on disk then; with ``bound`` one that goes with us, as that of :meth:`run` does.
    ///
    /// Raises :class:`NotFound`, :class:`AlreadyExists`.
    #[pyo3(signature = (image, *, bound=false, **options))]
    fn create(
        &self,
        py: Python<'_>,
        image: ImagesArgument,
        bound: bool,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Container> {
        let (engine, spec) = (self.0.clone(), Options::read(options)?.spec(image)?);
        apart(py, move || match bound {
            true => Ok(Container::bound(&engine, engine.create_ephemeral(&spec)?)),
            false => Ok(Container::detached(&engine, engine.create(&spec)?)),
        })
    }

    /// The container of that name. Raises :class:`NotFound`.
    fn get(&self, py: Python<'_>, name: &str) -> PyResult<Container> {
        let name = parsed(name)?;
        let found = py.detach(|| self.0.container(&name)).map_err(to_python)?;
        Ok(Container::detached(&self.0, found))
    }

    /// All containers, by name.
    fn list(&self, py: Python<'_>) -> PyResult<Vec<ContainerInfo>> {
        let infos = py.detach(|| self.0.containers()).map_err(to_python)?;
        Ok(infos.into_iter().map(ContainerInfo::from).collect())
    }

    /// Makes an image a container on top of the images ``onto``, in constant time: there is no such image any more.
    ///
    /// Its name is that of the image unless ``name`` is among the options. Raises :class:`NotFound`,
    /// :class:`AlreadyExists`, and :class:`Conflict` without ``force`` when other containers stand on the image.
    #[pyo3(name = "from_image", signature = (image, *, onto=None, force=false, **options))]
    fn convert(
        &self,
        py: Python<'_>,
        image: ImageArgument,
        onto: Option<ImagesArgument>,
        force: bool,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Container> {
        let (engine, spec) = (self.0.clone(), Options::read(options)?.spec(onto.unwrap_or_default())?);
        apart(py, move || {
            Ok(Container::detached(&engine, engine.to_container(&image.0, &spec, IfUsed::forced(force))?))
        })
    }

    fn __repr__(&self) -> &'static str {
        "Containers()"
    }
}
