//! How many completions still run under each generation of the settings.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Counts completions by the generation that they began under.
#[derive(Clone, Debug, Default)]
pub(crate) struct StreamCounts(Arc<Mutex<BTreeMap<u64, usize>>>);

/// One completion; dropped at its true end.
#[derive(Debug)]
#[must_use = "a completion is counted as long as this is held"]
pub(crate) struct CountedStream {
    counts: StreamCounts,
    generation: u64,
}

impl StreamCounts {
    /// Counts one more.
    pub(crate) fn count(&self, generation: u64) -> CountedStream {
        *self.lock().entry(generation).or_default() += 1;
        CountedStream {
            counts: self.clone(),
            generation,
        }
    }

    /// The counts; a generation without completions is not among them.
    pub(crate) fn by_generation(&self) -> BTreeMap<u64, usize> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, usize>> {
        // Whoever panicked has left whole numbers behind.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for CountedStream {
    fn drop(&mut self) {
        let mut counts = self.counts.lock();
        if let Some(count) = counts.get_mut(&self.generation) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.generation);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generation_is_counted_while_something_runs_under_it() {
        let counts = StreamCounts::default();
        let (first, second, other) = (counts.count(1), counts.count(1), counts.count(2));
        assert_eq!(counts.by_generation(), [(1, 2), (2, 1)].into());
        drop(first);
        drop(other);
        assert_eq!(counts.by_generation(), [(1, 1)].into());
        drop(second);
        assert!(counts.by_generation().is_empty());
    }
}
