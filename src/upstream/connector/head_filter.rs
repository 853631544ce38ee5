//! What stands between awc and a connection, and keeps answers from getting mixed up.

use std::{
    fmt, io,
    mem::MaybeUninit,
    pin::Pin,
    task::{Context, Poll, ready},
};

use actix_rt::net::{ActixStream, Ready};
use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    framing::Framing,
    head::{FinalHead, HeadReader},
    names::NamedAddress,
    reuse::Reuse,
    stream::UpstreamStream,
};
use crate::alive::{Alive, Living};

/// How much is read at a time while a head is awaited.
const HEAD_READ_BYTES: usize = 8 * 1024;

/// From this status on an answer says that nobody will read the rest of the request.
const FIRST_REFUSAL: u16 = 300;

/// A connection on which awc sees exactly one answer for each request that it writes.
///
/// - Heads are awaited whole and made plain by [`HeadReader`]; 1xx never reach awc.
/// - Bodies pass byte for byte, straight into awc's buffer but for what came along with the head.
///   One that ends too early is an [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) and not, as awc
///   has it, a clean end; bytes behind one spoil the connection and reach nobody.
/// - An answer that comes before the request is all written is not lost: a broken pipe, or an
///   error status while the provider reads no further, drops the rest of the request instead.
/// - A connection that must not be used again is closed as soon as its answer has ended. To awc's
///   pool, which looks at it before each use, it is then at its end.
/// - That a provider closed it while it was idle, and not under the request that found it closed, is
///   told by a [`StaleConnection`](super::StaleConnection) in the error ([`Reuse`]).
///
/// awc writes a request to its end, then reads the answer to its end, and in between calls nothing
/// that matters here; [`Phase`] depends on that and fails the request should it ever be untrue.
pub(crate) struct HeadFilter {
    /// `None` once the connection must not be used again.
    io: Option<UpstreamStream>,
    phase: Phase,
    heads: HeadReader,
    /// Made plain, but not yet taken by awc: a head and the part of the body that came with it.
    ready: BytesMut,
    /// Whether the rest of the request is dropped and not written.
    drops_request: bool,
    keep_alive: bool,
    /// Whether it ends with its first answer, whatever the provider offers.
    serves_once: bool,
    reuse: Reuse,
    /// Where it goes, if a name led there.
    address: Option<NamedAddress>,
    exchanges: Alive,
    /// From the first byte of a request to the last of its answer.
    exchange: Option<Living>,
}

enum Phase {
    /// Between two requests. The next byte written begins one.
    Idle,
    /// A request is being written, or has been, and awc has read nothing yet. A head that came
    /// early waits here.
    Request(Option<FinalHead>),
    /// The head is out, the body is on its way.
    Body(Framing),
}

impl HeadFilter {
    /// Guards a new connection; the heads of one answer may have `max_head_bytes`.
    pub(super) fn new(io: UpstreamStream, max_head_bytes: usize, exchanges: Alive) -> Self {
        Self {
            io: Some(io),
            phase: Phase::Idle,
            heads: HeadReader::new(max_head_bytes),
            ready: BytesMut::new(),
            drops_request: false,
            keep_alive: true,
            serves_once: false,
            reuse: Reuse::default(),
            address: None,
            exchanges,
            exchange: None,
        }
    }

    /// Has the connection not be used again once the name leads elsewhere.
    pub(super) fn to(mut self, address: Option<NamedAddress>) -> Self {
        self.address = address;
        self
    }

    fn is_current(&self) -> bool {
        self.address.as_ref().is_none_or(NamedAddress::is_current)
    }

    /// Has the connection end with its first answer.
    pub(super) fn once(mut self) -> Self {
        self.serves_once = true;
        self
    }

    /// Reads until a final head is there.
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<FinalHead>> {
        loop {
            if let Some(head) = self.heads.final_head().map_err(io::Error::other)? {
                return Poll::Ready(Ok(head));
            }
            let io = self.io.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
            let mut space = [MaybeUninit::uninit(); HEAD_READ_BYTES];
            let mut buf = ReadBuf::uninit(&mut space);
            let broken = match ready!(Pin::new(io).poll_read(cx, &mut buf)) {
                Ok(()) if buf.filled().is_empty() => io::ErrorKind::UnexpectedEof.into(),
                Ok(()) => {
                    self.heads.push(buf.filled());
                    continue;
                }
                Err(error) => error,
            };
            return Poll::Ready(Err(match self.heads.is_untouched() {
                true => self.reuse.explain(broken),
                false => broken,
            }));
        }
    }

    /// Hands the final head out.
    fn begin_body(&mut self, head: FinalHead) {
        self.keep_alive = head.keep_alive && !self.drops_request && !self.serves_once;
        self.ready = self.heads.take_bytes();
        let mut framing = head.framing;
        let body = framing.advance(&self.ready[head.len..]);
        if head.len + body < self.ready.len() {
            self.keep_alive = false;
            self.ready.truncate(head.len + body);
        }
        self.phase = Phase::Body(framing);
        self.end_if_complete();
    }

    fn end_if_complete(&mut self) {
        if let Phase::Body(framing) = &self.phase
            && framing.is_complete()
        {
            self.phase = Phase::Idle;
            self.reuse.end_answer();
            self.exchange = None;
            if !self.keep_alive {
                self.io = None;
            }
        }
    }

    fn poll_body(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let (Phase::Body(framing), Some(io)) = (&mut self.phase, &mut self.io) else {
            return Poll::Ready(Ok(()));
        };
        let before = buf.filled().len();
        ready!(Pin::new(io).poll_read(cx, buf))?;
        let read = &buf.filled()[before..];
        if read.is_empty() {
            return Poll::Ready(match framing {
                Framing::UntilClose => Ok(()),
                _ => Err(io::ErrorKind::UnexpectedEof.into()),
            });
        }
        let body = framing.advance(read);
        if body < read.len() {
            self.keep_alive = false;
            buf.set_filled(before + body);
        }
        self.end_if_complete();
        Poll::Ready(Ok(()))
    }

    /// Looks for an answer while the request cannot be written on, because awc does not.
    fn watch_for_refusal(&mut self, cx: &mut Context<'_>) {
        if !matches!(self.phase, Phase::Request(None)) {
            return;
        }
        match self.poll_head(cx) {
            Poll::Ready(Ok(head)) => {
                self.drops_request = head.status >= FIRST_REFUSAL;
                self.phase = Phase::Request(Some(head));
            }
            // Whatever it is, reading will meet it again, and say so where awc listens.
            Poll::Ready(Err(_)) => self.drops_request = true,
            Poll::Pending => {}
        }
    }

    /// What becomes of an attempt to write on: an answer may be there that makes it needless.
    fn settle<T>(
        &mut self,
        attempt: Poll<io::Result<T>>,
        if_dropped: T,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        match &attempt {
            Poll::Ready(Err(error)) => {
                self.drops_request = matches!(
                    error.kind(),
                    io::ErrorKind::BrokenPipe
                        | io::ErrorKind::ConnectionReset
                        | io::ErrorKind::ConnectionAborted
                );
            }
            Poll::Ready(Ok(_)) => {}
            Poll::Pending => self.watch_for_refusal(cx),
        }
        if self.drops_request {
            Poll::Ready(Ok(if_dropped))
        } else {
            attempt
        }
    }
}

impl AsyncRead for HeadFilter {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Phase::Request(early) = &mut this.phase {
            let head = match early.take() {
                Some(head) => head,
                None => ready!(this.poll_head(cx))?,
            };
            this.begin_body(head);
        }
        if !this.ready.is_empty() {
            let part = this.ready.len().min(buf.remaining());
            buf.put_slice(&this.ready[..part]);
            this.ready.advance(part);
            if this.ready.is_empty() {
                // A stream may go on for long; what its head took is given back.
                this.ready = BytesMut::new();
            }
            return Poll::Ready(Ok(()));
        }
        if let Phase::Body(_) = this.phase {
            return this.poll_body(cx, buf);
        }
        // The pool asks whether the connection is still good: bytes or an end say no.
        let is_current = this.is_current();
        match &mut this.io {
            Some(io) if is_current && io.is_quiet() => Pin::new(io).poll_read(cx, buf),
            _ => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncWrite for HeadFilter {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let Some(io) = &mut this.io else {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        };
        match this.phase {
            Phase::Idle if this.ready.is_empty() => {
                this.phase = Phase::Request(None);
                this.drops_request = false;
                this.reuse.begin_request();
                this.exchange = Some(this.exchanges.enter());
            }
            Phase::Request(_) => {}
            // awc took the answer for finished when it was not.
            Phase::Idle | Phase::Body(_) => {
                this.io = None;
                return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
            }
        }
        if this.drops_request {
            return Poll::Ready(Ok(buf.len()));
        }
        let attempt = Pin::new(io).poll_write(cx, buf);
        this.settle(attempt, buf.len(), cx)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match (&this.phase, &mut this.io) {
            (Phase::Request(_), Some(io)) if !this.drops_request => {
                let attempt = Pin::new(io).poll_flush(cx);
                this.settle(attempt, (), cx)
            }
            _ => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().io {
            Some(io) => Pin::new(io).poll_shutdown(cx),
            None => Poll::Ready(Ok(())),
        }
    }
}

/// awc asks for this trait and never calls it: saying "try" is always right.
impl ActixStream for HeadFilter {
    fn poll_read_ready(&self, _cx: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        Poll::Ready(Ok(Ready::READABLE))
    }

    fn poll_write_ready(&self, _cx: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        Poll::Ready(Ok(Ready::WRITABLE))
    }
}

impl fmt::Debug for HeadFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the buffers: they hold completions.
        f.debug_struct("HeadFilter")
            .field("io", &self.io)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

    use super::*;

    /// A filter, and the provider's end. One byte fits into the pipe at a time.
    fn filter() -> (HeadFilter, DuplexStream) {
        let (near, far) = duplex(1);
        let filter = HeadFilter::new(UpstreamStream::Memory(near), 1024, Alive::default());
        (filter, far)
    }

    #[tokio::test]
    async fn one_byte_at_a_time_makes_no_difference() {
        let (mut filter, mut far) = filter();
        let provider = async {
            let mut request = [0; 3];
            far.read_exact(&mut request).await.unwrap();
            let answer = b"HTTP/1.1 100 C\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi";
            far.write_all(answer).await.unwrap();
        };
        let caller = async {
            filter.write_all(b"ask").await.unwrap();
            let mut answer = [0; 40];
            filter.read_exact(&mut answer).await.unwrap();
            String::from_utf8(answer.to_vec()).unwrap()
        };
        let (answer, ()) = tokio::join!(caller, provider);
        assert_eq!(answer, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi");
    }

    #[tokio::test]
    async fn a_stream_that_goes_on_holds_nothing_of_its_head() {
        let (mut filter, mut far) = filter();
        let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        let provider = async {
            far.read_u8().await.unwrap();
            far.write_all(head).await.unwrap();
        };
        let caller = async {
            filter.write_all(b"1").await.unwrap();
            filter.read_exact(&mut vec![0; head.len()]).await.unwrap();
        };
        tokio::join!(caller, provider);
        assert!(matches!(filter.phase, Phase::Body(_)));
        assert_eq!(filter.ready.capacity(), 0);
    }

    #[tokio::test]
    async fn a_request_before_the_answers_end_is_refused_and_closes_the_connection() {
        let (mut filter, mut far) = filter();
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n";
        let provider = async {
            assert_eq!(far.read_u8().await.unwrap(), b'1');
            far.write_all(head).await.unwrap();
            far.read_to_end(&mut Vec::new()).await.unwrap()
        };
        let caller = async {
            filter.write_all(b"1").await.unwrap();
            let mut answer = vec![0; head.len()];
            filter.read_exact(&mut answer).await.unwrap();
            filter.write_all(b"2").await.unwrap_err().kind()
        };
        let (refusal, bytes_of_the_second) = tokio::join!(caller, provider);
        assert_eq!(refusal, io::ErrorKind::BrokenPipe);
        assert_eq!(bytes_of_the_second, 0);
    }
}
