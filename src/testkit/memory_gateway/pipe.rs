//! A connection between a client and Herald.

use std::{
    cell::Cell,
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf},
    time::{Sleep, sleep},
};

/// A client's end of a connection in memory. Dropping it closes the connection, as FIN does; so does
/// shutting it down for the half that sends.
#[derive(Debug)]
pub struct MemoryClient {
    pipe: DuplexStream,
    is_reset: Rc<Cell<bool>>,
}

impl MemoryClient {
    /// Breaks the connection off, as RST does: what is under way in either direction is lost.
    pub fn reset(self) {
        self.is_reset.set(true);
    }
}

/// Herald's end.
pub(super) struct ServerEnd {
    pipe: DuplexStream,
    is_reset: Rc<Cell<bool>>,
    /// How long bytes may wait for the reader.
    user_timeout: Option<Duration>,
    /// Runs while they do.
    waiting: Option<Pin<Box<Sleep>>>,
}

/// A pipe with room for so many bytes each way.
pub(super) fn pipe(room: usize, user_timeout: Option<Duration>) -> (MemoryClient, ServerEnd) {
    let (client, server) = tokio::io::duplex(room);
    let is_reset = Rc::<Cell<bool>>::default();
    let client = MemoryClient {
        pipe: client,
        is_reset: Rc::clone(&is_reset),
    };
    let server = ServerEnd {
        pipe: server,
        is_reset,
        user_timeout,
        waiting: None,
    };
    (client, server)
}

impl AsyncRead for MemoryClient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_read(cx, buf)
    }
}

impl AsyncWrite for MemoryClient {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.pipe).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_shutdown(cx)
    }
}

impl AsyncRead for ServerEnd {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = ready!(Pin::new(&mut self.pipe).poll_read(cx, buf));
        if self.is_reset.get() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        Poll::Ready(read)
    }
}

impl AsyncWrite for ServerEnd {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(written) = Pin::new(&mut self.pipe).poll_write(cx, buf) {
            self.waiting = None;
            return Poll::Ready(written);
        }
        let Some(user_timeout) = self.user_timeout else {
            return Poll::Pending;
        };
        let waiting = &mut self.waiting;
        let waiting = waiting.get_or_insert_with(|| Box::pin(sleep(user_timeout)));
        ready!(waiting.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        time::Instant,
    };

    use super::*;

    const PATIENCE: Option<Duration> = Some(Duration::from_secs(5));

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_takes_nothing_breaks_the_connection_after_the_user_timeout() {
        let (mut client, mut server) = pipe(4, PATIENCE);
        let began = Instant::now();
        server.write_all(b"four").await.unwrap();
        tokio::time::advance(Duration::from_secs(3)).await;
        client.read_u8().await.unwrap();
        let written = server.write_all(b"more").await.unwrap_err();
        assert_eq!(written.kind(), io::ErrorKind::TimedOut);
        // One byte found room; then nobody took any for as long as that.
        assert_eq!(began.elapsed(), Duration::from_secs(8));
    }

    #[tokio::test(start_paused = true)]
    async fn a_reset_is_told_from_an_end() {
        let (client, mut server) = pipe(4, PATIENCE);
        drop(client);
        assert_eq!(server.read(&mut [0]).await.unwrap(), 0);
        let (client, mut server) = pipe(4, PATIENCE);
        client.reset();
        let read = server.read(&mut [0]).await.unwrap_err();
        assert_eq!(read.kind(), io::ErrorKind::ConnectionReset);
    }
}
