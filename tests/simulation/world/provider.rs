//! The provider at the far end of Herald's pipes: takes requests, plays an answer to each, and keeps
//! account of every byte and of when Herald let go.
//!
//! The testkit's `ScriptedProvider` plays what was written down before; this one writes its answer in
//! the format in which it is asked, and notes each write with its instant, because clocks are judged by
//! that.

use std::{
    fmt,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use futures_util::future::{Either, select};
use herald::upstream::connector::memory::MemoryServer;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf},
    time::{Instant, sleep},
};

use super::{
    answer::{AnswerPlan, Ending, Step},
    format::{Provider, format_of},
};

/// One request and what came of it.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) provider: Provider,
    pub(super) connection: usize,
    /// When it was there as a whole.
    pub(super) at: Duration,
    /// Its head as it came.
    pub(super) head: String,
    pub(super) body: Vec<u8>,
    pub(super) plan: AnswerPlan,
    /// It came on a kept connection that the provider then closed without a byte: whether it has been read
    /// Herald cannot know.
    pub(super) is_stale: bool,
    /// What Herald's end of the pipe took, and when.
    pub(super) written: Vec<(Duration, Vec<u8>)>,
    /// When all of the answer was written, and the connection was not kept for more of it.
    pub(super) done_at: Option<Duration>,
    /// When Herald let go of the connection before that.
    pub(super) left_at: Option<Duration>,
    /// When the provider closed the connection, behind this answer.
    pub(super) closed_at: Option<Duration>,
}

impl Call {
    pub(super) fn path(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    pub(super) fn is_stream(&self) -> bool {
        let body: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        body["stream"] == true
    }
}

/// All providers of a run.
#[derive(Clone)]
pub(super) struct Providers(Arc<Mutex<Seen>>);

struct Seen {
    began: Instant,
    answers: Vec<(Provider, Vec<AnswerPlan>)>,
    calls: Vec<Call>,
    connections: usize,
    open: usize,
    /// What came that is no request.
    oddities: Vec<String>,
}

/// One of them, as Herald's connector knows it.
pub(super) struct Server {
    provider: Provider,
    all: Providers,
}

impl Providers {
    pub(super) fn new(began: Instant, answers: Vec<(Provider, Vec<AnswerPlan>)>) -> Self {
        Self(Arc::new(Mutex::new(Seen {
            began,
            answers,
            calls: Vec::new(),
            connections: 0,
            open: 0,
            oddities: Vec::new(),
        })))
    }

    pub(super) fn server(&self, provider: Provider) -> Arc<Server> {
        let all = self.clone();
        Arc::new(Server { provider, all })
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap()
    }

    pub(super) fn calls(&self) -> Vec<Call> {
        self.seen().calls.clone()
    }

    pub(super) fn open_connections(&self) -> usize {
        self.seen().open
    }

    pub(super) fn oddities(&self) -> Vec<String> {
        self.seen().oddities.clone()
    }

    /// Notes a request, and says what to do with it.
    fn asked(
        &self,
        provider: Provider,
        connection: usize,
        at: Duration,
        head: String,
        body: Vec<u8>,
    ) -> usize {
        let mut seen = self.seen();
        let number = seen.calls.len();
        let mut answers = seen.answers.iter_mut();
        let own = answers.find(|(other, _)| *other == provider);
        let next = own.and_then(|(_, plans)| (!plans.is_empty()).then(|| plans.remove(0)));
        seen.calls.push(Call {
            provider,
            connection,
            at,
            head,
            body,
            plan: next.unwrap_or_else(|| AnswerPlan::good(1_000 + number)),
            is_stale: false,
            written: Vec::new(),
            done_at: None,
            left_at: None,
            closed_at: None,
        });
        number
    }

    /// Whether a call came on a connection that had served another.
    fn was_kept(&self, call: usize) -> bool {
        let seen = self.seen();
        let connection = seen.calls[call].connection;
        let mut earlier = seen.calls[..call].iter();
        earlier.any(|earlier| earlier.connection == connection)
    }

    /// Notes a request that came too late: the connection is gone, by one side or the other.
    fn ignored(
        &self,
        provider: Provider,
        connection: usize,
        asked: (Duration, String, Vec<u8>),
        is_left: bool,
    ) {
        let mut seen = self.seen();
        let over_at = Some(seen.began.elapsed());
        let closed_at = over_at.filter(|_| !is_left);
        let (at, head, body) = asked;
        seen.calls.push(Call {
            provider,
            connection,
            at,
            head,
            body,
            plan: AnswerPlan::good(0),
            is_stale: !is_left,
            written: Vec::new(),
            done_at: closed_at,
            left_at: over_at.filter(|_| is_left),
            closed_at,
        });
    }

    fn note(&self, call: usize, note: impl FnOnce(&mut Call, Duration)) {
        let mut seen = self.seen();
        let at = seen.began.elapsed();
        note(&mut seen.calls[call], at);
    }

    async fn serve(self, provider: Provider, io: DuplexStream) {
        let connection = {
            let mut seen = self.seen();
            seen.open += 1;
            seen.connections += 1;
            seen.connections
        };
        let (reader, mut writer) = tokio::io::split(io);
        let mut inbox = Inbox {
            reader,
            unread: Vec::new(),
            began: self.seen().began,
            filled_at: Duration::ZERO,
        };
        let mut is_left = false;
        while let Some((head, body)) = self.request(&mut inbox).await {
            let call = self.asked(provider, connection, inbox.filled_at, head, body);
            match self.answer(call, &mut inbox, &mut writer).await {
                Some(Ending::Stays) => {}
                Some(_) => break,
                None => {
                    is_left = true;
                    break;
                }
            }
        }
        // It was small, and came at once.
        if !inbox.unread.is_empty()
            && let Some((head, body)) = self.request(&mut inbox).await
        {
            let asked = (inbox.filled_at, head, body);
            self.ignored(provider, connection, asked, is_left);
        }
        drop((inbox, writer));
        self.seen().open -= 1;
    }

    /// The next request of a connection; `None` where Herald lets go of it.
    async fn request(&self, inbox: &mut Inbox) -> Option<(String, Vec<u8>)> {
        let head_end = loop {
            if let Some(end) = inbox.unread.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            if !inbox.fill().await {
                if !inbox.unread.is_empty() {
                    self.odd("a request's head was cut".to_owned());
                }
                return None;
            }
        };
        let head = String::from_utf8_lossy(&inbox.unread[..head_end]).into_owned();
        let lengths = head.lines().filter_map(|line| line.split_once(": "));
        let length = lengths
            .filter(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .find_map(|(_, length)| length.parse::<usize>().ok());
        let Some(length) = length else {
            self.odd(format!("a request has no length: {head}"));
            return None;
        };
        let whole = head_end + 4 + length;
        while inbox.unread.len() < whole {
            if !inbox.fill().await {
                return None;
            }
        }
        let mut body = inbox.unread.split_off(head_end + 4);
        inbox.unread = body.split_off(length);
        Some((head, body))
    }

    fn odd(&self, what: String) {
        self.seen().oddities.push(what);
    }

    /// Plays the answer, and says what becomes of the connection; `None` where Herald let go of it.
    async fn answer(
        &self,
        call: usize,
        inbox: &mut Inbox,
        writer: &mut WriteHalf<DuplexStream>,
    ) -> Option<Ending> {
        let asked = self.seen().calls[call].clone();
        let format = format_of(asked.path());
        let Some(format) = format else {
            self.seen()
                .oddities
                .push(format!("asked at {}", asked.path()));
            return Some(Ending::Closes);
        };
        let (steps, ending) = asked.plan.steps(format, asked.is_stream());
        let playing = async {
            for step in steps {
                match step {
                    Step::Pause(length) if length.is_zero() => tokio::task::yield_now().await,
                    Step::Pause(length) => sleep(length).await,
                    Step::Write(mut bytes) => {
                        while !bytes.is_empty() {
                            let Ok(written @ 1..) = writer.write(&bytes).await else {
                                return false;
                            };
                            let rest = bytes.split_off(written);
                            self.note(call, |call, at| call.written.push((at, bytes)));
                            bytes = rest;
                        }
                    }
                }
            }
            if ending == Ending::Stalls {
                std::future::pending::<()>().await;
            }
            true
        };
        // What comes already is the next request, to an answer that is whole by its framing.
        let leaving = async { while inbox.fill().await {} };
        // The player goes first: who leaves on reading the last byte has not left early.
        let is_done = match select(pin!(playing), pin!(leaving)).await {
            Either::Left((is_done, _)) => is_done,
            Either::Right(((), _)) => false,
        };
        let was_kept = self.was_kept(call);
        self.note(call, |call, at| {
            if is_done {
                call.done_at = Some(at);
                call.closed_at = (ending == Ending::Closes).then_some(at);
                let says_nothing = call.written.is_empty() && call.closed_at.is_some();
                call.is_stale = was_kept && says_nothing;
            } else {
                call.left_at = Some(at);
            }
        });
        is_done.then_some(ending)
    }
}

/// What comes on a connection.
struct Inbox {
    reader: ReadHalf<DuplexStream>,
    unread: Vec<u8>,
    began: Instant,
    /// When anything came last: a request may be there while the last answer's pauses go on.
    filled_at: Duration,
}

impl Inbox {
    /// Whether anything came before Herald let go.
    async fn fill(&mut self) -> bool {
        let is_more = self.reader.read_buf(&mut self.unread).await.unwrap_or(0) > 0;
        if is_more {
            self.filled_at = self.began.elapsed();
        }
        is_more
    }
}

impl MemoryServer for Server {
    fn accept(&self, io: DuplexStream) {
        let serving = self.all.clone().serve(self.provider, io);
        actix_web::rt::spawn(serving);
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("provider", &self.provider)
            .finish_non_exhaustive()
    }
}
