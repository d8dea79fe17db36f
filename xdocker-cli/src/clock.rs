//! The local time: what the clock on the wall shows, found with two system calls and no search through all the
//! time zones of the world.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::civil::DateTime;
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

/// The time that `text` names: `2018-11-10T09:21:12` in the zone of whoever asks, the same with `Z` or an offset behind
/// it, or a time ago as in `90s`, `10m`, `2h` or `1d`.
pub(crate) fn moment(text: &str, zone: &TimeZone, now: SystemTime) -> Option<SystemTime> {
    const UNITS: [(char, u64); 4] = [('s', 1), ('m', 60), ('h', 3600), ('d', 86_400)];
    if let Some((unit, worth)) = UNITS.iter().find(|(unit, _)| text.ends_with(*unit)) {
        let digits = text.strip_suffix(*unit)?;
        let number =
            digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<u64>().ok())??;
        return now.checked_sub(Duration::from_secs(number.checked_mul(*worth)?));
    }
    let time = match text.parse::<Timestamp>() {
        Ok(time) => time,
        Err(_) => zone.to_timestamp(text.parse::<DateTime>().ok()?).ok()?,
    };
    UNIX_EPOCH.checked_add(time.as_duration().try_into().ok()?)
}

#[cfg(test)]
mod tests {
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
    fn a_moment_is_a_time_or_a_while_ago() {
        let (zone, now) =
            (zone_named(Some("CST-8")).unwrap(), UNIX_EPOCH + Duration::from_secs(1_541_812_872));
        let ago = |seconds| Some(now - Duration::from_secs(seconds));
        let table = [
            ("2018-11-10T09:21:12", Some(now)),
            ("2018-11-10 09:21:12", Some(now)),
            ("2018-11-10T01:21:12Z", Some(now)),
            ("2018-11-10T02:21:12+01:00", Some(now)),
            ("0s", Some(now)),
            ("90s", ago(90)),
            ("2m", ago(120)),
            ("1d", ago(86_400)),
            ("", None),
            ("s", None),
            ("-1s", None),
            ("10", None),
            ("yesterday", None),
            ("99999999999999999999d", None),
        ];
        for (text, time) in table {
            assert_eq!(moment(text, &zone, now), time, "{text:?}");
        }
    }

    #[test]
    fn what_is_no_zone_is_none() {
        for name in ["", ":", "no/such/zone", "/etc/passwd", "/"] {
            assert!(zone_named(Some(name)).is_none(), "{name:?}");
        }
    }
}
