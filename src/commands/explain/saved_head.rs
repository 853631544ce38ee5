//! A response head as someone saved it, for instance with `curl -sD-`.

use std::io::{BufRead, Read};

use actix_web::http::{
    StatusCode,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use herald::upstream::http_client::UpstreamHead;

/// Most bytes that are read: as much as `upstream.max_head_bytes` can allow.
const MAX_BYTES: u64 = 1 << 20;

/// How every status line begins.
const STATUS_LINE: &[u8] = b"HTTP/";

/// The last head of the input.
#[derive(Debug)]
pub(super) struct SavedHead {
    pub(super) head: UpstreamHead,
    /// The names, one for each value, in the order in which they came.
    pub(super) names: Vec<HeaderName>,
    /// All of it with its line ends, as a provider would send it over HTTP/1.
    pub(super) text: Vec<u8>,
}

/// Reads heads until something else follows, such as a body, and gives the last of them: before it
/// may stand interim answers, a proxy's `200 Connection established`, and redirects.
///
/// Lines may end in LF or in CRLF, and the empty line behind the last head may be missing.
///
/// # Errors
/// What is wrong, by the number of the line. No text of the input is repeated.
pub(super) fn read(input: impl BufRead) -> Result<SavedHead, String> {
    let mut lines = Lines {
        input: input.take(MAX_BYTES),
        begun: Vec::new(),
        number: 0,
    };
    let mut head = lines.head()?;
    while lines.begins_with_status_line()? {
        head = lines.head()?;
    }
    if head.head.status.is_informational() {
        return Err(format!(
            "the input ends with an interim answer, {}: the one that follows it is missing",
            head.head.status.as_u16()
        ));
    }
    Ok(head)
}

struct Lines<R> {
    input: std::io::Take<R>,
    /// What has been read of the next line.
    begun: Vec<u8>,
    /// Of the last line, counted from 1.
    number: usize,
}

impl<R: BufRead> Lines<R> {
    fn head(&mut self) -> Result<SavedHead, String> {
        let mut line = self.next()?;
        while matches!(line[..], [b'\n'] | [b'\r', b'\n']) {
            line = self.next()?;
        }
        let status = status(&line).ok_or_else(|| {
            self.wrong(
                "is no status line: give the head as it came, with `curl -sD- …` or `curl -i …`",
            )
        })?;
        let mut headers = HeaderMap::new();
        let (mut names, mut text) = (Vec::new(), over_http_1(line));
        loop {
            line = self.next()?;
            text.extend_from_slice(&line);
            if line.trim_ascii_end().is_empty() {
                break;
            }
            if line.starts_with(b" ") || line.starts_with(b"\t") {
                return Err(self.wrong(FOLDED));
            }
            let field = field(line.trim_ascii_end());
            let (name, value) = field.map_err(|problem| self.wrong(problem))?;
            names.push(name.clone());
            headers.append(name, value);
        }
        if line.is_empty() {
            text.extend_from_slice(b"\n\n");
        }
        let head = UpstreamHead { status, headers };
        Ok(SavedHead { head, names, text })
    }

    /// Whether another head follows. Not more is read than is needed to tell: the body behind the
    /// last head may be a stream.
    fn begins_with_status_line(&mut self) -> Result<bool, String> {
        for expected in STATUS_LINE {
            let mut byte = [0];
            match self.input.read(&mut byte) {
                Ok(1) if byte[0] == *expected => self.begun.push(byte[0]),
                Ok(_) => return Ok(false),
                Err(error) => return Err(unreadable(&error)),
            }
        }
        Ok(true)
    }

    /// The next line with its end; empty at the end of the input.
    fn next(&mut self) -> Result<Vec<u8>, String> {
        let mut line = std::mem::take(&mut self.begun);
        let read = self.input.read_until(b'\n', &mut line);
        read.map_err(|error| unreadable(&error))?;
        self.number += 1;
        if self.input.limit() == 0 && !line.ends_with(b"\n") {
            return Err(format!("the head is larger than {MAX_BYTES} bytes"));
        }
        Ok(line)
    }

    fn wrong(&self, problem: &str) -> String {
        format!("line {} of the input {problem}", self.number)
    }
}

fn unreadable(error: &std::io::Error) -> String {
    format!("standard input cannot be read: {error}")
}

/// What is wrong with a line that begins with a blank (RFC 9112 section 5.2).
const FOLDED: &str = "goes on with the line before it: Herald refuses such an answer with \
     upstream_bad_head";

/// A status line of a later version as HTTP/1.1 has it; Herald speaks nothing else to providers.
fn over_http_1(line: Vec<u8>) -> Vec<u8> {
    let version = line.iter().take_while(|byte| !byte.is_ascii_whitespace());
    match version.count() {
        _ if line.starts_with(b"HTTP/1.") => line,
        length => [b"HTTP/1.1", &line[length..]].concat(),
    }
}

/// The status of a line such as `HTTP/1.1 200 OK` or `HTTP/2 200`.
fn status(line: &[u8]) -> Option<StatusCode> {
    let mut words = line.split(u8::is_ascii_whitespace);
    words.next().filter(|word| word.starts_with(STATUS_LINE))?;
    StatusCode::from_bytes(words.next()?).ok()
}

/// A line such as `name: value`, or what is wrong with it.
pub(super) fn field(line: &[u8]) -> Result<(HeaderName, HeaderValue), &'static str> {
    const NO_FIELD: &str = "is no header field: write `name: value`";
    let colon = line.iter().position(|byte| *byte == b':').ok_or(NO_FIELD)?;
    let name = HeaderName::from_bytes(line[..colon].trim_ascii_end()).map_err(|_| NO_FIELD)?;
    let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
    Ok((name, value.map_err(|_| "holds a control character")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Status, and names with values, of the head that counts.
    fn told(input: &[u8]) -> (u16, Vec<String>) {
        let saved = read(input).unwrap();
        let mut values: Vec<_> = saved
            .head
            .headers
            .iter()
            .map(|(name, value)| format!("{name}={}", value.to_str().unwrap()))
            .collect();
        values.sort();
        (saved.head.status.as_u16(), values)
    }

    #[test]
    fn line_ends_versions_and_a_body_make_no_difference() {
        for input in [
            "HTTP/1.1 200 OK\r\nB: 2\r\nA:1\r\n\r\n{\"a\": 1}",
            "HTTP/2 200 \nb: 2\na: 1\n\ndata: HTTP/1.1 500 No\n\n",
            "\r\nHTTP/1.0 200\nb : 2 \na:\t1",
            "HTTP/3 200\nb: 2\na: 1\n\nHTTP",
        ] {
            let want = (200, vec!["a=1".to_owned(), "b=2".to_owned()]);
            assert_eq!(told(input.as_bytes()), want, "{input:?}");
        }
    }

    #[test]
    fn the_last_head_counts() {
        let input = "HTTP/1.1 200 Connection established\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n\
                     HTTP/1.1 307 Elsewhere\r\nlocation: /\r\n\r\nHTTP/1.1 429 No\r\na: 1\r\n\r\nno";
        assert_eq!(told(input.as_bytes()), (429, vec!["a=1".to_owned()]));
    }

    #[test]
    fn names_stand_in_the_order_in_which_they_came() {
        let saved = read(&b"HTTP/1.1 200 OK\nb: 1\na: 1\nb: 2\n\n"[..]).unwrap();
        assert_eq!(saved.names, ["b", "a", "b"]);
        assert_eq!(saved.text, b"HTTP/1.1 200 OK\nb: 1\na: 1\nb: 2\n\n");
    }

    #[test]
    fn a_head_of_any_version_is_told_as_http_1_tells_it() {
        for (input, text) in [
            (
                "HTTP/2 200 \r\na: 1\r\n\r\nbody",
                "HTTP/1.1 200 \r\na: 1\r\n\r\n",
            ),
            ("HTTP/1.0 200\na: 1", "HTTP/1.0 200\na: 1\n\n"),
            ("HTTP/3 404", "HTTP/1.1 404\n\n"),
        ] {
            let saved = read(input.as_bytes()).unwrap();
            assert_eq!(String::from_utf8(saved.text).unwrap(), text);
        }
    }

    #[test]
    fn what_is_no_head_is_refused_by_its_line_and_not_repeated() {
        for (input, problem) in [
            ("", "line 1 of the input is no status line"),
            ("secret", "line 1 of the input is no status line"),
            ("HTTP/1.1 20 OK\n", "line 1 of the input is no status line"),
            (
                "HTTP/1.1 200 OK\nsecret\n",
                "line 2 of the input is no header field",
            ),
            (
                "HTTP/1.1 200 OK\na: 1\n secret\n",
                "line 3 of the input goes on with the line before it",
            ),
            (
                "HTTP/1.1 200 OK\na: sec\x01ret\n",
                "line 2 of the input holds a control",
            ),
            (
                "HTTP/1.1 100 Continue\n\n",
                "the input ends with an interim answer, 100",
            ),
        ] {
            let refused = read(input.as_bytes()).unwrap_err();
            assert!(refused.starts_with(problem), "{refused}");
            assert!(!refused.contains("sec"), "{refused}");
        }
    }

    #[test]
    fn an_endless_input_is_not_read_to_its_end() {
        let endless = std::io::BufReader::new(std::io::repeat(b'a'));
        let refused = read((&b"HTTP/1.1 200 OK\na: "[..]).chain(endless)).unwrap_err();
        assert_eq!(refused, "the head is larger than 1048576 bytes");
        let body = std::io::BufReader::new(std::io::repeat(b'a'));
        assert!(read((&b"HTTP/1.1 200 OK\n\n"[..]).chain(body)).is_ok());
    }
}
