//! An HTTP/1.1 client over a bare socket: it sees chunks as they are framed, and how a body ends.

use std::{net::SocketAddr, time::Duration};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// How long any answer may take before a test fails saying what it waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// The body of a request for a stream.
pub(crate) fn stream_request() -> Value {
    json!({ "model": "scripted-model", "stream": true, "messages": [{ "role": "user", "content": "Hi" }] })
}

/// The body of a request for a document.
pub(crate) fn completion_request() -> Value {
    json!({ "model": "scripted-model", "messages": [{ "role": "user", "content": "Hi" }] })
}

/// Posts a chat completion and reads the head of its answer.
pub(crate) async fn chat(address: SocketAddr, body: &Value) -> Reply {
    let mut client = Client::connect(address).await;
    client.post_chat(body).await;
    client.reply().await
}

/// One connection.
pub(crate) struct Client {
    socket: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address).await.unwrap();
        socket.set_nodelay(true).unwrap();
        Self {
            socket,
            buffer: Vec::new(),
        }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.socket.write_all(bytes.as_ref()).await.unwrap();
    }

    pub(crate) async fn post_chat(&mut self, body: &Value) {
        self.post_chat_with(body, &[]).await;
    }

    pub(crate) async fn post_chat_with(&mut self, body: &Value, headers: &[(&str, &str)]) {
        self.post_to("/v1/chat/completions", body, headers).await;
    }

    pub(crate) async fn post_to(&mut self, path: &str, body: &Value, headers: &[(&str, &str)]) {
        let body = body.to_string();
        let mut request = format!(
            "POST {path} HTTP/1.1\r\nhost: herald\r\ncontent-type: application/json\r\ncontent-length: {}\r\n",
            body.len()
        );
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        self.send(format!("{request}\r\n{body}")).await;
    }

    /// Reads one interim answer.
    pub(crate) async fn interim(&mut self) -> u16 {
        let (status, _) = self.head().await;
        assert!(
            (100..200).contains(&status),
            "{status} is no interim answer"
        );
        status
    }

    /// Reads the head of the final answer.
    pub(crate) async fn reply(mut self) -> Reply {
        loop {
            let (status, headers) = self.head().await;
            if (100..200).contains(&status) {
                continue;
            }
            let value = |name: &str| {
                let found = headers.iter().find(|(known, _)| known == name);
                found.map(|(_, value)| value.clone())
            };
            let framing = match (value("content-length"), value("transfer-encoding")) {
                (Some(length), _) => Framing::Length(length.parse().unwrap()),
                (None, Some(coding)) if coding == "chunked" => Framing::Chunked,
                _ => Framing::Close,
            };
            return Reply {
                status,
                headers,
                framing,
                client: self,
            };
        }
    }

    async fn head(&mut self) -> (u16, Vec<(String, String)>) {
        loop {
            let mut fields = [httparse::EMPTY_HEADER; 128];
            let mut head = httparse::Response::new(&mut fields);
            if let httparse::Status::Complete(length) = head.parse(&self.buffer).unwrap() {
                let status = head.code.unwrap();
                let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                let headers = head
                    .headers
                    .iter()
                    .map(|field| (field.name.to_lowercase(), text(field.value)))
                    .collect();
                self.buffer.drain(..length);
                return (status, headers);
            }
            assert!(
                self.fill().await.unwrap() > 0,
                "the connection closed before a head"
            );
        }
    }

    /// Reads more; 0 is the end.
    async fn fill(&mut self) -> std::io::Result<usize> {
        let mut bytes = [0; 16 * 1024];
        let read = timeout(PATIENCE, self.socket.read(&mut bytes));
        let count = read
            .await
            .expect("the gateway said nothing for ten seconds")?;
        self.buffer.extend_from_slice(&bytes[..count]);
        Ok(count)
    }
}

enum Framing {
    Chunked,
    Length(usize),
    Close,
}

/// An answer whose head is read.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    framing: Framing,
    client: Client,
}

/// How a body ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// By its framing.
    Whole,
    /// Without it.
    BrokenOff,
}

impl Reply {
    /// The value of a header; the test fails if it stands there twice.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let values = self.header_values(name);
        assert!(
            values.len() < 2,
            "{name} stands there more than once: {values:?}"
        );
        values.first().copied()
    }

    pub(crate) fn header_values(&self, name: &str) -> Vec<&str> {
        let named = self.headers.iter().filter(|(known, _)| known == name);
        named.map(|(_, value)| value.as_str()).collect()
    }

    /// The next HTTP chunk; `Err` is the end.
    pub(crate) async fn chunk(&mut self) -> Result<String, End> {
        assert!(
            matches!(self.framing, Framing::Chunked),
            "the body is not chunked"
        );
        loop {
            if let Some(line) = self
                .client
                .buffer
                .windows(2)
                .position(|pair| pair == b"\r\n")
            {
                let text = std::str::from_utf8(&self.client.buffer[..line]).unwrap();
                let size = usize::from_str_radix(text, 16).unwrap();
                let whole = line + 2 + size + 2;
                if self.client.buffer.len() >= whole {
                    let chunk = self.client.buffer[line + 2..line + 2 + size].to_vec();
                    self.client.buffer.drain(..whole);
                    if size == 0 {
                        return Err(End::Whole);
                    }
                    return Ok(String::from_utf8(chunk).expect("no chunk ends inside a character"));
                }
            }
            if !matches!(self.client.fill().await, Ok(count) if count > 0) {
                return Err(End::BrokenOff);
            }
        }
    }

    /// The chunks that are left, and how the body ends.
    pub(crate) async fn rest(&mut self) -> (Vec<String>, End) {
        let mut chunks = Vec::new();
        loop {
            match self.chunk().await {
                Ok(chunk) => chunks.push(chunk),
                Err(end) => return (chunks, end),
            }
        }
    }

    /// The data of each event that is left; the stream must end whole.
    pub(crate) async fn events(&mut self) -> Vec<String> {
        let (chunks, end) = self.rest().await;
        assert_eq!(end, End::Whole, "{chunks:?}");
        let text = chunks.concat();
        let frames = text.split("\n\n").filter(|frame| !frame.is_empty());
        frames
            .map(|frame| frame.strip_prefix("data: ").unwrap_or(frame).to_owned())
            .collect()
    }

    /// The body of a document.
    pub(crate) async fn text(&mut self) -> String {
        let Framing::Length(length) = self.framing else {
            panic!("the body has no length")
        };
        while self.client.buffer.len() < length {
            assert!(self.client.fill().await.unwrap() > 0, "the body broke off");
        }
        String::from_utf8(self.client.buffer.drain(..length).collect()).unwrap()
    }

    /// A body that ends with the connection.
    pub(crate) async fn until_close(&mut self) -> String {
        assert!(matches!(self.framing, Framing::Close));
        while self.client.fill().await.unwrap() > 0 {}
        String::from_utf8(std::mem::take(&mut self.client.buffer)).unwrap()
    }

    pub(crate) async fn json(&mut self) -> Value {
        assert_eq!(self.header("content-type"), Some("application/json"));
        serde_json::from_str(&self.text().await).unwrap()
    }

    /// Leaves, and waits until Herald has seen it.
    pub(crate) async fn leave(mut self) {
        self.client.socket.shutdown().await.unwrap();
        while self.client.fill().await.is_ok_and(|read| read > 0) {}
    }

    /// The same connection, for another request.
    pub(crate) fn into_client(self) -> Client {
        self.client
    }
}
