//! From instants to the pauses of a recording.

use std::time::Duration;

use crate::providers::replay::recording::{MAX_PAUSE, MAX_PAUSES};

/// The pause before each of the things that happened so long after the request, in whole
/// milliseconds, and whether any was shortened to what a recording can hold.
///
/// It is the times that are rounded and not the pauses, so that however many there are, none of
/// them is played more than a millisecond off.
pub(super) fn pauses(times: impl IntoIterator<Item = Duration>) -> (Vec<Duration>, bool) {
    let mut before = Duration::ZERO;
    let mut left = MAX_PAUSES;
    let mut is_shortened = false;
    let pauses = times.into_iter().map(|time| {
        let time = to_milliseconds(time);
        let pause = time.saturating_sub(before);
        before = time;
        let kept = pause.min(MAX_PAUSE).min(left);
        left -= kept;
        is_shortened |= kept < pause;
        kept
    });
    (pauses.collect(), is_shortened)
}

fn to_milliseconds(time: Duration) -> Duration {
    let rounded = (time + Duration::from_micros(500)).as_millis();
    Duration::from_millis(u64::try_from(rounded).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn many_short_pauses_add_up_to_the_time_that_they_took() {
        let times = (1..=1000).map(|nth| Duration::from_micros(nth * 400));
        let (pauses, is_shortened) = pauses(times);
        assert_eq!(pauses.iter().sum::<Duration>(), Duration::from_millis(400));
        assert!(pauses.iter().all(|pause| pause.as_millis() <= 1));
        assert!(!is_shortened);
    }

    #[test]
    fn a_pause_that_a_recording_cannot_hold_is_shortened_and_told() {
        let (kept, is_shortened) = pauses([SECOND, 62 * SECOND, 63 * SECOND]);
        assert_eq!(kept, [SECOND, MAX_PAUSE, SECOND]);
        assert!(is_shortened);
    }

    #[test]
    fn all_pauses_together_stay_within_what_a_recording_can_hold() {
        let (kept, is_shortened) = pauses((1..=20).map(|nth| nth * 59 * SECOND));
        assert_eq!(kept.iter().sum::<Duration>(), MAX_PAUSES);
        assert_eq!(kept[..10], [59 * SECOND; 10]);
        assert_eq!(kept[10..12], [10 * SECOND, Duration::ZERO]);
        assert!(is_shortened);
    }
}
