//! What must hold of the SSE decoder for every input; shared by the fuzz target and `tests/sse_decoder.rs`.

use bytes::Bytes;
use herald::upstream::sse_decoder::{EventTooLarge, SseDecoder, SseEvent};

/// What became of a stream.
#[derive(Debug, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) events: Vec<SseEvent>,
    pub(crate) error: Option<EventTooLarge>,
    pub(crate) has_partial: bool,
    pub(crate) replaced_utf8: u64,
}

/// Checks one fuzz input: a byte that says how many chunk sizes follow (its lowest three bits), one byte
/// for each size, then the stream, which is cut by those sizes in turn.
pub(crate) fn check(input: &[u8]) {
    let Some((&count, rest)) = input.split_first() else {
        return;
    };
    let Some((sizes, stream)) = rest.split_at_checked(usize::from(count & 7)) else {
        return;
    };
    let sizes: Vec<usize> = sizes.iter().map(|&size| size.into()).collect();
    check_stream(stream, &sizes);
}

/// Checks that `stream` gives what the specification says, and the same cut into chunks of `sizes`, in
/// turn, and into single bytes.
pub(crate) fn check_stream(stream: &[u8], sizes: &[usize]) {
    let whole = decode([stream], usize::MAX);
    assert_eq!(whole.events, decode_by_the_book(stream));
    assert_eq!(whole.error, None);
    for max_event_bytes in [usize::MAX, 16, 3] {
        let whole_limited = decode([stream], max_event_bytes);
        assert!(whole.events.starts_with(&whole_limited.events));
        assert!(whole_limited.error.is_some() || whole_limited == whole);
        assert_eq!(decode(cut(stream, sizes), max_event_bytes), whole_limited);
        assert_eq!(decode(stream.chunks(1), max_event_bytes), whole_limited);
    }
}

/// Decodes with Herald's decoder.
fn decode<'a>(chunks: impl IntoIterator<Item = &'a [u8]>, max_event_bytes: usize) -> Outcome {
    let mut decoder = SseDecoder::new(max_event_bytes);
    let mut events = Vec::new();
    let mut error = None;
    for chunk in chunks {
        decoder.push(Bytes::copy_from_slice(chunk));
        error = loop {
            match decoder.next_event() {
                Ok(Some(event)) => events.push(event),
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
    }
    Outcome {
        events,
        error,
        has_partial: decoder.has_partial(),
        replaced_utf8: decoder.replaced_utf8(),
    }
}

/// Chunks of the given sizes, over and over. A size of zero is an empty chunk; the rest of the stream is
/// one chunk if no size is left that would take anything.
fn cut<'a>(mut stream: &'a [u8], sizes: &[usize]) -> Vec<&'a [u8]> {
    let mut chunks = Vec::new();
    if sizes.iter().any(|&size| size > 0) {
        for &size in sizes.iter().cycle() {
            let Some((chunk, rest)) = stream.split_at_checked(size) else {
                break;
            };
            chunks.push(chunk);
            stream = rest;
            if stream.is_empty() {
                break;
            }
        }
    }
    chunks.push(stream);
    chunks
}

/// Decodes a whole stream as WHATWG HTML, section 9.2.6, words it, without a thought for speed.
///
/// Other than there, `id` does not outlive its event, and an event is no DOM object.
fn decode_by_the_book(stream: &[u8]) -> Vec<SseEvent> {
    let text = String::from_utf8_lossy(stream);
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(&text);
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut lines: Vec<&str> = text.split('\n').collect();
    lines.pop(); // What stands behind the last line end is no line.

    let mut events = Vec::new();
    let (mut event_type, mut id, mut data) = (String::new(), None, String::new());
    for line in lines {
        if line.is_empty() {
            if let Some(data) = data.strip_suffix('\n') {
                events.push(SseEvent {
                    event: (!event_type.is_empty()).then(|| event_type.as_str().into()),
                    id: id.take().map(String::into),
                    data: data.into(),
                });
            }
            (event_type, data) = (String::new(), String::new());
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => event_type = value.to_owned(),
            "data" => data = data + value + "\n",
            "id" if !value.contains('\0') => id = Some(value.to_owned()),
            _ => {}
        }
    }
    events
}
