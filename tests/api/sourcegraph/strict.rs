//! The law of framing, as a parser that takes nothing else: it judges every stream of these tests.

use serde_json::Value;

use crate::support::{End, Reply};

/// A stream that kept the law.
#[derive(Debug)]
pub(super) struct Lawful {
    /// The events before `done`, each by its name and its data.
    pub(super) events: Vec<(String, Value)>,
    /// The bytes as they came, chunk by chunk.
    pub(super) chunks: Vec<String>,
}

impl Lawful {
    /// The message of the error that it ends in.
    pub(super) fn error(&self) -> Option<&str> {
        let (name, data) = self.events.last()?;
        (name == "error").then(|| data["error"].as_str().unwrap())
    }

    /// What its events of this name hold.
    pub(super) fn data(&self) -> Vec<&Value> {
        self.events.iter().map(|(_, data)| data).collect()
    }
}

/// Reads a stream to its end and judges it.
pub(super) async fn read(reply: &mut Reply) -> Lawful {
    assert_eq!(reply.header("content-type"), Some("text/event-stream"));
    let (chunks, end) = reply.rest().await;
    assert_eq!(end, End::Whole, "{chunks:?}");
    // Each chunk is whole events, and ASCII, so that no reader of pieces can be hurt by a cut.
    for chunk in &chunks {
        assert!(chunk.ends_with("\n\n"), "{chunk:?}");
        assert!(chunk.is_ascii(), "{chunk:?}");
    }
    let events = judge(&chunks.concat()).unwrap();
    Lawful { events, chunks }
}

/// The events before `done`, or which rule is broken.
pub(super) fn judge(stream: &str) -> Result<Vec<(String, Value)>, String> {
    let mut rest = stream;
    let mut events = Vec::new();
    loop {
        let Some((frame, after)) = rest.split_once("\n\n") else {
            return Err(format!("no `done` before {rest:?}"));
        };
        rest = after;
        let lines: Vec<_> = frame.split('\n').collect();
        let [event, data] = lines[..] else {
            return Err(format!("{} lines in {frame:?}", lines.len()));
        };
        if frame.contains('\r') || frame.contains('\u{feff}') {
            return Err(format!("a line end or a mark in {frame:?}"));
        }
        let name = event.strip_prefix("event: ");
        let name = name.ok_or_else(|| format!("no name first in {frame:?}"))?;
        let data = data.strip_prefix("data: ");
        let data = data.ok_or_else(|| format!("no data second in {frame:?}"))?;
        let data: Value = serde_json::from_str(data).map_err(|error| error.to_string())?;
        let has_failed = events.last().is_some_and(|(name, _)| name == "error");
        match name {
            "done" if data != serde_json::json!({}) => return Err("`done` holds something".into()),
            "done" if !rest.is_empty() => return Err(format!("{rest:?} after `done`")),
            "done" if events.is_empty() => return Err("nothing before `done`".into()),
            "done" => return Ok(events),
            _ if has_failed => return Err("something between `error` and `done`".into()),
            "error" if !data["error"].is_string() => return Err("an error without words".into()),
            "error" | "completion" if data.is_object() => events.push((name.to_owned(), data)),
            _ => return Err(format!("the event {name:?}")),
        }
    }
}

#[test]
fn the_judge_takes_what_the_law_allows_and_nothing_else() {
    let text = "event: completion\ndata: {\"deltaText\":\"a\"}\n\n";
    let error = "event: error\ndata: {\"error\":\"no\"}\n\n";
    let done = "event: done\ndata: {}\n\n";
    assert!(judge(&format!("{text}{done}")).is_ok());
    assert!(judge(&format!("{text}{error}{done}")).is_ok());
    for unlawful in [
        String::new(),
        done.to_owned(),
        text.to_owned(),
        format!("{text}{error}"),
        format!("{text}{done}{done}"),
        format!("{text}{done}\n"),
        format!(":\n{text}{done}"),
        format!(": ping\n\n{text}{done}"),
        format!("{text}event: metadata\ndata: {{}}\n\n{done}"),
        format!("{error}{text}{done}"),
        format!("{text}event: done\n\n"),
        format!("{text}event: done\ndata: [DONE]\n\n"),
        format!("{text}event: error\ndata: {{\"error\":{{}}}}\n\n{done}"),
        format!("\u{feff}{text}{done}"),
        format!("id: 1\n{text}{done}"),
        format!("{text}{done}").replace('\n', "\r\n"),
        format!("{text}{done}").replace(": ", ":"),
        format!("data: {{}}\nevent: completion\n\n{done}"),
        format!("event: completion\ndata: {{\ndata: }}\n\n{done}"),
    ] {
        assert!(judge(&unlawful).is_err(), "{unlawful:?}");
    }
}
