//! Values as types, and why one is refused.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use xdocker_core::Volume;

use crate::grammar::{BadValue, words};
use crate::signals::Signal;

/// Why a value is refused, where no type of the core's says it.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error("it is not UTF-8")]
    NotUtf8,
    #[error("a number of seconds is expected")]
    Seconds,
    #[error("NAME=VALUE is expected")]
    Assignment,
    #[error("cannot read line {1} of {0}: NAME=VALUE is expected")]
    Line(PathBuf, usize),
    #[error("a number of seconds greater than 0 is expected")]
    Limit,
    #[error("the name of a signal is expected, as in HUP, or its number")]
    Signal,
    #[error("it names no program")]
    NoProgram,
    #[error("`host` or `busybox` is expected")]
    Source,
    #[error("`overlay` or `oci` is expected")]
    Whiteouts,
    #[error("a number is expected")]
    Number,
    #[error("a number of bytes is expected, or of K, M, G or T of 1024 each")]
    Size,
    #[error("a time is expected, as in 2018-11-10T09:21:12, or how long ago, as in 90s, 10m, 2h or 1d")]
    Moment,
    #[error("`on` or `off` is expected")]
    Switch,
    #[error("`host` or `auto` is expected")]
    Users,
    #[error("cannot read {0}")]
    File(PathBuf, #[source] std::io::Error),
}

pub(super) fn text(value: OsString) -> Result<String, BadValue> {
    value.into_string().map_err(|_| Refused::NotUtf8.into())
}

pub(super) fn parsed<T>(value: OsString) -> Result<T, BadValue>
where
    T: FromStr<Err: Into<BadValue>>,
{
    text(value)?.parse().map_err(Into::into)
}

/// A number of bytes: `4096`, `100M`.
pub(super) fn size(value: OsString) -> Result<u64, BadValue> {
    let text = text(value)?;
    let (digits, unit) = match text.find(|c: char| !c.is_ascii_digit()) {
        Some(at) => text.split_at(at),
        None => (text.as_str(), ""),
    };
    let power = match unit {
        "" => 0,
        "K" | "k" => 10,
        "M" | "m" => 20,
        "G" | "g" => 30,
        "T" | "t" => 40,
        _ => return Err(Refused::Size.into()),
    };
    let number = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(1 << power));
    Ok(number.ok_or(Refused::Size)?)
}

/// A program and its arguments, in one text.
pub(crate) fn program(value: OsString) -> Result<Vec<OsString>, BadValue> {
    let words = words::split(&text(value)?)?;
    if words.is_empty() {
        return Err(Refused::NoProgram.into());
    }
    Ok(words.into_iter().map(OsString::from).collect())
}

pub(super) fn number(value: OsString) -> Result<u64, BadValue> {
    Ok(text(value)?.parse().map_err(|_| Refused::Number)?)
}

/// `NAME=VALUE`, where the value may be anything and hold further `=`.
pub(super) fn assignment(value: &OsStr) -> Option<(OsString, OsString)> {
    use std::os::unix::ffi::OsStrExt;
    let bytes = value.as_bytes();
    let middle = bytes.iter().position(|byte| *byte == b'=').filter(|at| *at > 0)?;
    let part = |bytes| OsStr::from_bytes(bytes).to_owned();
    Some((part(&bytes[..middle]), part(&bytes[middle + 1..])))
}

/// `(host)[:(container)[:ro]]`, where the host's path may be relative to our directory.
pub(super) fn volume(value: OsString) -> Result<Volume, BadValue> {
    let text = text(value)?;
    let (host, rest) = text.split_at(text.find(':').unwrap_or(text.len()));
    let host = std::path::absolute(host)?;
    Ok(format!("{}{rest}", host.to_str().ok_or(Refused::NotUtf8)?).parse()?)
}

/// `HUP`, `SIGHUP`, `hup` or `1`.
pub(super) fn signal(text: &str) -> Option<Signal> {
    if let Ok(number) = text.parse::<i32>() {
        return Signal::try_from(number).ok();
    }
    let name = text.to_ascii_uppercase();
    format!("SIG{}", name.strip_prefix("SIG").unwrap_or(&name)).parse().ok()
}

/// The lines of a file of variables.
pub(super) fn assignments(file: &Path, text: &[u8]) -> Result<Vec<(OsString, OsString)>, Refused> {
    use std::os::unix::ffi::OsStrExt;
    let lines = text.split(|byte| *byte == b'\n').enumerate();
    let said = lines.filter(|(_, line)| !line.trim_ascii().is_empty() && !line.starts_with(b"#"));
    said.map(|(index, line)| {
        assignment(OsStr::from_bytes(line)).ok_or_else(|| Refused::Line(file.to_owned(), index + 1))
    })
    .collect()
}
