//! Records: what is true at a moment, read-only, in the manner of frozen dataclasses.

use pyo3::prelude::*;

/// Defines a record: a class with read-only fields, equality, and a `repr` of all of it.
macro_rules! record {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[pyo3::pyclass(frozen, eq, get_all, module = "xdocker")]
        #[derive(Clone, PartialEq)]
        pub(crate) struct $name { $($(#[$field_doc])* pub(crate) $field: $type,)* }

        #[pyo3::pymethods]
        impl $name {
            fn __repr__(slf: &pyo3::Bound<'_, Self>) -> pyo3::PyResult<String> {
                $crate::record::shown(slf, stringify!($name), &[$(stringify!($field)),*])
            }
        }
    };
}
pub(crate) use record;

/// `Name(field=value, …)`, as dataclasses have it.
pub(crate) fn shown(object: &Bound<'_, PyAny>, name: &str, fields: &[&str]) -> PyResult<String> {
    let shown = |field: &&str| Ok(format!("{field}={}", object.getattr(*field)?.repr()?));
    let fields = fields.iter().map(shown).collect::<PyResult<Vec<_>>>()?;
    Ok(format!("{name}({})", fields.join(", ")))
}
