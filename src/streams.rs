//! The streams that are open: what each is, how far it has come, and a way to end it.
//!
//! A completion stands here from the moment its model is known to its true end, a document as much as
//! a stream of events. Whoever serves it writes plain numbers; the lock is taken at its beginning and
//! its end, and by whoever looks.

mod phase;
mod stop_signal;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, AtomicU64, Ordering::Relaxed},
    },
};

use tokio::{sync::watch, time::Instant};

pub use phase::Phase;
pub use stop_signal::StopSignal;

use crate::{
    alive::{Alive, Living},
    delivery::QueueGauge,
};

/// The open streams of a gateway.
#[derive(Debug, Default)]
pub struct Streams {
    open: Mutex<HashMap<Arc<str>, Arc<OpenStream>>>,
    alive: Alive,
}

/// What a stream is, known when it begins.
#[derive(Clone, Debug)]
pub struct StreamDetails {
    /// The request's id, as clients see it in `x-herald-request-id`.
    pub id: Arc<str>,
    /// The generation of the settings that it runs under.
    pub generation: u64,
    /// Who is asked first.
    pub provider: String,
    /// For which model, by the name that clients use.
    pub model: String,
    /// The id of the client's key; `None` where no key is asked for.
    pub key: Option<String>,
    /// Whether events were asked for, and not a document.
    pub stream: bool,
}

/// One open stream, shared by those who serve it and those who look.
#[derive(Debug)]
pub struct OpenStream {
    details: StreamDetails,
    /// Who is asked now.
    provider: Mutex<String>,
    began: Instant,
    phase: AtomicU8,
    events: AtomicU64,
    bytes: AtomicU64,
    queue: QueueGauge,
    cancelled: watch::Sender<bool>,
    _alive: Living,
}

/// Keeps a stream among the open ones until it is dropped.
#[derive(Debug)]
pub struct Registration {
    streams: Arc<Streams>,
    stream: Arc<OpenStream>,
}

/// Why a stream cannot be ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotCancelled {
    /// None of this id is open.
    Unknown,
    /// Its end has been said already; its client is still to take it.
    Ending,
}

impl Streams {
    /// Adds a stream. `queue` tells what waits for its client.
    #[must_use]
    pub fn open(self: &Arc<Self>, details: StreamDetails, queue: QueueGauge) -> Registration {
        let stream = Arc::new(OpenStream {
            began: Instant::now(),
            phase: AtomicU8::new(Phase::AwaitingHead as u8),
            events: AtomicU64::default(),
            bytes: AtomicU64::default(),
            queue,
            cancelled: watch::Sender::new(false),
            provider: Mutex::new(details.provider.clone()),
            _alive: self.alive.enter(),
            details,
        });
        let id = Arc::clone(&stream.details.id);
        self.lock().insert(id, Arc::clone(&stream));
        Registration {
            streams: Arc::clone(self),
            stream,
        }
    }

    /// All of them, the oldest first.
    #[must_use]
    pub fn list(&self) -> Vec<Arc<OpenStream>> {
        let mut list: Vec<_> = self.lock().values().cloned().collect();
        list.sort_by_key(|stream| stream.began);
        list
    }

    /// How many there are of which anything is left: an entry here, an actor, a body, a record. The
    /// upstream actor is the one that may outlast its entry, while it reads what is behind an answer's end.
    #[cfg(feature = "testkit")]
    pub(crate) fn alive(&self) -> &Alive {
        &self.alive
    }

    /// How many run under each generation of the settings.
    #[must_use]
    pub fn by_generation(&self) -> BTreeMap<u64, usize> {
        let mut counts = BTreeMap::new();
        for stream in self.lock().values() {
            *counts.entry(stream.details.generation).or_default() += 1;
        }
        counts
    }

    /// Tells a stream to end with `gateway_cancelled`.
    ///
    /// # Errors
    /// There is nothing to end.
    pub fn cancel(&self, id: &str) -> Result<Arc<OpenStream>, NotCancelled> {
        let stream = self.lock().get(id).cloned();
        let stream = stream.ok_or(NotCancelled::Unknown)?;
        if stream.phase() == Phase::Ending {
            return Err(NotCancelled::Ending);
        }
        stream.cancelled.send_replace(true);
        Ok(stream)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Arc<OpenStream>>> {
        // A map of whole entries is whole, whoever panicked with it in hand.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OpenStream {
    /// What it is.
    #[must_use]
    pub fn details(&self) -> &StreamDetails {
        &self.details
    }

    /// Who is asked now, or serves.
    #[must_use]
    pub fn provider(&self) -> String {
        let provider = self.provider.lock();
        provider.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes that another one is asked.
    pub fn note_provider(&self, provider: &str) {
        let mut asked = self.provider.lock().unwrap_or_else(PoisonError::into_inner);
        provider.clone_into(&mut asked);
    }

    /// When its model was known.
    #[must_use]
    pub fn began(&self) -> Instant {
        self.began
    }

    /// How far it has come.
    #[must_use]
    pub fn phase(&self) -> Phase {
        Phase::from_number(self.phase.load(Relaxed))
    }

    /// Events handed over to the client so far.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.events.load(Relaxed)
    }

    /// Bytes of the body that the connection took so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }

    /// What waits for its client.
    #[must_use]
    pub fn queue(&self) -> &QueueGauge {
        &self.queue
    }

    /// Notes how far it has come.
    pub fn reach(&self, phase: Phase) {
        self.phase.store(phase as u8, Relaxed);
    }

    /// Notes how many events were handed over in all.
    pub fn note_events(&self, events: u64) {
        // One task alone writes, so nothing is to be added up.
        self.events.store(events, Relaxed);
    }

    /// Notes how many bytes the connection took in all.
    pub fn note_bytes(&self, bytes: u64) {
        self.bytes.store(bytes, Relaxed);
    }
}

impl Registration {
    /// The stream itself.
    #[must_use]
    pub fn stream(&self) -> &Arc<OpenStream> {
        &self.stream
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.streams.lock().remove(&self.stream.details.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery;

    fn open(streams: &Arc<Streams>, id: &str, generation: u64) -> Registration {
        let (sender, _) = delivery::channel(1, 1);
        let details = StreamDetails {
            id: id.into(),
            generation,
            provider: "p".into(),
            model: "m".into(),
            key: None,
            stream: true,
        };
        streams.open(details, sender.gauge())
    }

    #[test]
    fn a_stream_is_listed_until_its_registration_is_dropped() {
        let streams = Arc::new(Streams::default());
        let first = open(&streams, "a", 1);
        let second = open(&streams, "b", 2);
        let third = open(&streams, "c", 2);
        assert_eq!(streams.by_generation(), BTreeMap::from([(1, 1), (2, 2)]));
        drop(second);
        let ids: Vec<_> = streams
            .list()
            .iter()
            .map(|s| s.details.id.clone())
            .collect();
        assert_eq!(ids, [Arc::<str>::from("a"), "c".into()]);
        drop((first, third));
        assert!(streams.list().is_empty());
        assert_eq!(streams.open.lock().unwrap().len(), 0);
    }

    #[test]
    fn what_is_not_open_or_has_ended_cannot_be_cancelled() {
        let streams = Arc::new(Streams::default());
        let cancel = |id| streams.cancel(id).map(drop);
        assert_eq!(cancel("a"), Err(NotCancelled::Unknown));
        let open = open(&streams, "a", 1);
        assert_eq!(cancel("a"), Ok(()));
        open.stream().reach(Phase::Ending);
        assert_eq!(cancel("a"), Err(NotCancelled::Ending));
    }
}
