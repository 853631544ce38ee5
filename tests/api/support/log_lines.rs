//! The one line that each request leaves, as a test reads it.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Mutex, OnceLock},
    time::Duration,
};

use tokio::sync::watch;
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{Layer, layer::Context, layer::SubscriberExt, util::SubscriberInitExt};

/// The fields of one line, as text.
pub(crate) type Line = BTreeMap<String, String>;

static LINES: OnceLock<watch::Sender<Vec<Line>>> = OnceLock::new();

/// Collects the lines of all requests of this process; tests tell theirs by the request id.
pub(crate) struct LogLines;

impl LogLines {
    /// Begins to collect; to be called before the first request.
    pub(crate) fn collect() -> Self {
        static ONCE: Mutex<()> = Mutex::new(());
        let _guard = ONCE.lock();
        LINES.get_or_init(|| {
            tracing_subscriber::registry().with(Collector).init();
            watch::Sender::new(Vec::new())
        });
        Self
    }

    /// Waits until a line of the wanted sort is there, and gives all of that sort.
    pub(crate) async fn wait(&self, wanted: impl Fn(&Line) -> bool) -> Vec<Line> {
        let mut lines = LINES.get().unwrap().subscribe();
        let found = lines.wait_for(|lines| lines.iter().any(&wanted));
        let found = tokio::time::timeout(Duration::from_secs(10), found).await;
        let lines = found.expect("no such line within ten seconds").unwrap();
        lines.iter().filter(|line| wanted(line)).cloned().collect()
    }

    /// Forgets all lines so far.
    #[allow(dead_code, reason = "the suite storm alone counts what is kept")]
    pub(crate) fn forget(&self) {
        LINES
            .get()
            .unwrap()
            .send_modify(|lines| *lines = Vec::new());
    }

    /// The line of the request with this id.
    pub(crate) async fn of(&self, request_id: &str) -> Line {
        let mut lines = self.wait(|line| line["request_id"] == request_id).await;
        assert_eq!(lines.len(), 1, "one line a request");
        lines.remove(0)
    }
}

struct Collector;

impl<S: Subscriber> Layer<S> for Collector {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "herald::request" {
            let mut line = Fields::default();
            event.record(&mut line);
            if let Some(lines) = LINES.get() {
                lines.send_modify(|lines| lines.push(line.0));
            }
        }
    }
}

#[derive(Default)]
struct Fields(Line);

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }
}
