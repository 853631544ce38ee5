//! Lines of the log as JSON, an object each: time, level, the event's own fields, target, span.
//!
//! tracing-subscriber has the same format, and writes the span by parsing what it wrote of the span's
//! fields and writing it anew: for a request's one line that took a sixth of all its instructions.

use std::{
    fmt::{self, Debug},
    time::SystemTime,
};

use serde::Serialize;
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    field::RecordFields,
    fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields, format::Writer},
    registry::LookupSpan,
};

/// Writes each event as a line.
#[derive(Debug)]
pub(super) struct JsonLines;

/// Writes a span's fields as the members of an object, without its braces.
#[derive(Debug)]
pub(super) struct JsonMembers;

/// About as long as the line of a request, in bytes.
const USUAL_LINE: usize = 1024;

impl<S> FormatEvent<S, JsonMembers> for JsonLines
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonMembers>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        let mut line = Members(Vec::with_capacity(USUAL_LINE));
        line.0.push(b'{');
        let now = humantime::format_rfc3339_micros(SystemTime::now());
        line.add("timestamp", &format_args!("{now}"));
        line.add("level", metadata.level().as_str());
        event.record(&mut line);
        line.add("target", metadata.target());
        let parent = event.parent().and_then(|id| context.span(id));
        if let Some(span) = parent.or_else(|| context.lookup_current()) {
            line.begin("span");
            line.0.push(b'{');
            if let Some(members) = span.extensions().get::<FormattedFields<JsonMembers>>() {
                line.0.extend_from_slice(members.as_bytes());
            }
            line.add("name", span.name());
            line.0.push(b'}');
        }
        line.0.extend_from_slice(b"}\n");
        writer.write_str(line.text()?)
    }
}

impl<'writer> FormatFields<'writer> for JsonMembers {
    fn format_fields<R: RecordFields>(
        &self,
        mut writer: Writer<'writer>,
        fields: R,
    ) -> fmt::Result {
        let mut members = Members::default();
        fields.record(&mut members);
        writer.write_str(members.text()?)
    }

    fn add_fields(
        &self,
        current: &'writer mut FormattedFields<Self>,
        fields: &tracing::span::Record<'_>,
    ) -> fmt::Result {
        let mut members = Members(std::mem::take(&mut current.fields).into_bytes());
        fields.record(&mut members);
        members.text()?.clone_into(&mut current.fields);
        Ok(())
    }
}

/// The members of an object so far.
#[derive(Default)]
struct Members(Vec<u8>);

impl Members {
    fn begin(&mut self, name: &str) {
        if !matches!(self.0.last(), None | Some(b'{')) {
            self.0.push(b',');
        }
        self.write(name);
        self.0.push(b':');
    }

    fn add(&mut self, name: &str, value: &(impl Serialize + ?Sized)) {
        self.begin(name);
        self.write(value);
    }

    fn write(&mut self, value: &(impl Serialize + ?Sized)) {
        let begin = self.0.len();
        // A value whose own formatting fails is told as none; a vector takes all that is written to it.
        if serde_json::to_writer(&mut self.0, value).is_err() {
            self.0.truncate(begin);
            self.0.extend_from_slice(b"null");
        }
    }

    fn text(&self) -> Result<&str, fmt::Error> {
        std::str::from_utf8(&self.0).map_err(|_| fmt::Error)
    }
}

impl Visit for Members {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field.name(), &value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field.name(), &value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field.name(), &value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field.name(), &value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field.name(), value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.add(field.name(), &format_args!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write,
        sync::{Arc, Mutex},
    };

    use serde_json::{Value, json};
    use tracing_subscriber::{fmt, layer::SubscriberExt};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// The lines that `say` brings, without their times, which are checked.
    fn said(say: impl FnOnce()) -> Vec<Value> {
        let lines = Lines::default();
        let writer = lines.clone();
        let layer = fmt::layer()
            .fmt_fields(JsonMembers)
            .event_format(JsonLines)
            .with_writer(move || writer.clone());
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, say);
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let line = |line: &str| {
            let mut line: Value = serde_json::from_str(line).unwrap();
            let time = line.as_object_mut().unwrap().remove("timestamp").unwrap();
            assert!(humantime::parse_rfc3339(time.as_str().unwrap()).is_ok());
            assert_eq!(
                time.as_str().unwrap().len(),
                "2026-11-23T18:40:31.123456Z".len()
            );
            line
        };
        text.lines().map(line).collect()
    }

    #[test]
    fn a_line_has_the_fields_of_its_event_as_what_they_are() {
        let lines = said(|| {
            tracing::warn!(
                target: "here",
                text = "a \"b\"\n\u{1}é",
                count = 7_u64,
                below = -7_i64,
                ratio = 0.5,
                no_ratio = f64::NAN,
                is_so = true,
                nothing = Option::<u64>::None,
                shown = %"x\ty",
                debugged = ?Some("z"),
                "said"
            );
        });
        let expected = json!({
            "level": "WARN",
            "message": "said",
            "text": "a \"b\"\n\u{1}é",
            "count": 7,
            "below": -7,
            "ratio": 0.5,
            "no_ratio": null,
            "is_so": true,
            "shown": "x\ty",
            "debugged": "Some(\"z\")",
            "target": "here",
        });
        assert_eq!(lines, [expected]);
    }

    #[test]
    fn a_line_in_a_span_has_the_spans_fields_and_those_that_were_added_later() {
        let lines = said(|| {
            let outer = tracing::info_span!("outer", a = 1, b = tracing::field::Empty);
            outer.record("b", "2");
            outer.in_scope(|| tracing::info!(target: "here", "inside"));
            tracing::info!(target: "here", parent: &tracing::info_span!("bare"), "of it");
        });
        let line = |message: &str, span| json!({ "level": "INFO", "message": message, "target": "here", "span": span });
        let outer = json!({ "name": "outer", "a": 1, "b": "2" });
        let bare = json!({ "name": "bare" });
        assert_eq!(lines, [line("inside", outer), line("of it", bare)]);
    }
}
