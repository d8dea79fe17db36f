//! Records: small JSON files that are old or new, never between.
//!
//! Each carries `"format": N`. A record of a later format than ours is refused rather than half understood;
//! unknown fields of our own format are ignored.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Durability, sync_directory};
use crate::error::{Error, Result};

/// The newest format that this release knows, and the one it writes.
const FORMAT: u32 = 1;

/// What every record has, whatever its format.
#[derive(Deserialize)]
struct Header {
    format: u32,
}

/// A record as it is written: the format, then the fields of `T`.
#[derive(Serialize)]
struct Envelope<'a, T> {
    format: u32,
    #[serde(flatten)]
    body: &'a T,
}

/// Reads the record at `path`; `None` when there is none.
///
/// # Errors
/// [`Error::Format`] for a record of a later release, [`Error::Record`] for one that is damaged.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::file("read", path)(error)),
    };
    let damaged = |source| Error::Record { path: path.to_owned(), source };
    let Header { format } = serde_json::from_slice(&bytes).map_err(damaged)?;
    if format > FORMAT {
        return Err(Error::Format { path: path.to_owned(), found: format, known: FORMAT });
    }
    serde_json::from_slice(&bytes).map(Some).map_err(damaged)
}

/// Writes the record at `path`, in place of the one that is there.
///
/// The temporary has a fixed name, so that a crash leaves at most one, which the next write takes over:
/// whoever writes a record that others may write too holds the lock of its directory. Within a stage, write
/// [`Durability::Unsynced`]: publishing the stage syncs its records.
///
/// # Errors
/// [`Error::File`]; the old record is whole then.
pub(crate) fn write<T: Serialize>(path: &Path, body: &T, durability: Durability) -> Result<()> {
    let envelope = Envelope { format: FORMAT, body };
    let mut bytes = serde_json::to_vec_pretty(&envelope)
        .map_err(|source| Error::Record { path: path.to_owned(), source })?;
    bytes.push(b'\n');
    write_bytes(path, &bytes, durability)
}

/// Writes a file of one line at `path`, as [`write`] writes a record.
///
/// # Errors
/// [`Error::File`]; the old file is whole then.
pub(crate) fn write_line(path: &Path, line: &str, durability: Durability) -> Result<()> {
    write_bytes(path, format!("{line}\n").as_bytes(), durability)
}

fn write_bytes(path: &Path, bytes: &[u8], durability: Durability) -> Result<()> {
    let temporary = temporary(path);
    let written = write_new(&temporary, bytes, durability).and_then(|()| fs::rename(&temporary, path));
    if let Err(error) = written {
        // Best effort: what stays is taken over by the next write.
        let _ = fs::remove_file(&temporary);
        return Err(Error::file("write", path)(error));
    }
    match (durability, path.parent()) {
        (Durability::Synced, Some(directory)) => sync_directory(directory),
        _ => Ok(()),
    }
}

/// `container.json` → `.container.json.new`, in the same directory.
fn temporary(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.new"))
}

fn write_new(path: &Path, bytes: &[u8], durability: Durability) -> io::Result<()> {
    let mut file: File = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    match durability {
        Durability::Synced => file.sync_all(),
        Durability::Unsynced => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::home::scratch::Scratch;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Point {
        x: u64,
        label: Option<String>,
    }

    fn record(scratch: &Scratch) -> PathBuf {
        scratch.path().join("point.json")
    }

    #[test]
    fn what_is_written_is_read_and_nothing_stays_beside_it() {
        let scratch = Scratch::new("record-round");
        let path = record(&scratch);
        assert_eq!(read::<Point>(&path).unwrap(), None);
        for (x, durability) in [(u64::MAX, Durability::Synced), (1, Durability::Unsynced)] {
            let point = Point { x, label: Some("a\nb".to_owned()) };
            write(&path, &point, durability).unwrap();
            assert_eq!(read(&path).unwrap(), Some(point));
        }
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 1);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        assert!(fs::read_to_string(&path).unwrap().starts_with("{\n  \"format\": 1,"));
    }

    #[test]
    fn a_later_format_is_refused_even_if_its_fields_are_not_ours() {
        let scratch = Scratch::new("record-later");
        fs::write(record(&scratch), r#"{"format": 2, "y": []}"#).unwrap();
        let error = read::<Point>(&record(&scratch)).unwrap_err();
        assert!(matches!(error, Error::Format { found: 2, known: FORMAT, .. }), "{error}");
    }

    #[test]
    fn a_record_cut_anywhere_is_damaged() {
        let scratch = Scratch::new("record-cut");
        let path = record(&scratch);
        write(&path, &Point { x: 7, label: None }, Durability::Unsynced).unwrap();
        let whole = fs::read(&path).unwrap();
        for length in 0..whole.len() - 2 {
            fs::write(&path, &whole[..length]).unwrap();
            let error = read::<Point>(&path).unwrap_err();
            assert!(matches!(error, Error::Record { .. }), "{length}: {error}");
        }
    }

    #[test]
    fn a_record_that_cannot_be_written_leaves_the_old_one() {
        let scratch = Scratch::new("record-old");
        let path = record(&scratch);
        write(&path, &Point { x: 1, label: None }, Durability::Unsynced).unwrap();
        fs::create_dir(temporary(&path)).unwrap();
        let error = write(&path, &Point { x: 2, label: None }, Durability::Synced).unwrap_err();
        assert!(error.to_string().starts_with("cannot write "), "{error}");
        assert_eq!(read::<Point>(&path).unwrap().unwrap().x, 1);
    }
}
