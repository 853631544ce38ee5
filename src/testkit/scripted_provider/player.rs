//! Plays a script's steps into a connection.

use std::{cell::Cell, future, io, time::Duration};

use tokio::{
    io::{AsyncWrite, AsyncWriteExt},
    time::{sleep, timeout},
};

use super::super::{
    Happened, Script,
    script::{AnswerHead, Step},
};

/// What shall become of the connection after the last step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The next request may come.
    KeepAlive,
    /// FIN.
    Close,
    /// RST.
    Reset,
}

/// How long a write must be stuck to be told as [`Happened::Blocked`]; shorter waits are the ordinary
/// breath of a connection.
const BLOCKED_AFTER: Duration = Duration::from_millis(100);

/// One script being played.
pub(super) struct Player<'a, W, N> {
    writer: &'a mut W,
    note: N,
    /// Bytes that the connection accepted; also read by who cuts the play short.
    sent: &'a Cell<u64>,
    /// The largest write.
    cut: usize,
    head: Option<&'a AnswerHead>,
    head_is_out: bool,
    body_length: u64,
    body_written: u64,
    finished: bool,
}

impl<'a, W: AsyncWrite + Unpin, N: Fn(Happened)> Player<'a, W, N> {
    pub(super) fn new(script: &'a Script, writer: &'a mut W, sent: &'a Cell<u64>, note: N) -> Self {
        Self {
            writer,
            note,
            sent,
            cut: usize::MAX,
            head: script.answer_head(),
            head_is_out: false,
            body_length: script.body_length(),
            body_written: 0,
            finished: false,
        }
    }

    /// Plays all steps.
    ///
    /// # Errors
    /// The connection's, when a write fails.
    pub(super) async fn play(mut self, steps: &[Step]) -> io::Result<Ending> {
        for step in steps {
            match step {
                Step::Head => self.send_head().await?,
                Step::Bytes(bytes) => self.send(bytes).await?,
                Step::Body(bytes) => self.send_body(bytes).await?,
                Step::Flood(bytes, count) => {
                    for _ in 0..*count {
                        self.send_body(bytes).await?;
                    }
                }
                Step::Finish => self.finish().await?,
                Step::CutBytes(length) => self.cut = *length,
                Step::Wait(gate) => {
                    if !gate.is_open() {
                        (self.note)(Happened::Waiting);
                    }
                    gate.opened().await;
                }
                Step::Stall => {
                    (self.note)(Happened::Waiting);
                    future::pending().await
                }
                Step::Pause(length) => sleep(*length).await,
                Step::Close => return Ok(Ending::Close),
                Step::Reset => return Ok(Ending::Reset),
            }
        }
        // An answer without a body still has a head.
        self.send_head().await?;
        let stays_open = self.head.is_none_or(|head| {
            head.leaves_open(self.body_length, self.body_written, self.finished)
        });
        Ok(if stays_open {
            Ending::KeepAlive
        } else {
            Ending::Close
        })
    }

    async fn send_head(&mut self) -> io::Result<()> {
        let Some(head) = self.head else { return Ok(()) };
        if self.head_is_out {
            return Ok(());
        }
        self.head_is_out = true;
        self.send(&head.to_bytes(self.body_length)).await?;
        (self.note)(Happened::HeadSent);
        Ok(())
    }

    async fn send_body(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.send_head().await?;
        if bytes.is_empty() {
            return Ok(());
        }
        if self.is_chunked() {
            let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
            chunk.extend_from_slice(bytes);
            chunk.extend_from_slice(b"\r\n");
            self.send(&chunk).await?;
        } else {
            self.send(bytes).await?;
        }
        self.body_written += bytes.len() as u64;
        Ok(())
    }

    async fn finish(&mut self) -> io::Result<()> {
        self.send_head().await?;
        self.finished = true;
        if self.is_chunked() {
            self.send(b"0\r\n\r\n").await?;
        }
        Ok(())
    }

    fn is_chunked(&self) -> bool {
        self.head.is_some_and(AnswerHead::is_chunked)
    }

    /// Writes all the bytes, in pieces where the script says so.
    async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        for mut piece in bytes.chunks(self.cut) {
            while !piece.is_empty() {
                let written = self
                    .unless_blocked(async |writer| writer.write(piece).await)
                    .await?;
                if written == 0 {
                    return Err(io::ErrorKind::WriteZero.into());
                }
                self.sent.set(self.sent.get() + written as u64);
                piece = &piece[written..];
            }
            // TLS holds bytes back until it is flushed.
            self.unless_blocked(async |writer| writer.flush().await)
                .await?;
            if self.cut < usize::MAX {
                // In memory the reader runs on this very thread: let it see the pieces apart.
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }

    /// Does something with the writer and notes if the other side holds it up.
    async fn unless_blocked<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut W) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut work = std::pin::pin!(work(self.writer));
        if let Ok(done) = timeout(BLOCKED_AFTER, &mut work).await {
            return done;
        }
        (self.note)(Happened::Blocked {
            sent: self.sent.get(),
        });
        let done = work.await?;
        (self.note)(Happened::Unblocked);
        Ok(done)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        cell::RefCell,
        pin::Pin,
        task::{Context, Poll},
    };

    use tokio::io::AsyncReadExt;

    use super::*;
    use crate::testkit::Framing;

    /// Remembers each write.
    #[derive(Default)]
    struct Writes(Vec<String>);

    impl AsyncWrite for Writes {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.0.push(String::from_utf8_lossy(bytes).into_owned());
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    async fn play(script: Script) -> (Ending, Vec<String>) {
        let (mut writes, sent) = (Writes::default(), Cell::new(0));
        let player = Player::new(&script, &mut writes, &sent, |_| {});
        let ending = player.play(script.steps()).await.unwrap();
        assert_eq!(
            sent.get(),
            writes.0.iter().map(|write| write.len() as u64).sum::<u64>()
        );
        (ending, writes.0)
    }

    const SSE_HEAD: &str =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

    #[actix_web::test]
    async fn each_kind_of_event_is_one_chunk_and_one_write() {
        let script = Script::sse()
            .event("{}")
            .named_event("ping", "{}")
            .comment("hello")
            .done()
            .finish();
        let expected = [
            SSE_HEAD,
            "a\r\ndata: {}\n\n\r\n",
            "16\r\nevent: ping\ndata: {}\n\n\r\n",
            "9\r\n: hello\n\n\r\n",
            "e\r\ndata: [DONE]\n\n\r\n",
            "0\r\n\r\n",
        ];
        let (ending, writes) = play(script).await;
        assert_eq!(
            (ending, writes),
            (Ending::KeepAlive, expected.map(str::to_owned).to_vec())
        );
    }

    #[actix_web::test]
    async fn a_length_is_summed_over_all_steps_and_its_body_has_no_chunks() {
        let (ending, writes) = play(Script::json(429, "{").body("").body("}")).await;
        let head = "HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/json\r\n\
                    content-length: 2\r\n\r\n";
        assert_eq!(
            (ending, writes),
            (Ending::KeepAlive, vec![head.into(), "{".into(), "}".into()])
        );
    }

    #[actix_web::test]
    async fn raw_bytes_bring_neither_head_nor_chunks() {
        let script = Script::raw()
            .bytes(b"HTTP/1.1 103 Early Hints\r\n\r\n")
            .event("{}")
            .finish();
        let (ending, writes) = play(script).await;
        let expected = ["HTTP/1.1 103 Early Hints\r\n\r\n", "data: {}\n\n"];
        assert_eq!(
            (ending, writes),
            (Ending::KeepAlive, expected.map(str::to_owned).to_vec())
        );

        let (_, writes) = play(Script::sse().bytes("interim").head().bytes("zz").finish()).await;
        assert_eq!(writes, ["interim", SSE_HEAD, "zz", "0\r\n\r\n"]);
    }

    #[actix_web::test]
    async fn an_answer_without_a_body_still_has_a_head() {
        let (ending, writes) = play(Script::new().status(401)).await;
        let head = "HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n";
        assert_eq!((ending, writes), (Ending::KeepAlive, vec![head.to_owned()]));
    }

    #[actix_web::test]
    async fn an_unfinished_answer_ends_by_closing() {
        for script in [
            Script::sse().event("{}"),
            Script::json(200, "{}").framing(Framing::Declared(9)),
            Script::sse()
                .framing(Framing::CloseDelimited)
                .event("{}")
                .finish(),
            Script::chat(["Hi"]).close(),
        ] {
            assert_eq!(play(script).await.0, Ending::Close);
        }
        assert_eq!(play(Script::sse().reset()).await, (Ending::Reset, vec![]));
    }

    #[actix_web::test]
    async fn cut_bytes_splits_what_follows_and_not_what_came_before() {
        let (_, writes) = play(Script::raw().bytes("whole").cut_bytes(2).bytes("abcde")).await;
        assert_eq!(writes, ["whole", "ab", "cd", "e"]);
    }

    #[actix_web::test]
    async fn a_flood_writes_its_event_count_times() {
        let (_, writes) = play(Script::raw().flood("x", 3)).await;
        assert_eq!(writes, ["data: x\n\n"; 3]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_takes_nothing_is_noted_with_the_bytes_that_it_took_before() {
        let (mut near, mut far) = tokio::io::duplex(5);
        let (sent, noted) = (Cell::new(0), RefCell::new(Vec::new()));
        let script = Script::raw().bytes("hello world");
        let read = async {
            while noted.borrow().is_empty() {
                tokio::task::yield_now().await;
                tokio::time::advance(Duration::from_millis(10)).await;
            }
            let mut text = [0; 11];
            far.read_exact(&mut text).await.unwrap();
        };
        let player = Player::new(&script, &mut near, &sent, |what| {
            noted.borrow_mut().push(what)
        });
        let (played, ()) = futures_util::future::join(player.play(script.steps()), read).await;
        assert_eq!(played.unwrap(), Ending::KeepAlive);
        assert_eq!(
            *noted.borrow(),
            [Happened::Blocked { sent: 5 }, Happened::Unblocked]
        );
        assert_eq!(sent.get(), 11);
    }
}
