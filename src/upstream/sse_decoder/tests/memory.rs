//! What is held, what is copied, and how much work that is.

use std::{
    ops::Range,
    sync::{Arc, Weak},
};

use bytes::Bytes;

use super::{
    super::{SseDecoder, SseEvent, UnfinishedLine, work},
    NO_LIMIT, data, drain,
};

/// A chunk, and a weak handle that dies with the last slice of it.
fn watched(chunk: &str) -> (Bytes, Weak<Vec<u8>>) {
    struct Owner(Arc<Vec<u8>>);
    impl AsRef<[u8]> for Owner {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }
    let owner = Arc::new(chunk.as_bytes().to_vec());
    let handle = Arc::downgrade(&owner);
    (Bytes::from_owner(Owner(owner)), handle)
}

fn push_and_drain(decoder: &mut SseDecoder, chunk: Bytes) -> Vec<SseEvent> {
    let mut events = Vec::new();
    decoder.push(chunk);
    drain(decoder, &mut events).unwrap();
    events
}

fn addresses(bytes: &[u8]) -> Range<*const u8> {
    bytes.as_ptr_range()
}

#[test]
fn fields_of_a_frame_in_one_chunk_are_slices_of_it() {
    for frame in [
        "data: hello\n\n",
        "data: hello\r\n\r\n",
        "event: e\nid: 1\ndata: hello\n\n",
    ] {
        let chunk = Bytes::from_static(frame.as_bytes());
        let events = push_and_drain(&mut SseDecoder::new(NO_LIMIT), chunk.clone());
        let chunk = addresses(&chunk);
        for field in [
            events[0].event.as_ref(),
            events[0].id.as_ref(),
            Some(&events[0].data),
        ] {
            let Some(field) = field else { continue };
            assert!(chunk.contains(&field.as_ptr()), "{frame:?} was copied");
        }
    }
}

#[test]
fn an_event_keeps_its_chunk_alive_and_the_drained_decoder_does_not() {
    let mut decoder = SseDecoder::new(NO_LIMIT);
    let (chunk, handle) = watched("data: hello\n\n");
    let events = push_and_drain(&mut decoder, chunk);
    assert!(handle.upgrade().is_some());
    drop(events);
    assert!(handle.upgrade().is_none());
}

#[test]
fn an_unfinished_line_keeps_no_chunk_alive() {
    let mut decoder = SseDecoder::new(NO_LIMIT);
    let (chunk, handle) = watched("data: hel");
    push_and_drain(&mut decoder, chunk);
    assert!(handle.upgrade().is_none());
    let events = push_and_drain(&mut decoder, Bytes::from_static(b"lo\n\n"));
    assert_eq!(events, [data("hello")]);
}

#[test]
fn an_event_too_large_lets_go_of_everything() {
    let mut decoder = SseDecoder::new(8);
    let (chunk, handle) = watched("event: e\ndata: 123456789\n\n");
    decoder.push(chunk);
    assert!(decoder.next_event().is_err());
    assert!(handle.upgrade().is_none());
}

#[test]
fn a_huge_ignored_line_is_not_held() {
    for start in [": ", "retry: ", "unknown", "datax: "] {
        let mut decoder = SseDecoder::new(8);
        push_and_drain(&mut decoder, Bytes::from_static(b"data: a\n"));
        push_and_drain(&mut decoder, Bytes::from_static(start.as_bytes()));
        for _ in 0..1000 {
            push_and_drain(&mut decoder, Bytes::from_static(&[b'x'; 10_000]));
            assert!(
                matches!(decoder.line, UnfinishedLine::Ignored),
                "{start:?} is held"
            );
        }
        let events = push_and_drain(&mut decoder, Bytes::from_static(b"\n\n"));
        assert_eq!(events, [data("a")]);
    }
}

#[test]
fn chunks_pushed_without_draining_are_not_lost() {
    let mut decoder = SseDecoder::new(NO_LIMIT);
    let stream = "\u{FEFF}data: a\r\ndata: b\r\n\r\ndata: c\r\r\n";
    for byte in stream.bytes() {
        decoder.push(Bytes::copy_from_slice(&[byte]));
    }
    let mut events = Vec::new();
    drain(&mut decoder, &mut events).unwrap();
    assert_eq!(events, [data("a\nb"), data("c")]);
}

/// Three times: once searched, once copied as a part of a cut line, once more as one of several lines.
#[test]
fn each_byte_is_touched_three_times_at_most_whatever_the_chunks() {
    let one_line = format!("data: {}\n\n", "x".repeat(20_000));
    let long_lines = format!("data: {}\n", "y".repeat(1000)).repeat(20) + "\n";
    let short_lines = "data:\n".repeat(5_000) + "\n";
    let blank_lines = "\r\n".repeat(5_000);
    let comment = format!(":{}", "z".repeat(20_000));
    let unfinished = format!("event: {}", "e".repeat(20_000));
    for stream in [
        one_line,
        long_lines,
        short_lines,
        blank_lines,
        comment,
        unfinished,
    ] {
        for chunk_bytes in [1, 2, 7, 1000, stream.len()] {
            work::take();
            let mut decoder = SseDecoder::new(NO_LIMIT);
            for chunk in stream.as_bytes().chunks(chunk_bytes) {
                push_and_drain(&mut decoder, Bytes::copy_from_slice(chunk));
            }
            let work = work::take();
            assert!(
                work <= 3 * stream.len(),
                "{work} for {} bytes in chunks of {chunk_bytes}",
                stream.len()
            );
        }
    }
}
