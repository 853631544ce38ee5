//! The provider's side: a loopback port, on which each call is handed to the check that runs.

mod call;
mod reply;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::{JoinHandle, JoinSet},
    time::sleep,
};

pub(super) use call::Call;
pub(super) use reply::{Ending, LAST_CHUNK, Reply, chunk};

/// A provider of chat completions and of Anthropic's messages, which does with each call what the
/// check at hand wants: byte by byte, over plain TCP.
///
/// Whatever is no `POST` of a completion, such as a list of models or a probe of the gateway's own, it
/// answers by itself. Dropping it closes the port and every connection that no check holds.
#[derive(Debug)]
pub struct Provider {
    address: SocketAddr,
    calls: mpsc::Receiver<Call>,
    accepting: JoinHandle<()>,
}

/// Calls that wait for a check; more wait in the kernel.
const WAITING_CALLS: usize = 256;

/// The wait after a failed accept: descriptors may be short, and come back.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

impl Provider {
    /// Listens on this port of 127.0.0.1; 0 takes a free one.
    ///
    /// # Errors
    /// The system's, if the port cannot be had.
    pub async fn listen(port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let (hand_over, calls) = mpsc::channel(WAITING_CALLS);
        Ok(Self {
            address,
            calls,
            accepting: tokio::spawn(accept(listener, hand_over)),
        })
    }

    /// Where the gateway must call it.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next call in the order of arrival.
    pub(super) async fn next_call(&mut self) -> Call {
        let call = self.calls.recv().await;
        call.expect("the accepting task keeps a sender for as long as this is alive")
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, hand_over: mpsc::Sender<Call>) {
    // Dropped with this task, and with it the connections whose requests are not whole.
    let mut reading = JoinSet::new();
    loop {
        while reading.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, _)) => {
                reading.spawn(receive(stream, hand_over.clone()));
            }
            Err(_) => sleep(ACCEPT_AGAIN).await,
        }
    }
}

/// Reads the connection's one request and hands it over, or answers it.
async fn receive(stream: TcpStream, hand_over: mpsc::Sender<Call>) {
    // Without this the kernel would join small writes. It fails only on a socket that is gone.
    let _ = stream.set_nodelay(true);
    let Some(mut call) = Call::read(stream).await else {
        return;
    };
    if call.is_completion() {
        // Nobody waits for it once the kit is gone.
        let _ = hand_over.send(call).await;
    } else {
        call.play(&Reply::models()).await;
    }
}
