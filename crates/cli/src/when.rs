//! Times and durations as people write them, and times as they are printed. All of it is UTC unless an offset stands there.

use anymq_api::{Problem, codes};

use crate::Result;

const DAY_MS: i64 = 86_400_000;

/// `2026-11-22`, `2026-11-22T10:30`, `2026-11-22 10:30:05.250+01:00`: in milliseconds since the Unix epoch (RFC 3339, with parts of
/// a time that are left out being zero).
pub(crate) fn time(text: &str) -> Result<u64> {
    let parsed = parse(text).and_then(|ms| u64::try_from(ms).ok());
    parsed.ok_or_else(|| {
        Problem::new(&codes::ARGUMENT_INVALID, format!("{text:?} is no time"))
            .fix("write it as 2026-11-22T10:30:00Z")
    })
}

/// `250ms`, `30s`, `15m`, `2h`, `7d`: in milliseconds.
pub(crate) fn duration(text: &str) -> Result<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = match unit {
        "ms" => Some(1),
        "s" => Some(1_000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        "d" => Some(86_400_000),
        _ => None,
    };
    let parsed = number.parse::<u64>().ok().zip(unit).and_then(|(n, unit): (u64, u64)| n.checked_mul(unit));
    parsed.ok_or_else(|| {
        Problem::new(&codes::ARGUMENT_INVALID, format!("{text:?} is no duration"))
            .fix("write it as 30s, 15m, 2h or 7d")
    })
}

/// `2026-11-22T10:30:05.250Z`
pub(crate) fn show(ms: u64) -> String {
    let ms = i64::try_from(ms).unwrap_or(i64::MAX);
    let (day, rest) = (ms.div_euclid(DAY_MS), ms.rem_euclid(DAY_MS));
    let (year, month, date) = civil(day);
    let (hour, minute, second) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1_000 % 60);
    format!("{year:04}-{month:02}-{date:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", rest % 1_000)
}

fn parse(text: &str) -> Option<i64> {
    let (date, time) = match text.split_once(['T', ' ']) {
        Some((date, time)) => (date, time),
        None => (text, "00:00"),
    };
    let [year, month, day] = numbers(date, '-')?;
    let real = (1..=12).contains(&month) && (1..=9999).contains(&year);
    let day_number = days(year, month, day);
    if !real || civil(day_number) != (year, month, day) {
        return None;
    }
    let (time, offset) = match time.strip_suffix(['Z', 'z']) {
        Some(time) => (time, 0),
        None => match time.rfind(['+', '-']) {
            Some(at) => {
                let [hours, minutes] = numbers(&time[at + 1..], ':')?;
                let offset = (hours * 60 + minutes) * 60_000;
                (&time[..at], if time[at..].starts_with('-') { -offset } else { offset })
            }
            None => (time, 0),
        },
    };
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let [hour, minute, second] = match time.matches(':').count() {
        1 => numbers::<2>(time, ':').map(|[hour, minute]| [hour, minute, 0])?,
        _ => numbers(time, ':')?,
    };
    if hour > 23
        || minute > 59
        || second > 60
        || fraction.is_empty()
        || !fraction.bytes().all(|b| b.is_ascii_digit())
    {
        return None;
    }
    let millis: i64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    Some(day_number * DAY_MS + ((hour * 60 + minute) * 60 + second) * 1_000 + millis - offset)
}

/// So many numbers of one to four digits.
fn numbers<const N: usize>(text: &str, between: char) -> Option<[i64; N]> {
    let number = |part: &str| {
        let plain = (1..=4).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| part.parse().ok()).flatten()
    };
    let found: Option<Vec<i64>> = text.split(between).map(number).collect();
    found?.try_into().ok()
}

/// Days since the Unix epoch of a date in the Gregorian calendar, counted in years that begin in March.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The other way round.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (era * 400 + year + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_printed() {
        let cases = [
            ("1970-01-01", 0),
            ("2000-02-29T12:00", 951_825_600_000),
            ("2026-11-22T10:30:05Z", 1_795_343_405_000),
            ("2026-11-22 10:30:05.25", 1_795_343_405_250),
            ("2026-11-22T11:30:05+01:00", 1_795_343_405_000),
            ("2026-11-22T05:00:05.0009-05:30", 1_795_343_405_000),
        ];
        for (text, ms) in cases {
            assert_eq!(time(text).ok(), Some(ms), "{text}");
            assert_eq!(time(&show(ms)).ok(), Some(ms), "{}", show(ms));
        }
        assert_eq!(show(1_795_343_405_250), "2026-11-22T10:30:05.250Z");
        for wrong in [
            "",
            "soon",
            "2026-02-29",
            "2026-13-01",
            "2026-11-22T25:00",
            "2026-11-22T10",
            "1969-12-31",
            "2026-11-22T10:30:05.Z",
        ] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
        for day in (0..200_000).step_by(37) {
            let (year, month, date) = civil(day);
            assert_eq!(days(year, month, date), day);
        }
    }

    #[test]
    fn durations_are_read() {
        for (text, ms) in
            [("250ms", 250), ("30s", 30_000), ("15m", 900_000), ("2h", 7_200_000), ("7d", 604_800_000)]
        {
            assert_eq!(duration(text).ok(), Some(ms), "{text}");
        }
        for wrong in ["", "5", "h", "-1h", "1w", "99999999999999999999s", "300000000000000000d"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
