//! Trees of files, to be compared.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// All that is below `root`: a line each with kind, mode, owner, time, content and the number of its names there. Of
/// directories the size says nothing, of `root` itself nothing counts.
///
/// # Panics
/// It cannot be read.
#[must_use]
pub fn describe(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    // A file may have names elsewhere too: test images share theirs.
    let mut names = HashMap::<_, u64>::new();
    let mut left = vec![root.to_owned()];
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(&directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            let about = path.symlink_metadata().expect("what was there a moment ago");
            let content = match () {
                () if about.is_dir() => "directory".to_owned(),
                () if about.is_file() => digest(&fs::read(&path).expect("a file")),
                () if about.is_symlink() => fs::read_link(&path).expect("a link").display().to_string(),
                () => format!("device {:x}", about.rdev()),
            };
            let time = format!("{}.{:09}", about.mtime(), about.mtime_nsec());
            let line = format!("{:o} {}:{} {time} {content}", about.mode(), about.uid(), about.gid());
            let file = (about.dev(), about.ino());
            *names.entry(file).or_default() += 1;
            found.insert(path.strip_prefix(root).expect("it is below").to_owned(), (file, line));
            if about.is_dir() {
                left.push(path);
            }
        }
    }
    found.into_iter().map(|(path, (file, line))| (path, format!("{line}, {} names", names[&file]))).collect()
}

fn digest(content: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    format!("{} bytes, {:016x}", content.len(), hasher.finish())
}
