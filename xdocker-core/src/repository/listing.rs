//! What is in a repository, as the server says it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::name::{ImageId, ImageRef};

/// Ending of the name of an archive.
const EXTENSION: &str = ".xdockerimage";

/// An image in a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RemoteImage {
    /// Name and version.
    pub id: ImageId,
    /// Bytes of its archive.
    pub size: u64,
    /// When it was put there, by the server's clock; on a server without stat(1) to the minute, and for what is older
    /// than half a year to the day.
    pub modified: SystemTime,
}

/// A day of the server's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Today {
    year: i64,
    month: i64,
    day: i64,
}

impl Today {
    /// Reads `today 2026 11 24`.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let numbers: Vec<i64> =
            line.strip_prefix("today ")?.split(' ').filter_map(|part| part.parse().ok()).collect();
        let [year, month, day] = numbers[..] else { return None };
        ((1970..10_000).contains(&year) && (1..=12).contains(&month)).then_some(Self { year, month, day })
    }
}

/// Reads a line without its last slash; `None` for what is no image of ours.
pub(super) fn image(line: &[u8], today: Today) -> Option<RemoteImage> {
    let line = std::str::from_utf8(line).ok()?;
    // A name may hold anything but what ends it.
    let (before, name) = line.split_once(" ./")?;
    let name: ImageRef = name.strip_suffix(EXTENSION)?.parse().ok()?;
    let fields: Vec<&str> = before.split(' ').collect();
    let seconds = match fields[1..] {
        [seconds] => seconds.parse().ok()?,
        [month, day, time] => listed(month, day, time, today)?,
        _ => return None,
    };
    let modified = match u64::try_from(seconds) {
        Ok(after) => UNIX_EPOCH.checked_add(Duration::from_secs(after))?,
        Err(_) => UNIX_EPOCH.checked_sub(Duration::from_secs(seconds.unsigned_abs()))?,
    };
    let id = ImageId { name: name.name, version: name.version.unwrap_or_default() };
    Some(RemoteImage { id, size: fields[0].parse().ok()?, modified })
}

/// The time that ls(1) shows as `Nov 24 08:12`, or as `Nov 24 2020` where it is long ago.
fn listed(month: &str, day: &str, time: &str, today: Today) -> Option<i64> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = MONTHS.iter().position(|name| *name == month)? as i64 + 1;
    let day: i64 = day.parse().ok().filter(|day| (1..=31).contains(day))?;
    let (year, seconds) = match time.split_once(':') {
        Some((hours, minutes)) => {
            let (hours, minutes): (i64, i64) = (hours.parse().ok()?, minutes.parse().ok()?);
            if !(0..24).contains(&hours) || !(0..60).contains(&minutes) {
                return None;
            }
            // Within the last half year; a day ahead is a clock that was set.
            let ahead = (month, day) > (today.month, today.day + 1);
            (today.year - i64::from(ahead), hours * 3600 + minutes * 60)
        }
        None => (time.parse().ok().filter(|year| (1970..10_000).contains(year))?, 0),
    };
    Some(days(year, month, day) * 86_400 + seconds)
}

/// Days from the first of January 1970 to a day of the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    // Years that begin in March end with the day that some of them lack.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn today() -> Today {
        Today::parse("today 2026 11 24").unwrap()
    }

    fn read(line: &str) -> Option<(String, u64, u64)> {
        let image = image(line.as_bytes(), today())?;
        Some((image.id.to_string(), image.size, image.modified.duration_since(UNIX_EPOCH).unwrap().as_secs()))
    }

    #[test]
    fn lines_of_stat_and_of_ls() {
        let expected = |name: &str, seconds| Some((name.to_owned(), 11_534_336, seconds));
        assert_eq!(
            read("11534336 1542186348 ./test:1.0.0.xdockerimage"),
            expected("test:1.0.0", 1_542_186_348)
        );
        assert_eq!(read("11534336 0 ./a;rm -rf ~.xdockerimage"), expected("a;rm -rf ~", 0));
        assert_eq!(read("11534336 0 ./a ./b.xdockerimage"), None, "a slash is in no name");
        assert_eq!(read("11534336 Nov 24 08:12 ./t:1.xdockerimage"), expected("t:1", 1_795_507_920));
        assert_eq!(read("11534336 Dec 1 00:00 ./t:1.xdockerimage"), expected("t:1", 1_764_547_200));
        assert_eq!(read("11534336 Feb 29 2024 ./t:1.xdockerimage"), expected("t:1", 1_709_164_800));
        assert_eq!(read("11534336 0 ./t:latest.xdockerimage"), None);
        assert_eq!(read("11534336 0 ./t.tar"), None);
        assert_eq!(read("x 0 ./t.xdockerimage"), None);
        assert_eq!(read("./t.xdockerimage"), None);
    }

    proptest! {
        #[test]
        fn noise_does_no_harm(line: Vec<u8>, text in ".{0,60}") {
            let _ = image(&line, today());
            let _ = image(text.as_bytes(), today());
            let _ = image(format!("1 {text} ./t.xdockerimage").as_bytes(), today());
            let _ = Today::parse(&text);
        }
    }
}
