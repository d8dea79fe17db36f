//! Files of a container.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use xdocker_core::{Mapping, PackOptions};

use super::container;
use crate::grammar::Given;
use crate::report::{self, Failure, Outcome};
use crate::terminal::Progress;

/// A tar on a standard stream.
const STREAM: &str = "-";

/// `-a putfile`
pub(crate) fn put(given: Given) -> Outcome {
    let (from, to) = paths(&given);
    let container = container(&given)?;
    let bar = Progress::of_unknown();
    if from == Path::new(STREAM) {
        let input = unbuffered(io::stdin().as_fd()).map_err(Failure::stream("read an archive"))?;
        container.put_archive(input, to, &given.unpack, &|now| bar.show(now.content))?;
    } else {
        container.put(from, to, &|now| bar.show(now.content))?;
    }
    drop(bar);
    report::ok()
}

/// `-a getfile`
pub(crate) fn get(given: Given) -> Outcome {
    let (from, to) = paths(&given);
    let bar = Progress::of_unknown();
    if to == Path::new(STREAM) {
        let failed = || Failure::stream("write an archive");
        if io::stdout().is_terminal() {
            return Err(failed()(io::Error::other("standard output is a terminal")));
        }
        let out = unbuffered(io::stdout().as_fd()).map_err(failed())?;
        // Whoever reads it has other tools to compress it.
        let mut options = PackOptions::default();
        options.level = 0;
        container(&given)?.get_archive(from, out, &options, &|now| bar.show(now.content))?;
        return Ok(std::process::ExitCode::SUCCESS);
    }
    container(&given)?.get(from, to, &|now| bar.show(now.content))?;
    drop(bar);
    report::ok()
}

/// A standard stream without the library's buffer, which is for lines.
fn unbuffered(stream: BorrowedFd<'_>) -> io::Result<File> {
    stream.try_clone_to_owned().map(File::from)
}

fn paths(given: &Given) -> (&Path, &Path) {
    const ASKED: &str = "the grammar asks for it";
    (given.source.as_deref().expect(ASKED), given.target.as_deref().expect(ASKED))
}

/// `-a rplfile`
pub(crate) fn replace(given: Given) -> Outcome {
    let template = given.template.as_deref().expect("the grammar asks for it");
    let mapping = Mapping::read(given.mapping.as_deref().expect("the grammar asks for it"))?;
    for key in container(&given)?.replace(template, &mapping, given.instance.as_deref())? {
        let key = String::from_utf8_lossy(key);
        tracing::warn!("key `{}` does not occur in {}", key.escape_debug(), template.display());
    }
    report::ok()
}
