//! What Herald tells of itself: its log, and in it the one line of each request.

use std::{cell::RefCell, collections::BTreeMap, fmt, sync::Once, time::Duration};

use tokio::time::Instant;
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    subscriber::Interest,
};
use tracing_subscriber::{Layer, layer::Context, layer::SubscriberExt};

thread_local! {
    /// What is logged on this thread, while somebody collects it.
    static LINES: RefCell<Option<Vec<Line>>> = const { RefCell::new(None) };
}

/// One line of the log.
#[derive(Clone, Debug)]
pub(super) struct Line {
    at: Instant,
    pub(super) target: &'static str,
    pub(super) fields: BTreeMap<&'static str, String>,
}

impl Line {
    /// When, since the run began.
    pub(super) fn at(&self, began: Instant) -> Duration {
        self.at - began
    }

    pub(super) fn is_outcome(&self) -> bool {
        self.target == "herald::request"
    }

    /// The tokens of the prompt and of the answer.
    pub(super) fn usage(&self) -> Option<(u64, u64)> {
        let count = |name| self.field(name)?.parse().ok();
        count("prompt_tokens").zip(count("completion_tokens"))
    }

    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }
}

/// Runs something on this thread, and gives back what Herald logs meanwhile.
///
/// There is one collector for all threads. A subscriber of each thread's own would now and then miss
/// lines: while there is only one, `tracing` asks the thread that first comes to a line of the log
/// whether anybody wants it, and a test beside this one would answer no for all.
pub(super) fn collect<T>(run: impl FnOnce() -> T) -> (T, Vec<Line>) {
    static COLLECTOR: Once = Once::new();
    COLLECTOR.call_once(|| {
        let subscriber = tracing_subscriber::registry().with(Collector);
        tracing::subscriber::set_global_default(subscriber).unwrap();
        // A line that was come to meanwhile was answered for by nobody.
        tracing::callsite::rebuild_interest_cache();
    });
    LINES.set(Some(Vec::new()));
    let done = run();
    (done, LINES.take().unwrap())
}

struct Collector;

impl<S: Subscriber> Layer<S> for Collector {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if is_of_herald(metadata) {
            Interest::always()
        } else {
            Interest::never()
        }
    }

    /// Asked where two threads come to a line for the first time at once.
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        is_of_herald(metadata)
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        LINES.with_borrow_mut(|lines| {
            let Some(lines) = lines else { return };
            let mut line = Line {
                at: Instant::now(),
                target: event.metadata().target(),
                fields: BTreeMap::new(),
            };
            event.record(&mut line);
            lines.push(line);
        });
    }
}

fn is_of_herald(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with("herald")
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.fields.insert(field.name(), format!("{value:?}"));
    }
}
