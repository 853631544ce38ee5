//! How long a target took lately.

use std::time::Duration;

/// How many times are kept of each sort.
const KEPT: usize = 128;

/// From how many on they say something.
const ENOUGH: usize = 20;

/// What of an answer a client waits for: documents come at once, when all of them is made, so their times
/// are not those of streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// The first content event of a stream.
    Content,
    /// The head of a document.
    Head,
}

impl Awaited {
    /// What is waited for where a stream is asked for, or none.
    #[must_use]
    pub fn of(stream: bool) -> Self {
        if stream { Self::Content } else { Self::Head }
    }
}

/// The last times of a target, each from the beginning of an attempt to what is awaited.
#[derive(Debug, Default)]
pub(super) struct Times {
    content: Ring,
    head: Ring,
}

/// The last times of one sort, in microseconds and no order.
#[derive(Debug, Default)]
struct Ring {
    micros: Vec<u32>,
    oldest: usize,
}

impl Times {
    pub(super) fn note(&mut self, awaited: Awaited, length: Duration) {
        let ring = match awaited {
            Awaited::Content => &mut self.content,
            Awaited::Head => &mut self.head,
        };
        ring.note(length);
    }

    /// As long as so many in a hundred took at most; `None` while too few are known.
    pub(super) fn percentile(&self, awaited: Awaited, percent: u8) -> Option<Duration> {
        let ring = match awaited {
            Awaited::Content => &self.content,
            Awaited::Head => &self.head,
        };
        ring.percentile(percent)
    }
}

impl Ring {
    fn note(&mut self, length: Duration) {
        let micros = u32::try_from(length.as_micros()).unwrap_or(u32::MAX);
        if self.micros.len() < KEPT {
            self.micros.push(micros);
        } else {
            self.micros[self.oldest] = micros;
            self.oldest = (self.oldest + 1) % KEPT;
        }
    }

    fn percentile(&self, percent: u8) -> Option<Duration> {
        if self.micros.len() < ENOUGH {
            return None;
        }
        let mut micros = self.micros.clone();
        let rank = (micros.len() * usize::from(percent)).div_ceil(100);
        let (_, nth, _) = micros.select_nth_unstable(rank.saturating_sub(1));
        Some(Duration::from_micros((*nth).into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn noted(lengths: impl IntoIterator<Item = u64>) -> Times {
        let mut times = Times::default();
        for length in lengths {
            times.note(Awaited::Content, millis(length));
        }
        times
    }

    #[test]
    fn a_percentile_is_the_time_that_so_many_in_a_hundred_took_at_most() {
        let times = noted((1..=100).rev());
        for percent in [1, 50, 95, 99] {
            let told = times.percentile(Awaited::Content, percent);
            assert_eq!(told, Some(millis(percent.into())));
        }
    }

    #[test]
    fn too_few_times_say_nothing_and_each_sort_has_its_own() {
        let mut times = noted(1..20);
        assert_eq!(times.percentile(Awaited::Content, 50), None);
        times.note(Awaited::Content, millis(20));
        assert_eq!(times.percentile(Awaited::Content, 50), Some(millis(10)));
        assert_eq!(times.percentile(Awaited::Head, 50), None);
    }

    #[test]
    fn only_the_last_times_count_in_the_same_room() {
        let times = noted((1..=1_000).chain([5; KEPT]));
        assert_eq!(times.percentile(Awaited::Content, 99), Some(millis(5)));
        assert_eq!(times.content.micros.len(), KEPT);
        let long = Duration::from_secs(1 << 40);
        let mut times = noted([1; ENOUGH]);
        times.note(Awaited::Content, long);
        assert!(times.percentile(Awaited::Content, 99) > Some(millis(1)));
    }
}
