//! A process inside a container.

use std::ffi::{CString, OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Size of a terminal in characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WindowSize {
    /// Lines.
    pub rows: u16,
    /// Characters in a line.
    pub columns: u16,
}

/// Where programs are looked for inside when the environment says nothing else.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A program to execute inside a container: arguments, environment, working directory.
///
/// The environment begins with `PATH` and the user's `HOME`; nothing of the caller's goes in unasked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Kept", into = "Kept")]
pub struct Exec {
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    directory: PathBuf,
}

/// An [`Exec`] as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    arguments: Vec<Bytes>,
    environment: Vec<(Bytes, Bytes)>,
    directory: Bytes,
}

/// Text where it is some.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Bytes {
    Text(String),
    Other(Vec<u8>),
}

impl From<OsString> for Bytes {
    fn from(text: OsString) -> Self {
        text.into_string().map_or_else(|bytes| Self::Other(bytes.into_vec()), Self::Text)
    }
}

impl From<Bytes> for OsString {
    fn from(bytes: Bytes) -> Self {
        match bytes {
            Bytes::Text(text) => text.into(),
            Bytes::Other(bytes) => Self::from_vec(bytes),
        }
    }
}

impl From<Exec> for Kept {
    fn from(exec: Exec) -> Self {
        Self {
            arguments: exec.arguments.into_iter().map(Bytes::from).collect(),
            environment: exec
                .environment
                .into_iter()
                .map(|(key, value)| (key.into(), value.into()))
                .collect(),
            directory: exec.directory.into_os_string().into(),
        }
    }
}

impl From<Kept> for Exec {
    fn from(kept: Kept) -> Self {
        Self {
            arguments: kept.arguments.into_iter().map(OsString::from).collect(),
            environment: kept
                .environment
                .into_iter()
                .map(|(key, value)| (key.into(), value.into()))
                .collect(),
            directory: OsString::from(kept.directory).into(),
        }
    }
}

impl Exec {
    /// A program by its path, or by a name that is looked up inside in `PATH`.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Self {
            arguments: vec![program.as_ref().to_owned()],
            environment: vec![("PATH".into(), PATH.into())],
            directory: PathBuf::from("/"),
        }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.arguments.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
    }

    /// Sets a variable of the environment.
    #[must_use]
    pub fn env(mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        let (key, value) = (key.as_ref(), value.as_ref().to_owned());
        match self.environment.iter_mut().find(|(name, _)| name == key) {
            Some((_, old)) => *old = value,
            None => self.environment.push((key.to_owned(), value)),
        }
        self
    }

    /// Sets the working directory, as seen inside.
    #[must_use]
    pub fn current_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = directory.into();
        self
    }

    /// The program as it was named.
    #[must_use]
    pub fn program(&self) -> &OsStr {
        &self.arguments[0]
    }

    /// The arguments, the program first, as execve(2) wants them.
    pub(crate) fn argv(&self) -> Result<Vec<CString>> {
        self.arguments.iter().map(|argument| c_string("argument", argument)).collect()
    }

    /// The environment, as execve(2) wants it. `HOME` is `home` where nothing else was said.
    pub(crate) fn envp(&self, home: &Path) -> Result<Vec<CString>> {
        let variable = |(key, value): &(OsString, OsString)| {
            if key.is_empty() || key.as_bytes().contains(&b'=') {
                let why = "a name is not empty and holds no `=`";
                return Err(Error::invalid("environment variable", key.to_string_lossy(), why));
            }
            let mut text = key.clone();
            text.push("=");
            text.push(value);
            c_string("environment variable", &text)
        };
        let home = ("HOME".into(), home.into());
        let unsaid = self.environment.iter().all(|(key, _)| *key != home.0);
        self.environment.iter().chain(unsaid.then_some(&home)).map(variable).collect()
    }

    /// The working directory.
    pub(crate) fn directory(&self) -> Result<CString> {
        if !self.directory.is_absolute() {
            let shown = self.directory.display().to_string();
            return Err(Error::invalid("working directory", shown, "it is not an absolute path"));
        }
        c_string("working directory", self.directory.as_os_str())
    }
}

/// `text` with a NUL behind it.
fn c_string(what: &'static str, text: &OsStr) -> Result<CString> {
    CString::new(text.to_owned().into_vec())
        .map_err(|_| Error::invalid(what, text.to_string_lossy(), "it holds a NUL byte"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_variables_replace_earlier_ones() {
        let exec = Exec::new("env").env("HOME", "/a").env("X", "1").env("X", "2");
        let envp = exec.envp(Path::new("/b")).unwrap();
        let has = |text: &str| envp.iter().filter(|v| v.to_str().unwrap() == text).count();
        assert_eq!((has("HOME=/a"), has("X=2"), has("X=1"), envp.len()), (1, 1, 0, 3));
    }

    #[test]
    fn what_is_kept_comes_back() {
        let odd = OsStr::from_bytes(b"a\xff\n");
        let exec = Exec::new("sh").arg(odd).env("X", odd).current_dir(OsStr::from_bytes(b"/\xfe"));
        let kept = serde_json::to_string(&exec).unwrap();
        assert!(kept.contains(r#""sh""#), "{kept}");
        assert_eq!(serde_json::from_str::<Exec>(&kept).unwrap(), exec);
    }

    #[test]
    fn what_execve_cannot_take_is_refused() {
        assert!(Exec::new("a\0b").argv().is_err());
        assert!(Exec::new("a").env("", "x").envp(Path::new("/")).is_err());
        assert!(Exec::new("a").env("a=b", "x").envp(Path::new("/")).is_err());
        assert!(Exec::new("a").current_dir("tmp").directory().is_err());
    }
}
