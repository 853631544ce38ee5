//! The provider: it plays the plan whose number a request bears, on connections that it keeps.

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use herald::testkit::chat;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    time::sleep,
};

use crate::plan::{Course, Plan};

/// The number of requests that are answered by a stream without pause and end.
pub(crate) const FLOOD: u64 = u64::MAX;

/// Data of one event of such a stream: as many events as Herald queues fill its queue in bytes too.
const FLOOD_BYTES: usize = 32 << 10;

/// Longer than any client of a [`Course::LeavesWaiting`] waits, shorter than the gateway's clock.
const BEFORE_HEAD: Duration = Duration::from_secs(4);

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
    transfer-encoding: chunked\r\nx-request-id: soak\r\n\r\n";

#[derive(Debug)]
pub(crate) struct Provider {
    seed: u64,
    address: SocketAddr,
    /// Clients that want to know when their request is here, by number.
    awaited: Mutex<HashMap<u64, oneshot::Sender<()>>>,
    written: AtomicU64,
}

impl Provider {
    pub(crate) async fn start(seed: u64) -> io::Result<Arc<Self>> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let provider = Arc::new(Self {
            seed,
            address: listener.local_addr()?,
            awaited: Mutex::default(),
            written: AtomicU64::default(),
        });
        let serving = Arc::clone(&provider);
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let provider = Arc::clone(&serving);
                // A gateway that lets go of a connection is no concern of this end.
                tokio::spawn(async move { drop(provider.serve(tcp).await) });
            }
        });
        Ok(provider)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Bytes that floods have come to so far.
    pub(crate) fn written(&self) -> u64 {
        self.written.load(Relaxed)
    }

    /// Resolves when the request of this number is here.
    pub(crate) fn arrival(&self, number: u64) -> oneshot::Receiver<()> {
        let (arrived, arrival) = oneshot::channel();
        self.awaited().insert(number, arrived);
        arrival
    }

    fn awaited(&self) -> std::sync::MutexGuard<'_, HashMap<u64, oneshot::Sender<()>>> {
        self.awaited.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve(&self, mut tcp: TcpStream) -> io::Result<()> {
        tcp.set_nodelay(true)?;
        loop {
            let number = read_number(&mut tcp).await?;
            if let Some(arrived) = self.awaited().remove(&number) {
                // A client that is gone need not know.
                let _ = arrived.send(());
            }
            if number == FLOOD {
                return self.flood(tcp).await;
            }
            match play(Plan::of(self.seed, number), &mut tcp).await? {
                Then::Next => {}
                Then::Close => return Ok(()),
                Then::Reset => {
                    return socket2::SockRef::from(&tcp).set_linger(Some(Duration::ZERO));
                }
            }
        }
    }

    async fn flood(&self, mut tcp: TcpStream) -> io::Result<()> {
        socket2::SockRef::from(&tcp).set_send_buffer_size(64 << 10)?;
        tcp.write_all(HEAD.as_bytes()).await?;
        let event = event(&chat::text(&"x".repeat(FLOOD_BYTES)));
        loop {
            tcp.write_all(event.as_bytes()).await?;
            self.written.fetch_add(event.len() as u64, Relaxed);
        }
    }
}

/// What becomes of a connection.
enum Then {
    Next,
    Close,
    Reset,
}

async fn play(plan: Plan, tcp: &mut TcpStream) -> io::Result<Then> {
    let (after, then) = match plan.course {
        Course::Status(status) => {
            let body = chat::error("as planned", "soak");
            let length = body.len();
            let head = format!(
                "HTTP/1.1 {status} Planned\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
            );
            tcp.write_all(format!("{head}{body}").as_bytes()).await?;
            return Ok(Then::Next);
        }
        Course::NoAnswer => return Ok(Then::Reset),
        Course::LeavesWaiting(_) => {
            until_left(tcp, BEFORE_HEAD).await;
            (plan.events, Then::Close)
        }
        Course::Whole | Course::LeavesReading(_) => (plan.events, Then::Next),
        Course::Reset(after) => (after, Then::Reset),
        Course::Stall(after) | Course::Truncation(after) | Course::ErrorEvent(after) => {
            (after, Then::Close)
        }
    };
    tcp.write_all(HEAD.as_bytes()).await?;
    for _ in 0..after {
        tcp.write_all(event(&chat::text("word ")).as_bytes())
            .await?;
        sleep(Duration::from_millis(plan.pause_ms)).await;
    }
    match plan.course {
        Course::Stall(_) => until_left(tcp, Duration::from_secs(600)).await,
        Course::Truncation(_) => tcp.write_all(b"400\r\ndata: {\"choi").await?,
        Course::ErrorEvent(_) => {
            let error = event(&chat::error("as planned", "soak"));
            tcp.write_all(format!("{error}0\r\n\r\n").as_bytes())
                .await?;
        }
        Course::Reset(_) => {}
        _ => {
            let (finish, done) = (event(&chat::finish("stop")), event("[DONE]"));
            tcp.write_all(format!("{finish}{done}0\r\n\r\n").as_bytes())
                .await?;
        }
    }
    Ok(then)
}

/// An event as a chunk of its own.
fn event(data: &str) -> String {
    let event = format!("data: {data}\n\n");
    format!("{:x}\r\n{event}\r\n", event.len())
}

async fn until_left(tcp: &mut TcpStream, patience: Duration) {
    // Left or not: the course goes on, and finds out.
    let _ = tokio::time::timeout(patience, tcp.read_u8()).await;
}

/// Reads a request and finds its number.
async fn read_number(tcp: &mut TcpStream) -> io::Result<u64> {
    let mut bytes = Vec::new();
    loop {
        if tcp.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        // The body is the last to come, and its end the end of an object.
        let text = String::from_utf8_lossy(&bytes);
        let number = text
            .split_once("\"user\":\"")
            .and_then(|(_, rest)| rest.split_once('"'));
        if let Some((number, rest)) = number
            && rest.ends_with('}')
        {
            return number.parse().map_err(io::Error::other);
        }
    }
}
