//! Answers as a list of reads, 10 ms apart.

use std::time::Duration;

use super::*;

const READ_EVERY: Duration = Duration::from_millis(10);

/// Reads an answer whose connection says `last` behind these reads.
fn read_until(reads: &[&[u8]], last: io::ErrorKind) -> Result<Answer, CaptureError> {
    let mut reader = AnswerReader::new(1 << 10, 1 << 10);
    let sent_at = Instant::now();
    let mut now = sent_at;
    for read in reads {
        assert!(!reader.is_complete(), "there is a read behind the end");
        now += READ_EVERY;
        reader.push(read, now)?;
    }
    let end = if reader.is_complete() {
        End::Complete
    } else {
        reader.end_of(last)
    };
    let (answer, is_shortened) = reader.into_answer(true, sent_at, end)?;
    assert!(!is_shortened);
    Ok(answer)
}

/// The same for text, and a connection that closes in an orderly way.
fn read(reads: &[&str]) -> Result<Answer, CaptureError> {
    let reads: Vec<&[u8]> = reads.iter().map(|read| read.as_bytes()).collect();
    read_until(&reads, io::ErrorKind::UnexpectedEof)
}

/// Pieces as milliseconds since the one before, and text.
fn pieces(answer: &Answer) -> Vec<(u128, &str)> {
    let chunks = answer.chunks.iter();
    chunks
        .map(|chunk| {
            (
                chunk.after.as_millis(),
                std::str::from_utf8(&chunk.data).unwrap(),
            )
        })
        .collect()
}

const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

#[test]
fn chunks_of_one_read_have_no_pause_between_them() {
    let answer = read(&[CHUNKED, "1\r\na\r\n2\r\nbc\r\n", "1\r\nd\r\n0\r\n\r\n"]).unwrap();
    assert_eq!(answer.after, READ_EVERY);
    assert_eq!(pieces(&answer), [(10, "a"), (0, "bc"), (10, "d")]);
    assert_eq!(
        (answer.framing, answer.end),
        (Framing::Chunked, End::Complete)
    );
}

#[test]
fn a_chunk_is_one_piece_however_many_reads_it_takes_and_is_there_with_its_last_byte() {
    let reads = [
        CHUNKED,
        "3;x=y\r",
        "\na",
        "b",
        "c",
        "\r\n0\r",
        "\nx-trailer: 1\r\n\r\n",
    ];
    assert_eq!(pieces(&read(&reads).unwrap()), [(40, "abc")]);
    let in_one = [CHUNKED, "3\r\nabc\r\n0\r\n\r\n"].concat();
    let bytes: Vec<&[u8]> = in_one.as_bytes().chunks(1).collect();
    let answer = read_until(&bytes, io::ErrorKind::UnexpectedEof).unwrap();
    assert_eq!(pieces(&answer).len(), 1);
}

#[test]
fn headers_keep_order_case_and_bytes_and_those_of_the_framing_are_left_out() {
    let head =
        b"HTTP/1.1 429 Slow Down\r\nX-B: 2\r\nUpgrade: h2c\r\nContent-Length: 2\r\nx-a:1 \r\n\
        X-b: \xff\r\nx-empty:\r\n\r\n{}";
    let answer = read_until(&[head], io::ErrorKind::UnexpectedEof).unwrap();
    assert_eq!(answer.status, 429);
    let headers: Vec<(&str, &[u8])> = answer
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_ref()))
        .collect();
    let expected: [(&str, &[u8]); 5] = [
        ("X-B", b"2"),
        ("Upgrade", b"h2c"),
        ("x-a", b"1"),
        ("X-b", b"\xff"),
        ("x-empty", b""),
    ];
    assert_eq!(headers, expected);
}

#[test]
fn interim_heads_are_not_the_answer() {
    let reads = [
        "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 100 ",
        "Continue\r\n\r\nHTTP/1.1 200 OK\r\nx-a: 1\r\ncontent-length: 2\r\n\r\n{",
        "}",
    ];
    let answer = read(&reads).unwrap();
    assert_eq!(
        answer.headers,
        [("x-a".to_owned(), Bytes::from_static(b"1"))]
    );
    assert_eq!(answer.after, 2 * READ_EVERY);
    assert_eq!(pieces(&answer), [(0, "{"), (10, "}")]);
    assert_eq!(
        (answer.framing, answer.end),
        (Framing::Length(2), End::Complete)
    );
}

#[test]
fn a_body_without_length_or_chunks_lasts_until_the_close_in_either_version() {
    for version in ["1.0", "1.1"] {
        let head = format!("HTTP/{version} 200 OK\r\n\r\n");
        let answer = read(&[&head, "ab", "c"]).unwrap();
        assert_eq!(pieces(&answer), [(10, "ab"), (10, "c")]);
        assert_eq!(
            (answer.framing, answer.end),
            (Framing::Close, End::Complete)
        );
        let reset = [head.as_bytes(), b"ab"];
        let answer = read_until(&reset, io::ErrorKind::ConnectionReset).unwrap();
        assert_eq!((answer.framing, answer.end), (Framing::Close, End::Reset));
    }
}

#[test]
fn an_answer_that_breaks_off_is_kept_as_far_as_it_came() {
    let answer = read(&[CHUNKED, "3\r\nabc\r\n9\r\nde", "f"]).unwrap();
    assert_eq!(pieces(&answer), [(10, "abc"), (10, "def")]);
    assert_eq!(
        (answer.framing, answer.end),
        (Framing::Chunked, End::Truncated)
    );

    let answer = read(&["HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nab"]).unwrap();
    assert_eq!(
        (answer.framing, answer.end),
        (Framing::Length(9), End::Truncated)
    );

    let reads = [CHUNKED.as_bytes(), b"3\r\nabc\r\n"];
    let answer = read_until(&reads, io::ErrorKind::ConnectionReset).unwrap();
    assert_eq!(answer.end, End::Reset);

    let nothing = read(&["HTTP/1.1 200 O"]).unwrap_err();
    assert_eq!(nothing, CaptureError::from(UpstreamError::Reset));
}

#[test]
fn bytes_behind_the_end_are_not_the_answers() {
    let answer = read(&["HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nabc"]).unwrap();
    assert_eq!(pieces(&answer), [(0, "a")]);
    let answer = read(&[CHUNKED, "1\r\na\r\n0\r\n\r\nHTTP/1.1"]).unwrap();
    assert_eq!(pieces(&answer), [(10, "a")]);
    assert_eq!(answer.end, End::Complete);
}

#[test]
fn an_encoded_body_is_refused_and_identity_is_none() {
    let head = |coding| {
        format!("HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\ncontent-length: 0\r\n\r\n")
    };
    for coding in ["gzip", "br", "identity, gzip"] {
        assert_eq!(read(&[&head(coding)]).unwrap_err(), CaptureError::Encoded);
    }
    assert!(read(&[&head("Identity")]).is_ok());
}

#[test]
fn what_no_recording_can_hold_is_refused() {
    for status in [204, 304, 600, 999] {
        let head = format!("HTTP/1.1 {status} X\r\n\r\n");
        assert_eq!(read(&[&head]).unwrap_err(), CaptureError::Status(status));
    }
    assert_eq!(
        read(&[CHUNKED, "zz\r\n"]).unwrap_err(),
        CaptureError::Chunks
    );
    let bad = read(&["220 smtp ready\r\n"]).unwrap_err();
    assert_eq!(
        bad,
        CaptureError::from(UpstreamError::BadHead("it is not HTTP/1.1"))
    );
}

#[test]
fn a_body_is_bounded_with_its_chunk_sizes() {
    let chunk = "1\r\na\r\n".repeat(171);
    let too_large = UpstreamError::BodyTooLarge { limit: 1 << 10 };
    let error = read(&[CHUNKED, &chunk]).unwrap_err();
    assert_eq!(error, CaptureError::from(too_large));
    assert!(read(&[CHUNKED, &"1\r\na\r\n".repeat(170)]).is_ok());
}
