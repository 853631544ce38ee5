//! `max_event_bytes`: what passes, what does not.

use bytes::Bytes;

use super::{
    super::{EventTooLarge, SseDecoder},
    NO_LIMIT, data, decode, decode_every_way,
};

const MIB: usize = 1 << 20;

/// With this limit the stream gives `events` events, then the error, however it is cut.
#[track_caller]
fn assert_too_large(stream: &str, max_event_bytes: usize, events: usize) {
    let outcome = decode_every_way(stream.as_bytes(), max_event_bytes);
    assert_eq!(outcome.error, Some(EventTooLarge { max_event_bytes }));
    assert_eq!(outcome.events.len(), events);
}

#[track_caller]
fn assert_passes(stream: &str, max_event_bytes: usize, events: usize) {
    let outcome = decode_every_way(stream.as_bytes(), max_event_bytes);
    assert_eq!(outcome.error, None);
    assert_eq!(outcome.events.len(), events);
}

#[test]
fn an_event_of_a_megabyte_passes_under_the_default_limit() {
    let text = "x".repeat(MIB);
    let stream = format!("data: {text}\n\n");
    for chunk_bytes in [1, 4096, 16_384, stream.len()] {
        let outcome = decode(stream.as_bytes().chunks(chunk_bytes), 8 * MIB);
        assert!(outcome.events == [data(&text)], "chunks of {chunk_bytes}");
    }
}

#[test]
fn the_limit_is_the_values_and_a_byte_for_each_line_end() {
    assert_passes("data: 12345\n\n", 6, 1);
    assert_too_large("data: 123456\n\n", 6, 0);
    assert_passes("event: a\nid: b\ndata: c\ndata: d\n\n", 8, 1);
    assert_too_large("event: a\nid: b\ndata: c\ndata: d\n\n", 7, 0);
}

#[test]
fn events_before_the_one_too_large_are_delivered() {
    assert_too_large("data: 1\n\ndata: 2\n\ndata: 345678\n\ndata: 9\n\n", 6, 2);
}

#[test]
fn an_event_too_large_is_an_error_before_it_ends() {
    assert_too_large("data: 1234567", 6, 0);
    assert_too_large("data: 123\ndata: 456\n", 6, 0);
}

#[test]
fn values_that_are_replaced_or_refused_count_too() {
    assert_too_large("event: 123\nevent: 456\ndata: x\n\n", 6, 0);
    assert_too_large("id: \0\0\0\nid: \0\0\0\ndata: x\n\n", 6, 0);
}

#[test]
fn each_frame_is_counted_by_itself() {
    assert_passes("data: 12345\n\nevent: 12345\n\ndata: 12345\n\n", 6, 2);
}

#[test]
fn ignored_lines_do_not_count() {
    assert_passes(
        ": 123456789\nretry: 123456789\nunknown: 123456789\ndata: x\n\n",
        2,
        1,
    );
    assert_passes("data", 0, 0);
    assert_passes("datax: 123456789", 0, 0);
}

#[test]
fn the_error_repeats_and_nothing_more_is_taken() {
    let mut decoder = SseDecoder::new(6);
    decoder.push(Bytes::from_static(b"data: 123456\n\ndata: a\n\n"));
    let error = Err(EventTooLarge { max_event_bytes: 6 });
    assert_eq!(decoder.next_event(), error);
    assert_eq!(decoder.next_event(), error);
    decoder.push(Bytes::from_static(b"data: b\n\n"));
    assert_eq!(decoder.next_event(), error);
    assert!(!decoder.has_partial());
}

#[test]
fn the_error_names_the_limit() {
    let error = EventTooLarge { max_event_bytes: 6 };
    assert_eq!(error.to_string(), "an event is larger than 6 bytes");
}

#[test]
fn no_limit_is_ever_reached_at_the_largest_number() {
    assert_passes("event: a\ndata: b\ndata: c\n\ndata: d", NO_LIMIT, 1);
}
