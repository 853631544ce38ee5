//! The client's side: one request on a connection of its own, and the answer as it is on the wire.

use std::{future::Future, io, time::Duration};

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream, lookup_host},
    time::timeout,
};

use super::{
    answer::{Answer, End, Head},
    framing::BodyDecoder,
    headers::{Headers, MAX_HEADERS},
    verdict::Unmet,
};

/// A client of the gateway, which has sent its request and reads what it is told.
#[derive(Debug)]
pub(super) struct Client {
    stream: TcpStream,
    patience: Duration,
    inbox: BytesMut,
    interim: Vec<u16>,
    head: Option<Head>,
    /// There is one once there is a head.
    body: BodyDecoder,
    end: Option<End>,
}

/// More than any check has a gateway write to a client that reads.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// The receive buffer of a reader that shall not take much, in bytes.
const SMALL_WINDOW: u32 = 16 << 10;

impl Client {
    /// Connects; `small_window`: so that the kernel takes little of what is not read.
    ///
    /// # Errors
    /// The system's.
    pub(super) async fn connect(
        authority: &str,
        patience: Duration,
        small_window: bool,
    ) -> io::Result<Self> {
        let stream = timeout(patience, open(authority, small_window));
        let stream = stream.await.map_err(|_| io::ErrorKind::TimedOut)??;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            patience,
            inbox: BytesMut::new(),
            interim: Vec::new(),
            head: None,
            body: BodyDecoder::until_close(),
            end: None,
        })
    }

    /// Writes a request.
    ///
    /// # Errors
    /// That the gateway does not take it.
    pub(super) async fn send(&mut self, request: &[u8]) -> Result<(), Unmet> {
        let sent = self.stream.write_all(request).await;
        sent.map_err(|error| {
            Unmet::Failed(format!("the gateway did not take the request: {error}"))
        })
    }

    /// The answer's head, once it is there.
    ///
    /// # Errors
    /// That there is none within the patience.
    ///
    /// # Cancel safety
    /// A dropped call has lost nothing.
    pub(super) async fn head(&mut self) -> Result<&Head, Unmet> {
        let patience = self.patience;
        let what = || "no head".to_owned();
        within(patience, self.read_head(), what).await??;
        Ok(self.head.as_ref().expect("it was read"))
    }

    /// Waits until the body holds this text.
    ///
    /// # Errors
    /// That it does not within the patience, or that the answer ended before.
    ///
    /// # Cancel safety
    /// A dropped call has lost nothing.
    pub(super) async fn until(&mut self, text: &str) -> Result<(), Unmet> {
        let patience = self.patience;
        let read = async {
            self.read_head().await?;
            while memchr::memmem::find(self.body.body(), text.as_bytes()).is_none() {
                if self.end.is_some() {
                    return Err(Unmet::Failed(format!(
                        "the answer ended without {text:?}: {}",
                        self.so_far().summary()
                    )));
                }
                self.read_body().await;
            }
            Ok(())
        };
        within(patience, read, || {
            format!("{text:?} was sent and did not arrive")
        })
        .await?
    }

    /// Reads the answer to its end.
    ///
    /// # Errors
    /// That it has no head, or no end within the time.
    ///
    /// # Cancel safety
    /// A dropped call has lost nothing.
    pub(super) async fn whole_within(&mut self, time: Duration) -> Result<Answer, Unmet> {
        let read = async {
            self.read_head().await?;
            while self.end.is_none() {
                self.read_body().await;
            }
            Ok(())
        };
        match timeout(time, read).await {
            Ok(read) => read.map(|()| self.so_far()),
            Err(_) if self.head.is_none() => Err(Unmet::Failed(no(&"no answer", time))),
            Err(_) => Err(Unmet::Failed(format!(
                "{}: {}",
                no(&"no end of the answer", time),
                self.so_far().summary()
            ))),
        }
    }

    /// As [`whole_within`](Self::whole_within) the patience.
    pub(super) async fn whole(&mut self) -> Result<Answer, Unmet> {
        self.whole_within(self.patience).await
    }

    /// What has been read; a head there must be.
    fn so_far(&self) -> Answer {
        Answer {
            head: self.head.clone().expect("a body is read after its head"),
            body: Bytes::copy_from_slice(self.body.body()),
            end: self.end.clone().unwrap_or(End::Open),
        }
    }

    async fn read_head(&mut self) -> Result<(), Unmet> {
        while self.head.is_none() {
            match parse_head(&self.inbox) {
                Err(reason) => {
                    return Err(Unmet::Failed(format!(
                        "the client's head is no HTTP: {reason}"
                    )));
                }
                Ok(Some((length, status, headers))) => {
                    let raw = self.inbox.split_to(length).freeze();
                    if status < 200 {
                        self.interim.push(status);
                        continue;
                    }
                    self.body = body_of(status, &headers).map_err(Unmet::Failed)?;
                    self.head = Some(Head {
                        status,
                        headers,
                        raw,
                        interim: self.interim.clone(),
                    });
                    self.decode();
                }
                Ok(None) => match self.stream.read_buf(&mut self.inbox).await {
                    Ok(0) => return Err(Unmet::Failed(NO_ANSWER.to_owned())),
                    Ok(_) => {}
                    Err(error) => return Err(Unmet::Failed(format!("{NO_ANSWER}: {error}"))),
                },
            }
        }
        Ok(())
    }

    /// Reads on once, after the head.
    async fn read_body(&mut self) {
        match self.stream.read_buf(&mut self.inbox).await {
            Ok(0) if self.body.ends_with_connection() => self.end = Some(End::Whole),
            Ok(0) => self.end = Some(End::Cut),
            Err(_) => self.end = Some(End::Reset),
            Ok(_) => self.decode(),
        }
        if self.body.body().len() > MAX_ANSWER_BYTES {
            self.end = Some(End::Unreadable("it is far too long".to_owned()));
        }
    }

    fn decode(&mut self) {
        match self.body.advance(&mut self.inbox) {
            Ok(false) => {}
            Ok(true) => self.end = Some(End::Whole),
            Err(reason) => self.end = Some(End::Unreadable(reason)),
        }
    }
}

const NO_ANSWER: &str = "the gateway closed the connection without an answer";

async fn open(authority: &str, small_window: bool) -> io::Result<TcpStream> {
    let mut failure = io::Error::from(io::ErrorKind::NotFound);
    for address in lookup_host(authority).await? {
        let socket = match address.is_ipv4() {
            true => TcpSocket::new_v4()?,
            false => TcpSocket::new_v6()?,
        };
        if small_window {
            socket.set_recv_buffer_size(SMALL_WINDOW)?;
        }
        match socket.connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

async fn within<T>(
    time: Duration,
    work: impl Future<Output = T>,
    what: impl FnOnce() -> String,
) -> Result<T, Unmet> {
    let done = timeout(time, work).await;
    done.map_err(|_| Unmet::Failed(no(&what(), time)))
}

fn no(what: &impl std::fmt::Display, time: Duration) -> String {
    format!("{what} within {}", humantime::format_duration(time))
}

/// A head's length, status and headers; `None` while it is not whole.
fn parse_head(inbox: &[u8]) -> Result<Option<(usize, u16, Headers)>, httparse::Error> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut head = httparse::Response::new(&mut headers);
    Ok(match head.parse(inbox)? {
        httparse::Status::Partial => None,
        httparse::Status::Complete(length) => {
            let status = head.code.unwrap_or_default();
            Some((length, status, Headers::parsed(head.headers)))
        }
    })
}

fn body_of(status: u16, headers: &Headers) -> Result<BodyDecoder, String> {
    if matches!(status, 204 | 304) {
        return Ok(BodyDecoder::of_length(0));
    }
    let announced = BodyDecoder::announced(
        headers.get("transfer-encoding").as_deref(),
        headers.get("content-length").as_deref(),
    )?;
    Ok(announced.unwrap_or_else(BodyDecoder::until_close))
}
