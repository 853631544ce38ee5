//! What a stream of each dialect must look like, event by event, as strictly as the strictest SDK reads
//! it. A breach panics.

mod chat;
mod messages;
mod responses;
mod sourcegraph;

use herald::{completion::WireFormat, upstream::sse_decoder::SseEvent};
use serde_json::Value;

/// Follows the events of one stream.
pub(crate) trait Grammar {
    /// Takes the next event; its data is a JSON object, or `None` for `[DONE]`.
    fn take(&mut self, name: Option<&str>, data: Option<&Value>);

    /// Whether the end marker has come.
    fn has_ended(&self) -> bool;
}

/// The grammar of a dialect that is translated.
pub(crate) fn of(format: WireFormat) -> Box<dyn Grammar> {
    match format {
        WireFormat::ChatCompletions => Box::<chat::Chat>::default(),
        WireFormat::Responses => Box::<responses::Responses>::default(),
        WireFormat::Messages => Box::<messages::Messages>::default(),
        WireFormat::Sourcegraph => Box::<sourcegraph::Sourcegraph>::default(),
        other => panic!("{other} is not translated"),
    }
}

/// Takes an event whatever its data is.
pub(crate) fn take(grammar: &mut dyn Grammar, event: &SseEvent) {
    assert!(!grammar.has_ended(), "an event after the end");
    assert!(event.id.is_none(), "an event with an id");
    let name = event.event.as_deref();
    if event.data == "[DONE]" {
        return grammar.take(name, None);
    }
    let data: Value = serde_json::from_str(&event.data).expect("an event is JSON");
    assert!(data.is_object(), "an event is an object");
    grammar.take(name, Some(&data));
}

/// The text of a member that must be one.
fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    let found = value[member].as_str();
    found.unwrap_or_else(|| panic!("`{member}` is no text in {value}"))
}

/// The number of a member that must count something.
fn count(value: &Value, member: &str) -> usize {
    let found = value[member].as_u64();
    let found = found.unwrap_or_else(|| panic!("`{member}` is no number in {value}"));
    usize::try_from(found).expect("it is small")
}
