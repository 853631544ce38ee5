//! What Herald tells of itself: its log, and in it the one line of each request.

use std::{cell::RefCell, collections::BTreeMap, fmt, time::Duration};

use tokio::time::Instant;
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
    subscriber::Interest,
};
use tracing_subscriber::{Layer, layer::Context, layer::SubscriberExt};

thread_local! {
    static LINES: RefCell<Vec<Line>> = const { RefCell::new(Vec::new()) };
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

    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }
}

/// Runs something on this thread, and gives back what Herald logs meanwhile.
pub(super) fn collect<T>(run: impl FnOnce() -> T) -> (T, Vec<Line>) {
    LINES.with_borrow_mut(Vec::clear);
    let subscriber = tracing_subscriber::registry().with(Collector);
    let done = tracing::subscriber::with_default(subscriber, run);
    (done, LINES.take())
}

struct Collector;

impl<S: Subscriber> Layer<S> for Collector {
    fn register_callsite(&self, metadata: &'static tracing::Metadata<'static>) -> Interest {
        if metadata.target().starts_with("herald") {
            Interest::always()
        } else {
            Interest::never()
        }
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = Line {
            at: Instant::now(),
            target: event.metadata().target(),
            fields: BTreeMap::new(),
        };
        event.record(&mut line);
        LINES.with_borrow_mut(|lines| lines.push(line));
    }
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.fields.insert(field.name(), format!("{value:?}"));
    }
}
