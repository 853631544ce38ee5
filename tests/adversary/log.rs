//! All that Herald says of itself, to be searched for what it must not say.

use std::{
    fmt,
    sync::{Mutex, OnceLock},
    time::Duration,
};

use tokio::sync::watch;
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
    span,
};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt},
    util::SubscriberInitExt,
};

static LINES: OnceLock<watch::Sender<Vec<String>>> = OnceLock::new();

/// Collects what all tests of this process make Herald log; tests tell theirs by the request id.
pub(crate) struct Log;

impl Log {
    pub(crate) fn collect() -> Self {
        static ONCE: Mutex<()> = Mutex::new(());
        let _guard = ONCE.lock();
        LINES.get_or_init(|| {
            tracing_subscriber::registry().with(Collector).init();
            watch::Sender::new(Vec::new())
        });
        Self
    }

    /// The line that ends this request, once it is there.
    pub(crate) async fn end_of(&self, request_id: &str) -> String {
        self.line("herald::request", request_id).await
    }

    /// The first line that has both texts.
    pub(crate) async fn line(&self, one: &str, other: &str) -> String {
        let mut lines = LINES.get().unwrap().subscribe();
        let wanted = |line: &&String| line.contains(one) && line.contains(other);
        let found = lines.wait_for(|lines| lines.iter().any(|line| wanted(&line)));
        let found = tokio::time::timeout(Duration::from_secs(10), found).await;
        let lines = found.unwrap_or_else(|_| panic!("no line with {one:?} and {other:?}"));
        let lines = lines.unwrap();
        lines.iter().find(wanted).unwrap().clone()
    }

    /// Waits until so many lines have both texts.
    pub(crate) async fn wait_for(&self, count: usize, one: &str, other: &str) {
        let mut lines = LINES.get().unwrap().subscribe();
        let is_wanted = |line: &&String| line.contains(one) && line.contains(other);
        let found = lines.wait_for(|lines| lines.iter().filter(is_wanted).count() >= count);
        let found = tokio::time::timeout(Duration::from_secs(10), found).await;
        found
            .unwrap_or_else(|_| panic!("no {count} lines with {one:?} and {other:?}"))
            .unwrap();
    }

    /// The lines with this text.
    pub(crate) fn with(&self, text: &str) -> Vec<String> {
        let lines = LINES.get().unwrap().borrow();
        lines
            .iter()
            .filter(|line| line.contains(text))
            .cloned()
            .collect()
    }
}

struct Collector;

/// Herald's own words at every level; those of the libraries as far as the default filter shows them.
fn is_kept(target: &str, level: Level) -> bool {
    target.starts_with("herald") || level <= Level::INFO
}

fn keep(line: Text) {
    if let Some(lines) = LINES.get() {
        lines.send_modify(|lines| lines.push(line.0));
    }
}

impl<S: Subscriber> Layer<S> for Collector {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let about = event.metadata();
        if is_kept(about.target(), *about.level()) {
            let mut line = Text(format!("{} {}", about.level(), about.target()));
            event.record(&mut line);
            keep(line);
        }
    }

    fn on_new_span(&self, span: &span::Attributes<'_>, _: &span::Id, _: Context<'_, S>) {
        let about = span.metadata();
        if is_kept(about.target(), *about.level()) {
            let mut line = Text(format!("span {} {}", about.target(), about.name()));
            span.record(&mut line);
            keep(line);
        }
    }

    fn on_record(&self, _: &span::Id, values: &span::Record<'_>, _: Context<'_, S>) {
        let mut line = Text("record".to_owned());
        values.record(&mut line);
        keep(line);
    }
}

struct Text(String);

impl Visit for Text {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.push_str(&format!(" {field}={value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.push_str(&format!(" {field}={value:?}"));
    }
}
