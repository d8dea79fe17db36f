//! Keyword arguments that many calls have in common, named once.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// Defines keyword arguments, each of which may be left out.
macro_rules! keywords {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Default)]
        pub(crate) struct $name { $(pub(crate) $field: $type,)* }

        impl $crate::keywords::Keywords for $name {
            fn take(&mut self, key: &str, value: &pyo3::Bound<'_, pyo3::PyAny>) -> pyo3::PyResult<bool> {
                match key {
                    $(stringify!($field) => self.$field = value.extract()?,)*
                    _ => return Ok(false),
                }
                Ok(true)
            }
        }
    };
}
pub(crate) use keywords;

/// Keyword arguments of a kind.
pub(crate) trait Keywords: Default {
    /// Takes one, if it is of this kind.
    fn take(&mut self, key: &str, value: &Bound<'_, PyAny>) -> PyResult<bool>;

    /// Reads all that were given.
    fn read(given: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let mut keywords = Self::default();
        for (key, value) in given.into_iter().flatten() {
            let key: String = key.extract()?;
            let taken = keywords.take(&key, &value).map_err(|error| {
                match error.is_instance_of::<PyTypeError>(value.py()) {
                    true => PyTypeError::new_err(format!("argument '{key}': {}", error.value(value.py()))),
                    false => error,
                }
            });
            if !taken? {
                return Err(PyTypeError::new_err(format!("unexpected keyword argument '{key}'")));
            }
        }
        Ok(keywords)
    }
}
