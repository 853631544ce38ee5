//! What the provider wrote, byte for byte.

use futures_util::FutureExt as _;
use serde_json::Value;

use super::{
    super::{
        dialect::Dialect,
        kit::Kit,
        provider::Reply,
        verdict::{Outcome, bounded, ensure},
    },
    Check,
};

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "unknown-fields-kept",
        expected: "a member that nobody knows arrives, in an event and in a document",
        source: "promise 8",
        run: |kit| unknown_fields(kit).boxed_local(),
    },
    Check {
        name: "bytes-verbatim",
        expected: "an event's data and a document arrive byte for byte: order, floats, escapes",
        source: "promise 8",
        run: |kit| verbatim(kit).boxed_local(),
    },
    Check {
        name: "multi-line-data",
        expected: "an event whose JSON stands on two data lines arrives whole",
        source: "WHATWG HTML, 9.2.6",
        run: |kit| multi_line(kit).boxed_local(),
    },
    Check {
        name: "crlf-lines",
        expected: "a stream whose lines end with CR LF arrives",
        source: "WHATWG HTML, 9.2.5",
        run: |kit| line_ends(kit, "\r\n").boxed_local(),
    },
    Check {
        name: "cr-lines",
        expected: "a stream whose lines end with CR alone arrives",
        source: "WHATWG HTML, 9.2.5",
        run: |kit| line_ends(kit, "\r").boxed_local(),
    },
    Check {
        name: "byte-order-mark",
        expected: "a byte order mark before the stream costs no event",
        source: "WHATWG HTML, 9.2.5",
        run: |kit| byte_order_mark(kit).boxed_local(),
    },
    Check {
        name: "comments-and-spaces",
        expected: "comments cost no event, and `data:` needs no space behind it",
        source: "WHATWG HTML, 9.2.5 and 9.2.6; OpenRouter writes comments",
        run: |kit| comments(kit).boxed_local(),
    },
    Check {
        name: "utf8-cut",
        expected: "text whose characters are cut between chunks arrives whole",
        source: "RFC 9112, 7.1; WHATWG HTML, 9.2.6",
        run: |kit| utf8_cut(kit).boxed_local(),
    },
    Check {
        name: "large-event",
        expected: "an event of 1 MiB arrives whole",
        source: "no line of an event stream has a length limit (WHATWG HTML, 9.2.5)",
        run: |kit| large_event(kit).boxed_local(),
    },
];

/// A member of tomorrow, written as a serializer would not write it.
const FOREIGN: &str =
    r#""x_kit":{"b":1.0,"a":1e3,"big":12345678901234567890,"caf\u00e9":"\ud83c\udfba\/"},"#;

/// The JSON with the foreign member at its front.
fn strange(json: &str) -> String {
    json.replacen('{', &format!("{{ {FOREIGN} "), 1)
}

async fn unknown_fields(kit: &mut Kit<'_>) -> Outcome {
    let (events, document) = strange_answers(kit).await?;
    let is_there = |json: &Value| json["x_kit"]["b"] == 1.0;
    let is_there_in_an_event = |data: &String| {
        let data: Value = serde_json::from_str(data).unwrap_or_default();
        is_there(&data)
    };
    ensure(events.iter().any(is_there_in_an_event), || {
        "the event has lost it".to_owned()
    })?;
    let document: Value = serde_json::from_str(&document).unwrap_or_default();
    ensure(is_there(&document), || {
        "the document has lost it".to_owned()
    })?;
    Ok("it is there in both".to_owned())
}

async fn verbatim(kit: &mut Kit<'_>) -> Outcome {
    let (events, document) = strange_answers(kit).await?;
    let sent = strange(&kit.dialect.text_data(TEXT));
    ensure(events.contains(&sent), || {
        let holds_text = |data: &&String| data.contains(TEXT);
        let told = events.iter().find(holds_text);
        format!("the event became {}", shown(told))
    })?;
    let sent = strange(&kit.dialect.document(TEXT));
    ensure(document == sent, || {
        format!("the document became {}", shown(Some(&document)))
    })?;
    Ok("the same bytes".to_owned())
}

fn shown(text: Option<&String>) -> String {
    text.map_or_else(|| "nothing".to_owned(), |text| bounded(text, 120))
}

/// The data of all events, and the document.
async fn strange_answers(
    kit: &mut Kit<'_>,
) -> Result<(Vec<String>, String), super::super::verdict::Unmet> {
    let dialect = kit.dialect;
    let text = dialect.event(&strange(&dialect.text_data(TEXT)));
    let stream = dialect.opening() + &text + &dialect.ending();
    let on_stream = kit.stream(&Reply::stream().body(stream)).await?;
    let document = strange(&dialect.document(TEXT));
    let on_document = kit.document(&Reply::document(200, document)).await?;
    let events = on_stream.events();
    let data = events.iter().map(|event| event.data.to_string()).collect();
    let document = String::from_utf8_lossy(&on_document.body).into_owned();
    Ok((data, document))
}

async fn multi_line(kit: &mut Kit<'_>) -> Outcome {
    let dialect = kit.dialect;
    let name = match dialect {
        Dialect::Chat => "",
        Dialect::Messages => "event: content_block_delta\n",
    };
    let data = dialect.text_data(TEXT);
    let (first, second) = data.split_once(',').expect("it has several members");
    let event = format!("{name}data: {first},\ndata: {second}\n\n");
    let stream = dialect.opening() + &event + &dialect.ending();
    arrives(kit, Reply::stream().body(stream), TEXT).await
}

async fn line_ends(kit: &mut Kit<'_>, line_end: &str) -> Outcome {
    let stream = kit.dialect.whole(TEXT).replace('\n', line_end);
    arrives(kit, Reply::stream().body(stream), TEXT).await
}

async fn byte_order_mark(kit: &mut Kit<'_>) -> Outcome {
    let dialect = kit.dialect;
    // Right before the text where nothing must go before it, so that a lost event is a lost text.
    let stream = match dialect {
        Dialect::Chat => dialect.text(TEXT) + &dialect.ending(),
        Dialect::Messages => dialect.whole(TEXT),
    };
    let reply = Reply::stream().body(format!("\u{feff}{stream}"));
    arrives(kit, reply, TEXT).await
}

async fn comments(kit: &mut Kit<'_>) -> Outcome {
    let dialect = kit.dialect;
    let text = dialect.text(TEXT).replace("data: ", "data:");
    let stream = format!(
        ": a comment\n\n{}: another\n{text}:\n\n{}",
        dialect.opening(),
        dialect.ending()
    );
    arrives(kit, Reply::stream().body(stream), TEXT).await
}

async fn utf8_cut(kit: &mut Kit<'_>) -> Outcome {
    const FOREIGN_TEXT: &str = "Grüße 🎺 世界";
    let dialect = kit.dialect;
    let event = dialect.text(FOREIGN_TEXT);
    let (before, after) = event
        .split_once(FOREIGN_TEXT)
        .expect("JSON need not escape it");
    let reply = Reply::stream()
        .body(dialect.opening() + before)
        .bytewise(FOREIGN_TEXT)
        .body(after.to_owned() + &dialect.ending());
    arrives(kit, reply, FOREIGN_TEXT).await
}

async fn large_event(kit: &mut Kit<'_>) -> Outcome {
    let text = "herald! ".repeat((1 << 20) / 8);
    let reply = Reply::stream().body(kit.dialect.whole(&text));
    let answer = kit.stream(&reply).await?;
    let told = kit.dialect.text_of(&answer);
    ensure(told == text, || {
        format!(
            "{} of {} bytes of text; {}",
            told.len(),
            text.len(),
            answer.summary()
        )
    })?;
    Ok("all of it".to_owned())
}

const TEXT: &str = "a piece of text";

async fn arrives(kit: &mut Kit<'_>, reply: Reply, text: &str) -> Outcome {
    let answer = kit.stream(&reply).await?;
    let told = kit.dialect.text_of(&answer);
    ensure(told == text, || {
        format!(
            "the text became {:?}; {}",
            bounded(&told, 60),
            answer.summary()
        )
    })?;
    ensure(kit.dialect.end_markers(&answer) == 1, || answer.summary())?;
    Ok("the same text".to_owned())
}
