//! Errors of the engine as Python's exceptions, whose classes are Python's own: some have two bases.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyModule, PyType};
use xdocker_core::{Error, ErrorKind, RepositoryError};

/// Class of exceptions by its name.
pub(crate) fn class<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyType>> {
    static MODULE: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
    let module = MODULE.get_or_try_init(py, || PyModule::import(py, "xdocker.errors").map(Bound::unbind))?;
    Ok(module.bind(py).getattr(name)?.cast_into()?)
}

/// An exception of that class.
pub(crate) fn exception(name: &str, arguments: (String, Option<&'static str>, Option<String>)) -> PyErr {
    Python::attach(|py| match class(py, name) {
        Ok(class) => PyErr::from_type(class, arguments),
        Err(error) => error,
    })
}

/// A value that can never be right.
pub(crate) fn invalid(message: impl Into<String>) -> PyErr {
    exception("InvalidArgument", (message.into(), None, None))
}

/// The exception for an error of the engine. It takes the interpreter only when there is an error.
pub(crate) fn to_python(error: impl Into<Error>) -> PyErr {
    let error = error.into();
    let name = match error.kind() {
        ErrorKind::NotFound => "NotFound",
        ErrorKind::AlreadyExists => "AlreadyExists",
        ErrorKind::Conflict => "Conflict",
        ErrorKind::InvalidArgument => "InvalidArgument",
        ErrorKind::PermissionDenied => "PermissionDenied",
        ErrorKind::Timeout => "Timeout",
        ErrorKind::Unsupported => "Unsupported",
        _ => "EngineError",
    };
    exception(name, (error.chain(), hint(&error), step(&error)))
}

/// What one may do about it, in the terms of this module.
fn hint(error: &Error) -> Option<&'static str> {
    Some(match error {
        Error::NoSuchImage(_) => "engine.images.list() tells which images there are",
        Error::ImageInUse { .. } => "force=True takes it from under them",
        Error::NoSuchContainer(_) => "engine.containers.list() tells which containers there are",
        Error::ContainerExists(_) => "name= gives it another name",
        Error::NotRunning(_) => "boot() starts it",
        Error::Running(_) => "shutdown() ends it, destroy(force=True) kills it first",
        Error::Repository(why) => return repository_hint(why),
        _ => return None,
    })
}

/// The same for an ssh repository.
fn repository_hint(why: &RepositoryError) -> Option<&'static str> {
    Some(match why {
        RepositoryError::NoAddress => "say where it is once: repository=\"user@host\"",
        RepositoryError::NoSuchImage { .. } => "engine.images.search() tells which images there are",
        RepositoryError::ImageExists { .. } => "force=True replaces it",
        RepositoryError::NoSuchHost { .. } | RepositoryError::Unreachable { .. } => {
            "try what ssh says to it by hand"
        }
        RepositoryError::HostKey { .. } => "log in once by hand with ssh and look at the key",
        RepositoryError::Refused { .. } => "give it your key with ssh-copy-id",
        RepositoryError::Lost { .. } => "the same call goes on where it stopped",
        _ => return None,
    })
}

/// The step of the launch that failed.
fn step(error: &Error) -> Option<String> {
    match error {
        Error::Launch { step, .. } => Some(step.clone()),
        Error::Execute { program, .. } => Some(format!("execute {program}")),
        _ => None,
    }
}
