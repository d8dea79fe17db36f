//! Templates in a container become instances.

use std::path::Path;

use super::Container;
use super::inside::Access;
use crate::error::Result;
use crate::files;
use crate::progress::Gauge;
use crate::template::Mapping;

impl Container {
    /// Replaces the keys of `mapping` in the file `template`, and writes what comes of it to `instance`, or
    /// in the template's own place. Both are paths inside the container. The instance has the
    /// template's mode and owner, and is there whole or not at all. Returns the keys that stand nowhere.
    ///
    /// # Errors
    /// [`Error::File`](crate::Error::File) with the path inside, also when the template is no regular file or larger
    /// than 64 MiB; [`Error::Covered`](crate::Error::Covered).
    pub fn replace<'a>(
        &self,
        template: &Path,
        mapping: &'a Mapping,
        instance: Option<&Path>,
    ) -> Result<Vec<&'a [u8]>> {
        let inside = self.inside(Access::Write, &Gauge::default())?;
        let (text, like) = files::read(&inside.root, template)?;
        let (text, unused) = mapping.apply(&text);
        inside.check()?;
        let instance = instance.unwrap_or(template);
        inside.make(|| files::write(&inside.root, instance, &text, Some(&like)))?;
        Ok(unused)
    }
}
