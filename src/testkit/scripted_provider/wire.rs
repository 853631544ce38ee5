//! What a connection can be made of.

use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream},
    net::TcpStream,
};
use tokio_rustls::server::TlsStream;

/// A connection that can be broken off.
pub(super) trait Wire: AsyncRead + AsyncWrite + Unpin + 'static {
    /// Breaks the connection: the other side sees a reset where there is such a thing, else an end.
    fn reset(self);
}

impl Wire for TcpStream {
    fn reset(self) {
        // With a linger time of zero, closing sends RST instead of FIN. It fails only on a socket
        // that is gone already.
        let _ = self.set_zero_linger();
    }
}

impl Wire for TlsStream<TcpStream> {
    fn reset(self) {
        self.into_inner().0.reset();
    }
}

impl Wire for DuplexStream {
    fn reset(self) {}
}
