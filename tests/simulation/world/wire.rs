//! Answers out of bytes, as whoever stands at the other end of a connection reads them: a head, a body
//! by its framing (RFC 9112), and when each byte was there. None of it is Herald's.

use std::time::Duration;

/// One answer, as far as it has come.
#[derive(Clone, Debug, Default)]
pub(super) struct Answer {
    /// Statuses of the interim answers before it.
    pub(super) interim: Vec<u16>,
    /// 0 until the head is whole; so are the next two.
    pub(super) status: u16,
    pub(super) head_at: Duration,
    /// Names in lower case, in the order of the wire.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    /// How long the body was at each instant at which it grew.
    grown: Vec<(usize, Duration)>,
    /// When it was whole by its framing.
    pub(super) whole_at: Option<Duration>,
    /// What of it is no HTTP.
    pub(super) broken: Option<&'static str>,
}

impl Answer {
    pub(super) fn has_head(&self) -> bool {
        self.status != 0
    }

    /// All values of a header.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self.headers.iter().filter(move |(other, _)| other == name);
        named.map(|(_, value)| value.as_str())
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let (_, value) = headers.find(|(other, _)| other == name)?;
        Some(value)
    }

    /// When so many bytes of the body were there.
    pub(super) fn at(&self, bytes: usize) -> Duration {
        let grown = self.grown.partition_point(|(length, _)| *length < bytes);
        self.grown.get(grown).map_or(self.head_at, |(_, at)| *at)
    }

    pub(super) fn is_stream(&self) -> bool {
        self.header("content-type")
            .is_some_and(|kind| kind.starts_with("text/event-stream"))
    }
}

/// Reads one answer.
#[derive(Debug, Default)]
pub(super) struct AnswerReader {
    pub(super) answer: Answer,
    state: State,
    unread: Vec<u8>,
    /// How much of it has been read after all.
    done: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Head,
    Length(u64),
    ChunkSize,
    Chunk(u64),
    ChunkEnd,
    Trailer,
    UntilClose,
    Over,
}

impl AnswerReader {
    /// Takes bytes that have come; tells how many stand behind the answer.
    pub(super) fn push(&mut self, at: Duration, bytes: &[u8]) -> usize {
        self.unread.extend_from_slice(bytes);
        while self.state != State::Over && self.step(at) {}
        self.unread.drain(..std::mem::take(&mut self.done));
        if self.state == State::Over {
            self.unread.len()
        } else {
            0
        }
    }

    /// The connection has ended.
    pub(super) fn end(&mut self, at: Duration) {
        if self.state == State::UntilClose {
            self.over(at);
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.state == State::Over
    }

    fn over(&mut self, at: Duration) {
        self.state = State::Over;
        self.answer.whole_at = Some(at);
    }

    fn broken(&mut self, why: &'static str) -> bool {
        self.state = State::Over;
        self.answer.broken = Some(why);
        false
    }

    /// Whether it came any further.
    fn step(&mut self, at: Duration) -> bool {
        match self.state {
            State::Head => self.head(at),
            State::Length(left) => {
                let taken = self.take(left, at);
                if taken == left {
                    self.over(at);
                } else {
                    self.state = State::Length(left - taken);
                }
                false
            }
            State::ChunkSize => {
                let Some(line) = self.line() else {
                    return false;
                };
                let Ok(size) = u64::from_str_radix(line.trim(), 16) else {
                    return self.broken("a chunk has no size");
                };
                self.state = if size == 0 {
                    State::Trailer
                } else {
                    State::Chunk(size)
                };
                true
            }
            State::Chunk(left) => {
                let taken = self.take(left, at);
                self.state = if taken == left {
                    State::ChunkEnd
                } else {
                    State::Chunk(left - taken)
                };
                taken == left
            }
            State::ChunkEnd => match self.line() {
                None => false,
                Some(line) if line.is_empty() => {
                    self.state = State::ChunkSize;
                    true
                }
                Some(_) => self.broken("a chunk is longer than it says"),
            },
            State::Trailer => match self.line() {
                None => false,
                Some(line) if line.is_empty() => {
                    self.over(at);
                    false
                }
                Some(_) => true,
            },
            State::UntilClose => {
                self.take(u64::MAX, at);
                false
            }
            State::Over => false,
        }
    }

    fn head(&mut self, at: Duration) -> bool {
        let unread = &self.unread[self.done..];
        let end = unread.windows(4).position(|four| four == b"\r\n\r\n");
        let Some(end) = end else { return false };
        let head = String::from_utf8_lossy(&unread[..end]).into_owned();
        self.done += end + 4;
        let mut lines = head.split("\r\n");
        let mut first = lines.next().unwrap_or_default().split(' ');
        let version = first.next();
        let status = first.next().and_then(|status| status.parse().ok());
        let (Some("HTTP/1.0" | "HTTP/1.1"), Some(status)) = (version, status) else {
            return self.broken("it does not begin as an answer");
        };
        if (100..200).contains(&status) {
            self.answer.interim.push(status);
            return true;
        }
        self.answer.status = status;
        self.answer.head_at = at;
        for line in lines {
            let Some((name, value)) = line.split_once(':') else {
                return self.broken("a header has no colon");
            };
            let header = (name.to_ascii_lowercase(), value.trim().to_owned());
            self.answer.headers.push(header);
        }
        if matches!(status, 204 | 304) {
            self.over(at);
            return false;
        }
        let length = self.answer.header("content-length").map(str::parse);
        let is_chunked = self.answer.header("transfer-encoding") == Some("chunked");
        self.state = match length {
            _ if is_chunked => State::ChunkSize,
            Some(Ok(length)) => State::Length(length),
            Some(Err(_)) => return self.broken("its length is no number"),
            None => State::UntilClose,
        };
        true
    }

    fn line(&mut self) -> Option<String> {
        let unread = &self.unread[self.done..];
        let end = unread.windows(2).position(|two| two == b"\r\n")?;
        let line = String::from_utf8_lossy(&unread[..end]).into_owned();
        self.done += end + 2;
        Some(line)
    }

    fn take(&mut self, most: u64, at: Duration) -> u64 {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let unread = &self.unread[self.done..];
        let taken = most.min(unread.len());
        if taken > 0 {
            self.answer.body.extend_from_slice(&unread[..taken]);
            self.done += taken;
            self.answer.grown.push((self.answer.body.len(), at));
        }
        taken as u64
    }
}

/// One event of a stream, as the standard has it (WHATWG HTML, 9.2.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) name: Option<String>,
    pub(super) id: Option<String>,
    pub(super) data: String,
    /// How many bytes of the body it takes to see it whole.
    pub(super) end: usize,
}

impl Event {
    /// The same event, wherever it stands.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        (&self.name, &self.id, &self.data) == (&other.name, &other.id, &other.data)
    }
}

/// The events that are whole, those without data among them.
pub(super) fn events(body: &[u8]) -> Vec<Event> {
    let mut events = Vec::new();
    let (mut name, mut id, mut data) = (None, None, Vec::<String>::new());
    let mut at = if body.starts_with(b"\xef\xbb\xbf") {
        3
    } else {
        0
    };
    while let Some(length) = body[at..]
        .iter()
        .position(|byte| matches!(byte, b'\r' | b'\n'))
    {
        let line = String::from_utf8_lossy(&body[at..at + length]).into_owned();
        at += length + 1;
        let seen = at;
        if body[at - 1] == b'\r' && body.get(at) == Some(&b'\n') {
            at += 1;
        }
        if line.is_empty() {
            if !data.is_empty() {
                events.push(Event {
                    name: name.take(),
                    id: id.take(),
                    data: data.join("\n"),
                    end: seen,
                });
            }
            (name, data) = (None, Vec::new());
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => data.push(value.to_owned()),
            "event" => name = (!value.is_empty()).then(|| value.to_owned()),
            "id" => id = Some(value.to_owned()),
            _ => {}
        }
    }
    events
}
