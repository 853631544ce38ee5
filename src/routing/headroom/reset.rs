//! When a quota is full again, as providers write it.

use std::time::{Duration, SystemTime};

/// From here on a number cannot be a wait in seconds: it would be 31 years.
const LEAST_DATE: f64 = 1e9;

/// From here on a number cannot be seconds since 1970: it would be the year 5138.
const LEAST_DATE_IN_MILLIS: f64 = 1e11;

/// How long it is until then; `None` for what is none of the known forms.
///
/// These are a length (`1s`, `6m0s`, `20ms`), seconds from now (`60`, `0.5`), RFC 3339
/// (`2026-11-05T12:00:00Z`), an HTTP date, and seconds or milliseconds since 1970. Absolute times count
/// from `date`, the sender's clock, or ours if it did not say.
pub(super) fn wait(text: &str, date: Option<SystemTime>) -> Option<Duration> {
    let until = |moment: SystemTime| {
        let from = date.unwrap_or_else(SystemTime::now);
        // What is past is over.
        Some(moment.duration_since(from).unwrap_or(Duration::ZERO))
    };
    if let Ok(number) = text.parse::<f64>() {
        let since_1970 = |seconds: f64| {
            let since = Duration::try_from_secs_f64(seconds).ok()?;
            until(SystemTime::UNIX_EPOCH.checked_add(since)?)
        };
        return if number < LEAST_DATE {
            Duration::try_from_secs_f64(number).ok()
        } else if number < LEAST_DATE_IN_MILLIS {
            since_1970(number)
        } else {
            since_1970(number / 1000.0)
        };
    }
    let date = humantime::parse_rfc3339(text).ok();
    if let Some(moment) = date.or_else(|| httpdate::parse_http_date(text).ok()) {
        return until(moment);
    }
    humantime::parse_duration(text).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_form_that_providers_write_is_read() {
        let date = humantime::parse_rfc3339("2026-11-05T12:00:00Z").unwrap();
        for (text, millis) in [
            ("1s", 1_000),
            ("6m0s", 360_000),
            ("20ms", 20),
            ("1h2m3s", 3_723_000),
            ("7m12.5s", 432_500),
            ("60", 60_000),
            ("0.5", 500),
            ("0", 0),
            ("2026-11-05T12:00:30Z", 30_000),
            ("2026-11-05T12:00:30.250Z", 30_250),
            ("2026-11-05T11:59:00Z", 0),
            ("Thu, 05 Nov 2026 12:01:00 GMT", 60_000),
            ("1793880007", 7_000),
            ("1793880007250", 7_250),
        ] {
            let read = wait(text, Some(date)).map(|wait| wait.as_millis());
            assert_eq!(read, Some(millis), "{text}");
        }
    }

    #[test]
    fn an_absolute_time_is_read_by_our_own_clock_where_the_sender_has_none() {
        let in_an_hour = SystemTime::now() + Duration::from_secs(3600);
        let text = httpdate::fmt_http_date(in_an_hour);
        let wait = wait(&text, None).unwrap().as_secs();
        assert!((3590..=3600).contains(&wait), "{wait}");
    }

    #[test]
    fn what_is_none_of_them_is_passed_over() {
        for text in [
            "",
            "soon",
            "-1",
            "-5s",
            "nan",
            "inf",
            "1e300",
            "5 parsecs",
            "2026-11-05",
            "99999999999999999999y",
            "\u{b5}",
        ] {
            assert_eq!(wait(text, None), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_at_all_is_too_odd(text in "\\PC*") {
            let _ = wait(&text, None);
        }
    }
}
