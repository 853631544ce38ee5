//! What the decoder promises, one rule a test.

mod limits;
mod memory;
mod rules;

use bytes::Bytes;

use super::{EventTooLarge, SseDecoder, SseEvent};

const NO_LIMIT: usize = usize::MAX;

fn data(data: &str) -> SseEvent {
    SseEvent {
        event: None,
        id: None,
        data: data.into(),
    }
}

/// What became of a stream: its events, then what the decoder said at the end of the bytes.
#[derive(Debug, PartialEq)]
struct Outcome {
    events: Vec<SseEvent>,
    error: Option<EventTooLarge>,
    has_partial: bool,
    replaced_utf8: u64,
}

fn decode<'a>(chunks: impl IntoIterator<Item = &'a [u8]>, max_event_bytes: usize) -> Outcome {
    let mut decoder = SseDecoder::new(max_event_bytes);
    let mut events = Vec::new();
    let mut error = None;
    for chunk in chunks {
        decoder.push(Bytes::copy_from_slice(chunk));
        error = drain(&mut decoder, &mut events).err();
    }
    Outcome {
        events,
        error,
        has_partial: decoder.has_partial(),
        replaced_utf8: decoder.replaced_utf8(),
    }
}

fn drain(decoder: &mut SseDecoder, events: &mut Vec<SseEvent>) -> Result<(), EventTooLarge> {
    while let Some(event) = decoder.next_event()? {
        events.push(event);
    }
    Ok(())
}

/// Decodes the stream whole, byte by byte and cut in two at every place: the outcome must be the same.
fn decode_every_way(stream: &[u8], max_event_bytes: usize) -> Outcome {
    let whole = decode([stream], max_event_bytes);
    assert_eq!(
        decode(stream.chunks(1), max_event_bytes),
        whole,
        "byte by byte"
    );
    for cut in 0..=stream.len() {
        let (left, right) = stream.split_at(cut);
        assert_eq!(
            decode([left, right], max_event_bytes),
            whole,
            "cut at {cut}"
        );
    }
    whole
}
