//! The thread that serves TCP and TLS.

use std::{io, net::SocketAddr, sync::Arc, thread};

use futures_util::future::{self, Either};
use rustls::ServerConfig;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::oneshot,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::{Happened, Shared, serve};

/// A listening socket and its thread. Dropping this stops both and closes every connection.
#[derive(Debug)]
pub(super) struct Server {
    addr: SocketAddr,
    /// `None` once dropped; the thread sees it go.
    alive: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Server {
    /// Binds a free port of 127.0.0.1 and serves it from a thread with a runtime of its own.
    pub(super) async fn start(shared: Arc<Shared>, tls: Option<Arc<ServerConfig>>) -> Self {
        let (alive, stopped) = oneshot::channel();
        let (bound, address) = oneshot::channel();
        let run = move || {
            // actix's runtime is a current-thread one with a `LocalSet`, as on Herald's workers, so
            // connections are spawned alike here and in memory.
            let runtime = actix_web::rt::Runtime::new().expect("the system gives a poll handle");
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0")
                    .await
                    .expect("a port is free");
                let addr = listener
                    .local_addr()
                    .expect("a bound socket has an address");
                // A test that no longer wants the address has dropped `alive` too.
                let _ = bound.send(addr);
                let accepting = std::pin::pin!(accept_all(listener, &shared, tls));
                match future::select(stopped, accepting).await {
                    Either::Left(_) => {}
                    Either::Right((error, _)) => panic!("accepting a connection failed: {error}"),
                }
            });
        };
        let thread = thread::Builder::new()
            .name("scripted-provider".to_owned())
            .spawn(run)
            .expect("the system gives a thread");
        let addr = address
            .await
            .expect("the thread has bound a port, or has said why not");
        Self {
            addr,
            alive: Some(alive),
            thread: Some(thread),
        }
    }

    pub(super) fn addr(&self) -> SocketAddr {
        self.addr
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.alive = None;
        // Joined, so that the port and the connections are closed when the test goes on. If the
        // thread has panicked, its message is on stderr already.
        let _ = self.thread.take().map(thread::JoinHandle::join);
    }
}

async fn accept_all(
    listener: TcpListener,
    shared: &Arc<Shared>,
    tls: Option<Arc<ServerConfig>>,
) -> io::Error {
    let tls = tls.map(TlsAcceptor::from);
    loop {
        let tcp = match listener.accept().await {
            Ok((tcp, _)) => tcp,
            Err(error) => return error,
        };
        // Without this the kernel would join small writes. It fails only on a socket that is gone.
        let _ = tcp.set_nodelay(true);
        let connection = shared.connected();
        let (shared, tls) = (Arc::clone(shared), tls.clone());
        actix_web::rt::spawn(async move {
            match tls {
                None => serve(tcp, &shared, connection).await,
                Some(tls) => {
                    if let Some(tls) = handshake(&tls, tcp, &shared, connection).await {
                        serve(tls, &shared, connection).await;
                    }
                }
            }
        });
    }
}

async fn handshake(
    tls: &TlsAcceptor,
    tcp: TcpStream,
    shared: &Shared,
    connection: usize,
) -> Option<TlsStream<TcpStream>> {
    let note = |what| shared.record.note(connection, 0, what);
    match tls.accept(tcp).await {
        Ok(tls) => {
            let (_, session) = tls.get_ref();
            note(Happened::TlsEstablished {
                server_name: session.server_name().map(str::to_owned),
                protocol: session
                    .alpn_protocol()
                    .map(|name| String::from_utf8_lossy(name).into_owned()),
            });
            Some(tls)
        }
        Err(error) => {
            note(Happened::TlsFailed(error.to_string()));
            note(Happened::ConnectionClosed);
            None
        }
    }
}
