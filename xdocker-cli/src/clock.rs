//! The local time: what the clock on the wall shows, found with two system calls and no search through all the
//! time zones of the world.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The zone of this machine.
const LOCAL: &str = "/etc/localtime";
/// Where zones with a name are.
const ZONES: &str = "/usr/share/zoneinfo";

/// The time zone that `TZ` names, else that of the machine, else UTC, as tzset(3) finds it.
pub(crate) fn zone() -> TimeZone {
    zone_named(std::env::var("TZ").ok().as_deref()).unwrap_or(TimeZone::UTC)
}

/// The zone of a value of `TZ`; `None` where there is no such zone.
fn zone_named(name: Option<&str>) -> Option<TimeZone> {
    let name = name.map(|name| name.strip_prefix(':').unwrap_or(name));
    let path = match name {
        None => PathBuf::from(LOCAL),
        Some("") => return None,
        // An absolute path replaces the directory.
        Some(name) => Path::new(ZONES).join(name),
    };
    match fs::read(path) {
        Ok(data) => TimeZone::tzif(name.unwrap_or_default(), &data).ok(),
        // `CET-1CEST`
        Err(_) => TimeZone::posix(name?).ok(),
    }
}

/// `2018-11-10T09:21:12`; `?` for a time beyond all calendars.
pub(crate) fn local_time(time: SystemTime, zone: &TimeZone) -> String {
    match Timestamp::try_from(time) {
        Ok(time) => time.to_zoned_datetime(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S").to_string(),
        Err(_) => "?".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn a_time_is_that_of_the_zone() {
        let time = UNIX_EPOCH + Duration::new(1_541_812_872, 999_999_999);
        let shown = |name| local_time(time, &zone_named(Some(name)).unwrap());
        assert_eq!(local_time(time, &TimeZone::UTC), "2018-11-10T01:21:12");
        assert_eq!(shown("CST-8"), "2018-11-10T09:21:12");
        assert_eq!(shown(":EST5EDT,M3.2.0,M11.1.0"), "2018-11-09T20:21:12");
        assert_eq!(local_time(UNIX_EPOCH + Duration::from_secs(1 << 60), &TimeZone::UTC), "?");
    }

    #[test]
    fn what_is_no_zone_is_none() {
        for name in ["", ":", "no/such/zone", "/etc/passwd", "/"] {
            assert!(zone_named(Some(name)).is_none(), "{name:?}");
        }
    }
}
