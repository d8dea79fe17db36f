//! Images as files: `NAME[:VERSION].xdockerimage`.

use std::fs::File;
use std::io;
use std::path::Path;

use tempfile::NamedTempFile;
use xdocker_core::{ImageId, ImageRef};

use super::engine;
use super::image::from;
use crate::grammar::Given;
use crate::report::{self, Failure, Outcome};
use crate::terminal::Progress;

/// Ending of the name of an archive.
const EXTENSION: &str = ".xdockerimage";

/// `-a export`
pub(crate) fn export(given: Given) -> Outcome {
    let images = engine()?.images();
    let image = images.get(from(&given))?;
    let name = format!("{}{EXTENSION}", image.id);
    let failed = || Failure::stream(format!("write {name}"));
    if !given.forcely && Path::new(&name).exists() {
        return Err(failed()(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "it exists already; -f replaces it",
        )));
    }
    // Under its name there is the whole archive or none.
    let mut file = NamedTempFile::with_prefix_in(".xdockerimage-", ".").map_err(failed())?;
    let bar = Progress::new(image.size);
    images.export(&image.id.into(), file.as_file_mut(), &given.pack, &|now| bar.show(now.content))?;
    drop(bar);
    file.as_file().sync_all().map_err(failed())?;
    let placed = match given.forcely {
        true => file.persist(&name),
        false => file.persist_noclobber(&name),
    };
    placed.map_err(|why| failed()(why.error))?;
    report::ok()
}

/// `-a import`
pub(crate) fn import(given: Given) -> Outcome {
    let path = given.file.as_deref().expect("the grammar asks for it");
    let failed = || Failure::stream(format!("import {}", path.display()));
    let id = id_of(path).map_err(failed())??;
    let file = File::open(path).map_err(failed())?;
    let bar = Progress::new(file.metadata().map_err(failed())?.len());
    engine()?.images().import(&id, file, &given.unpack, &|now| bar.show(now.archive))?;
    drop(bar);
    report::ok()
}

/// The image that an archive of that name holds.
fn id_of(path: &Path) -> io::Result<xdocker_core::Result<ImageId>> {
    let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(EXTENSION));
    let name = name.ok_or_else(|| io::Error::other(format!("its name does not end in {EXTENSION}")))?;
    let image = name.parse::<ImageRef>().map_err(Into::into);
    Ok(image.map(|ImageRef { name, version }| ImageId { name, version: version.unwrap_or_default() }))
}
