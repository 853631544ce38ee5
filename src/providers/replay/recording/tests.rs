//! What the format takes, what it refuses, and that it loses nothing.

use proptest::{collection::vec, prelude::*};

use super::*;

const HEAD: &str = r#"description = "d"
[[answers]]
stream = true
status = 200
framing = "chunked"
"#;

#[test]
fn a_small_recording_is_read_with_its_defaults() {
    let text = r#"
description = "d"
[[answers]]
stream = true
status = 200
headers = [["X-A", "1"], ["x-a", { base64 = "6Q==" }]]
framing = "length"
[[answers.chunks]]
data = '''
hello
'''
[[answers.chunks]]
after = "1s 20ms"
base64 = """
/w
=="""
"#;
    let header = |name: &str, value: &'static [u8]| (name.to_owned(), Bytes::from(value));
    let chunk = |after, data: &'static [u8]| Chunk {
        after: Duration::from_millis(after),
        data: Bytes::from(data),
    };
    let answer = Answer {
        stream: true,
        status: 200,
        after: Duration::ZERO,
        headers: vec![header("X-A", b"1"), header("x-a", b"\xe9")],
        framing: Framing::Length(7),
        end: End::Complete,
        chunks: vec![chunk(0, b"hello\n"), chunk(1020, b"\xff")],
    };
    let recording = Recording::parse("small.toml", text).unwrap();
    assert_eq!(recording.answers, [answer]);
    assert!(recording.answer(true).is_some());
    assert_eq!(recording.answer(false), None);
}

#[test]
fn an_error_shows_the_file_the_place_and_the_line_itself() {
    let text = HEAD.replace("200", "\"ok\"");
    let error = Recording::parse("dir/bad.toml", &text).unwrap_err();
    assert_eq!(
        error.to_string(),
        "dir/bad.toml, line 4, column 10: invalid type: string \"ok\", expected a status from 200 \
         to 599, but not 204 or 304, which have no body\n  | status = \"ok\""
    );
}

#[test]
fn a_bad_recording_is_refused_at_its_place_with_what_to_write() {
    let second = HEAD.replace("description = \"d\"\n", "");
    let ten_minutes = "[[answers.chunks]]\nafter = \"60s\"\ndata = \"x\"\n".repeat(10);
    let without = |line: &str| HEAD.replace(line, "");
    let with = |lines: &str| format!("{HEAD}{lines}");
    let chunk = |lines: &str| format!("{HEAD}[[answers.chunks]]\n{lines}");
    let framed = |lines: &str| format!("{}{lines}", without("framing = \"chunked\"\n"));
    // Text, line, column, reason.
    let cases = [
        // The file as a whole.
        (
            "description = ".into(),
            1,
            15,
            "string values must be quoted, expected literal string",
        ),
        (
            without("description = \"d\""),
            1,
            1,
            "missing field `description`",
        ),
        (
            "description = \"d\"".into(),
            1,
            1,
            "missing field `answers`",
        ),
        (
            "description = \"d\"\nanswers = []".into(),
            1,
            1,
            "answers: write at least one [[answers]]",
        ),
        (
            with(&second),
            1,
            1,
            "answers: two have stream = true; keep one of them",
        ),
        // Fields of an answer.
        (
            with("pace = 2"),
            6,
            1,
            "unknown field `pace`, expected one of `stream`, `status`, `after`, `headers`, \
             `framing`, `content_length`, `end`, `chunks`",
        ),
        (without("stream = true\n"), 2, 1, "missing field `stream`"),
        (without("status = 200\n"), 2, 1, "missing field `status`"),
        (
            without("framing = \"chunked\"\n"),
            2,
            1,
            "missing field `framing`",
        ),
        (
            HEAD.replace("200", "199"),
            4,
            10,
            "invalid value: integer `199`, expected a status from 200 to 599, but not 204 or 304, \
             which have no body",
        ),
        (
            HEAD.replace("200", "204"),
            4,
            10,
            "invalid value: integer `204`, expected a status from 200 to 599, but not 204 or 304, \
             which have no body",
        ),
        (
            HEAD.replace("chunked", "lenght"),
            5,
            11,
            "unknown variant `lenght`, expected one of `chunked`, `length`, `close`",
        ),
        (
            with("end = \"cut\""),
            6,
            7,
            "unknown variant `cut`, expected one of `complete`, `truncated`, `reset`",
        ),
        // Pauses.
        (
            with("after = 20"),
            6,
            9,
            "invalid type: integer `20`, expected a pause with its unit, such as \"20ms\"",
        ),
        (
            with("after = \"20\""),
            6,
            9,
            "invalid value: string \"20\", expected a pause with its unit, such as \"20ms\"",
        ),
        (
            with("after = \"61s\""),
            6,
            9,
            "after: 61s is too long; one pause may last 1m",
        ),
        (
            with(&format!("after = \"1ms\"\n{ten_minutes}")),
            2,
            1,
            "after: the pauses of one answer may last 10m together",
        ),
        // Headers.
        (
            with("headers = [[\"x b\", \"1\"]]"),
            6,
            11,
            "headers: \"x b\" is no header name",
        ),
        (
            with("headers = [[\"x-a\", 1]]"),
            6,
            12,
            "a header value is a string or { base64 = \"…\" }",
        ),
        (
            with("headers = [[\"x-a\", \"1\\r\\nx-b: 2\"]]"),
            6,
            11,
            "headers: the value of \"x-a\" holds a control character",
        ),
        (
            with("headers = [[\"Content-Length\", \"1\"]]"),
            6,
            11,
            "headers: leave \"Content-Length\" out; it follows from framing",
        ),
        (
            with("headers = [[\"transfer-encoding\", \"chunked\"]]"),
            6,
            11,
            "headers: leave \"transfer-encoding\" out; it follows from framing",
        ),
        // Framing and end together.
        (
            with("content_length = 7"),
            2,
            1,
            "content_length: leave it out; only an answer with framing = \"length\" that breaks \
             off needs it",
        ),
        (
            framed("framing = \"length\"\ncontent_length = 0"),
            2,
            1,
            "content_length: leave it out; only an answer with framing = \"length\" that breaks \
             off needs it",
        ),
        (
            framed("framing = \"length\"\nend = \"truncated\""),
            2,
            1,
            "content_length: the answer breaks off, so write how many bytes it promised, more \
             than the 0 that its chunks hold",
        ),
        (
            framed("framing = \"length\"\nend = \"reset\"\ncontent_length = 0"),
            2,
            1,
            "content_length: the answer breaks off, so write how many bytes it promised, more \
             than the 0 that its chunks hold",
        ),
        (
            framed("framing = \"close\"\nend = \"truncated\""),
            2,
            1,
            "end: with framing = \"close\" every orderly close is the end; write \"complete\" or \
             another framing",
        ),
        // Chunks.
        (
            chunk("after = \"1ms\""),
            6,
            1,
            "chunks: write either data = '''text''' or base64 = \"…\"",
        ),
        (
            chunk("data = \"x\"\nbase64 = \"eA==\""),
            6,
            1,
            "chunks: write either data = '''text''' or base64 = \"…\"",
        ),
        (
            chunk("data = \"\""),
            6,
            1,
            "chunks: a chunk without bytes would end the body; leave it out",
        ),
        (
            chunk("base64 = \"eA\""),
            6,
            1,
            "base64: write standard base64 with padding (Invalid padding)",
        ),
        (
            chunk("data = \"x\"\nwait = \"1s\""),
            8,
            1,
            "unknown field `wait`, expected one of `after`, `data`, `base64`",
        ),
    ];
    for (text, expected_line, expected_column, expected_reason) in cases {
        let error = Recording::parse("bad.toml", &text).unwrap_err();
        let RecordingError::Malformed {
            line,
            column,
            reason,
            ..
        } = error
        else {
            panic!("{error:?}");
        };
        let place = (line, column, reason.as_str());
        assert_eq!(
            place,
            (expected_line, expected_column, expected_reason),
            "{text}"
        );
    }
    let longest = with(&ten_minutes);
    assert!(
        Recording::parse("good.toml", &longest).is_ok(),
        "ten minutes are allowed"
    );
}

#[test]
fn the_example_of_the_documentation_is_a_recording() {
    let page = include_str!("../../../../docs/recordings.md");
    let (_, format) = page.split_once("## The format").unwrap();
    let examples: Vec<&str> = format
        .split("```toml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```\n").next())
        .collect();
    assert_eq!(examples.len(), 1);
    let recording = Recording::parse("docs/recordings.md", examples[0]).unwrap();
    assert_eq!(recording.answers.len(), 2);
}

fn pauses() -> impl Strategy<Value = Duration> {
    (0..60_000_000u64).prop_map(Duration::from_micros)
}

/// Bytes of every kind, and texts full of what TOML could get wrong.
fn contents() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        vec(any::<u8>(), 1..40).prop_map(Bytes::from),
        "[a'\"\\\\\r\n\t\u{0}\u{7f}\u{85}é\u{2028}]{1,20}".prop_map(Bytes::from),
        "data: [a-z]{1,9}\n\n".prop_map(Bytes::from),
    ]
}

prop_compose! {
    fn answers(stream: bool)(
        status in prop_oneof![200..=203u16, 305..=599u16],
        after in pauses(),
        headers in vec(("[A-Za-z][a-z-]{0,9}", "[ -~\t\u{a0}-\u{ff}]{0,20}"), 0..4),
        framing in 0..3,
        end in prop_oneof![Just(End::Complete), Just(End::Truncated), Just(End::Reset)],
        missing in 1..1000u64,
        chunks in vec((pauses(), contents()), 0..6),
        latin1 in any::<bool>(),
    ) -> Answer {
        let held: u64 = chunks.iter().map(|(_, data)| data.len() as u64).sum();
        let (framing, end) = match (framing, end) {
            (0, end) => (Framing::Chunked, end),
            (1, End::Complete) => (Framing::Length(held), End::Complete),
            (1, end) => (Framing::Length(held + missing), end),
            (_, End::Truncated) => (Framing::Close, End::Complete),
            (_, end) => (Framing::Close, end),
        };
        let value = |text: String| match latin1 {
            true => text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect(),
            false => Bytes::from(text),
        };
        let headers = headers.into_iter().map(|(name, text)| (name, value(text))).collect();
        let chunks = chunks.into_iter().map(|(after, data)| Chunk { after, data }).collect();
        Answer { stream, status, after, headers, framing, end, chunks }
    }
}

proptest! {
    #[test]
    fn what_was_recorded_reads_back_to_the_same_bytes(
        description in any::<String>(),
        first in answers(true),
        second in proptest::option::of(answers(false)),
    ) {
        let answers = std::iter::once(first).chain(second).collect();
        let recording = Recording { description, answers };
        let text = recording.to_toml();
        let read = Recording::parse("written.toml", &text);
        prop_assert_eq!(read.map_err(|error| format!("{error}\n{text}")), Ok(recording));
    }
}
