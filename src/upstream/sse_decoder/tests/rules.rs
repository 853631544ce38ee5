//! The rules of WHATWG HTML, sections 9.2.5 and 9.2.6, and our few differences.

use super::{super::SseEvent, NO_LIMIT, data, decode, decode_every_way};

/// The stream gives these events and leaves nothing unfinished, however it is cut.
#[track_caller]
fn assert_events<const N: usize>(stream: impl AsRef<[u8]>, events: [SseEvent; N]) {
    let outcome = decode_every_way(stream.as_ref(), NO_LIMIT);
    assert_eq!(outcome.events, events);
    assert_eq!(outcome.error, None);
    assert_eq!(outcome.replaced_utf8, 0, "replaced UTF-8");
    assert!(!outcome.has_partial, "an event is left unfinished");
}

/// The stream gives these events and ends inside another, however it is cut.
#[track_caller]
fn assert_cut_short<const N: usize>(stream: &str, events: [SseEvent; N]) {
    let outcome = decode_every_way(stream.as_bytes(), NO_LIMIT);
    assert_eq!(outcome.events, events);
    assert!(outcome.has_partial, "nothing is left unfinished");
}

/// The stream gives this one event, with invalid UTF-8 replaced, however it is cut.
#[track_caller]
fn assert_replaced(stream: &[u8], event: SseEvent) {
    let outcome = decode_every_way(stream, NO_LIMIT);
    assert_eq!(outcome.events, [event]);
    assert_eq!(outcome.replaced_utf8, 1);
}

fn named(event: &str, data: &str) -> SseEvent {
    SseEvent {
        event: Some(event.into()),
        ..self::data(data)
    }
}

fn with_id(id: &str, data: &str) -> SseEvent {
    SseEvent {
        id: Some(id.into()),
        ..self::data(data)
    }
}

#[test]
fn an_empty_stream_has_no_events() {
    assert_events("", []);
}

#[test]
fn a_data_line_and_a_blank_line_are_an_event() {
    assert_events(
        "data: {\"a\":1}\n\ndata: [DONE]\n\n",
        [data("{\"a\":1}"), data("[DONE]")],
    );
}

#[test]
fn several_data_lines_are_joined_with_lf() {
    assert_events("data: a\ndata: b\ndata:\ndata: c\n\n", [data("a\nb\n\nc")]);
}

#[test]
fn data_lines_are_joined_across_other_lines() {
    assert_events(
        "data: a\n: ping\nevent: x\ndata: b\n\n",
        [named("x", "a\nb")],
    );
}

#[test]
fn one_leading_byte_order_mark_is_ignored() {
    assert_events("\u{FEFF}data: a\n\n", [data("a")]);
}

#[test]
fn a_second_byte_order_mark_belongs_to_the_field_name() {
    assert_events("\u{FEFF}\u{FEFF}data: a\n\ndata: b\n\n", [data("b")]);
}

#[test]
fn a_byte_order_mark_later_belongs_to_the_field_name() {
    assert_events("data: a\n\n\u{FEFF}data: b\n\n", [data("a")]);
}

#[test]
fn a_byte_order_mark_alone_is_nothing() {
    assert_events("\u{FEFF}", []);
}

#[test]
fn a_broken_off_byte_order_mark_belongs_to_the_field_name() {
    assert_events(b"\xEF\xBBdata: a\n\ndata: b\n\n", [data("b")]);
    assert_events(b"\xEFdata: a\n\ndata: b\n\n", [data("b")]);
}

#[test]
fn a_broken_off_byte_order_mark_is_not_a_blank_line() {
    assert_events(b"\xEF\xBB\ndata: a\n\n", [data("a")]);
}

#[test]
fn cr_ends_lines() {
    assert_events("data: a\rdata: b\r\rdata: c\r\r", [data("a\nb"), data("c")]);
}

#[test]
fn crlf_ends_lines_once() {
    assert_events(
        "data: a\r\ndata: b\r\n\r\ndata: c\r\n\r\n",
        [data("a\nb"), data("c")],
    );
}

#[test]
fn line_ends_may_be_mixed() {
    assert_events(
        "data: a\rdata: b\r\ndata: c\n\rdata: d\r\n\n",
        [data("a\nb\nc"), data("d")],
    );
}

#[test]
fn lf_then_cr_are_two_line_ends() {
    assert_events("data: a\n\rdata: b\r\n\r\n", [data("a"), data("b")]);
}

#[test]
fn crlf_cut_between_chunks_is_one_line_end() {
    let chunks: [&[u8]; 2] = [b"data: a\r", b"\ndata: b\n\n"];
    assert_eq!(decode(chunks, NO_LIMIT).events, [data("a\nb")]);
}

#[test]
fn crlf_cut_by_an_empty_chunk_is_one_line_end() {
    let chunks: [&[u8]; 3] = [b"data: a\r", b"", b"\ndata: b\n\n"];
    assert_eq!(decode(chunks, NO_LIMIT).events, [data("a\nb")]);
}

#[test]
fn only_the_lf_right_after_a_cr_belongs_to_it() {
    let chunks: [&[u8]; 3] = [b"data: a\r", b"x\n", b"\n"];
    assert_eq!(decode(chunks, NO_LIMIT).events, [data("a")]);
}

#[test]
fn an_event_ended_by_a_lone_cr_does_not_wait_for_the_next_chunk() {
    assert_events("data: a\r\r", [data("a")]);
    assert_events("data: a\n\r", [data("a")]);
    assert_events("data: a\r\n\r", [data("a")]);
}

#[test]
fn unicode_line_separators_do_not_end_lines() {
    let text = "a\u{2028}b\u{2029}c\u{85}d\u{B}e\u{C}f";
    assert_events(format!("data: {text}\n\n"), [data(text)]);
}

#[test]
fn comments_are_ignored() {
    assert_events(
        ": hi\n:\n:data: x\ndata: a\n: bye\n\n: more\n\n",
        [data("a")],
    );
}

#[test]
fn event_names_the_event() {
    assert_events("event: ping\ndata: {}\n\n", [named("ping", "{}")]);
}

#[test]
fn event_may_stand_after_data() {
    assert_events("data: {}\nevent: ping\n\n", [named("ping", "{}")]);
}

#[test]
fn the_last_event_field_counts() {
    assert_events("event: a\nevent: b\ndata: x\n\n", [named("b", "x")]);
}

#[test]
fn an_empty_event_field_is_none() {
    assert_events(
        "event:\ndata: x\n\nevent\ndata: y\n\n",
        [data("x"), data("y")],
    );
    assert_events("event: a\nevent:\ndata: x\n\n", [data("x")]);
}

#[test]
fn the_event_field_does_not_outlive_its_frame() {
    assert_events("event: a\n\ndata: x\n\n", [data("x")]);
}

#[test]
fn an_id_belongs_to_one_event_and_waits_for_it_where_its_frame_has_no_data() {
    assert_events(
        "id: 1\ndata: x\n\ndata: y\n\nid: 2\n\n: comment\n\ndata: z\n\ndata: z\n\n",
        [with_id("1", "x"), data("y"), with_id("2", "z"), data("z")],
    );
    // The commonest frame has a path of its own, which must look for the id too.
    assert_events("id: \n\ndata: x\n\n", [with_id("", "x")]);
}

#[test]
fn an_empty_id_is_an_id() {
    assert_events(
        "id\ndata: x\n\nid:\ndata: y\n\n",
        [with_id("", "x"), with_id("", "y")],
    );
}

#[test]
fn an_id_with_nul_is_ignored() {
    assert_events("id: 1\nid: 2\0\ndata: x\n\n", [with_id("1", "x")]);
    assert_events("id: \0\ndata: x\n\n", [data("x")]);
}

#[test]
fn nul_passes_in_data_and_event() {
    assert_events("event: \0e\ndata: a\0b\n\n", [named("\0e", "a\0b")]);
}

#[test]
fn retry_is_ignored() {
    assert_events("retry: 3000\ndata: x\n\nretry: 1\n\n", [data("x")]);
}

#[test]
fn unknown_fields_are_ignored() {
    assert_events("foo: 1\nfoo\ndata: x\nda: 2\nda\ni\nev\n\n", [data("x")]);
}

#[test]
fn field_names_are_compared_literally() {
    assert_events(
        "Data: a\ndata : b\n data: c\ndatax: d\nid2: 1\nevents: e\n\n",
        [],
    );
}

#[test]
fn the_space_after_the_colon_may_be_missing() {
    assert_events(
        "data:a\nevent:b\nid:c\n\n",
        [SseEvent {
            id: Some("c".into()),
            ..named("b", "a")
        }],
    );
}

#[test]
fn exactly_one_space_is_stripped() {
    assert_events(
        "data:  a \ndata:\tb\nevent:  c\n\n",
        [named(" c", " a \n\tb")],
    );
}

#[test]
fn only_the_first_colon_separates() {
    assert_events("data: a: b\ndata::c\n\n", [data("a: b\n:c")]);
}

#[test]
fn a_data_field_without_a_colon_is_an_event_with_empty_data() {
    assert_events("data\n\n", [data("")]);
    assert_events("data\ndata\n\n", [data("\n")]);
}

#[test]
fn a_data_field_without_a_value_is_an_event_with_empty_data() {
    assert_events("data:\n\ndata: \n\n", [data(""), data("")]);
}

#[test]
fn a_frame_without_data_is_no_event() {
    assert_events("event: a\nid: 1\n\n: comment\n\n\n\n\r\r", []);
}

#[test]
fn an_event_without_its_blank_line_is_discarded_but_can_be_asked_for() {
    assert_cut_short("data: a\n\ndata: b\n", [data("a")]);
    assert_cut_short("data: b", []);
    assert_cut_short("event: b\n", []);
    assert_cut_short("id: \0\n", []);
    assert_cut_short("data: a\n: comment\n", []);
    assert_cut_short("dat", []);
}

#[test]
fn an_unfinished_line_without_meaning_is_no_unfinished_event() {
    assert_events("data: a\n\n: comment", [data("a")]);
    assert_events("data: a\n\nretry: 1\n", [data("a")]);
    assert_events("data: a\n\nfoo", [data("a")]);
    assert_events("data: a\n\ndatax", [data("a")]);
}

#[test]
fn utf8_may_be_cut_anywhere() {
    assert_events(
        "event: é\nid: €\ndata: 🦀 ü\ndata: 漢\n\n",
        [SseEvent {
            id: Some("€".into()),
            ..named("é", "🦀 ü\n漢")
        }],
    );
}

#[test]
fn invalid_utf8_is_replaced_and_counted_once_an_event() {
    assert_replaced(b"data: a\xFFb\xF0\x9F\xA6\n\n", data("a\u{FFFD}b\u{FFFD}"));
    assert_replaced(
        b"data: \xE2\x82\ndata: \xAC\n\n",
        data("\u{FFFD}\n\u{FFFD}"),
    );
    assert_replaced(b"event: \xC3\ndata: a\n\n", named("\u{FFFD}", "a"));
    assert_replaced(
        b"id: \xC3\xC3\ndata: a\n\n",
        with_id("\u{FFFD}\u{FFFD}", "a"),
    );
    assert_replaced(
        b"event: \xED\xA0\x80\nid: \xC3\ndata: \x80\n\n",
        SseEvent {
            id: Some("\u{FFFD}".into()),
            ..named("\u{FFFD}\u{FFFD}\u{FFFD}", "\u{FFFD}")
        },
    );
}

#[test]
fn invalid_utf8_is_counted_whichever_data_line_holds_it() {
    assert_replaced(b"data: \xFF\ndata: b\ndata: c\n\n", data("\u{FFFD}\nb\nc"));
    assert_replaced(b"data: a\ndata: \xFF\ndata: c\n\n", data("a\n\u{FFFD}\nc"));
    assert_replaced(b"data: a\ndata: b\ndata: \xFF\n\n", data("a\nb\n\u{FFFD}"));
}

#[test]
fn invalid_utf8_that_reaches_nobody_is_not_counted() {
    assert_events(b": \xFF\nfoo: \xFF\nda\xFFta: a\ndata: b\n\n", [data("b")]);
    assert_events(b"event: \xFF\n\nid: \xFF\0\ndata: a\n\n", [data("a")]);
}

#[test]
fn a_replacement_character_of_the_provider_is_not_counted() {
    assert_events("data: \u{FFFD}\n\n", [data("\u{FFFD}")]);
}
