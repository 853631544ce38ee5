//! An HTTP/1.1 client that takes nothing for granted, and a reader of event streams that follows the
//! WHATWG rules to the letter.

use std::{fmt, net::SocketAddr, time::Duration};

use herald::testkit::{Script, ScriptedProvider, TestGateway};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// How long any answer may take before a test fails.
const PATIENCE: Duration = Duration::from_secs(10);

/// A request for a stream.
pub(crate) fn stream() -> Value {
    json!({ "model": "scripted-model", "stream": true, "messages": [{ "role": "user", "content": "Hi" }] })
}

/// A request for a document.
pub(crate) fn document() -> Value {
    json!({ "model": "scripted-model", "messages": [{ "role": "user", "content": "Hi" }] })
}

/// A request for a chat completion as it stands on the wire.
pub(crate) fn post(body: impl AsRef<[u8]>, headers: &[(&str, &str)]) -> Vec<u8> {
    let body = body.as_ref();
    let mut request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: herald\r\ncontent-type: application/json\r\ncontent-length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    [request.as_bytes(), body].concat()
}

/// What a fresh gateway answers to this request when its provider plays this script.
pub(crate) async fn answer_to(script: Script, settings: &str, body: &Value) -> Answer {
    let provider = ScriptedProvider::start([script]).await;
    let gateway = TestGateway::tuned(&provider, settings).await;
    ask(gateway.address(), body.to_string()).await
}

/// One chat completion on a connection of its own.
pub(crate) async fn ask(address: SocketAddr, body: impl AsRef<[u8]>) -> Answer {
    let mut wire = Wire::connect(address).await;
    wire.send(post(body, &[])).await;
    wire.answer().await
}

/// Whatever comes back on a connection that is sent just these bytes, until it closes.
pub(crate) async fn raw(address: SocketAddr, bytes: impl AsRef<[u8]>) -> String {
    let mut wire = Wire::connect(address).await;
    wire.send(bytes).await;
    wire.until_closed().await
}

pub(crate) struct Wire {
    pub(crate) socket: TcpStream,
    buffer: Vec<u8>,
}

impl Wire {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address).await.unwrap();
        socket.set_nodelay(true).unwrap();
        Self {
            socket,
            buffer: Vec::new(),
        }
    }

    /// Sends; a gateway that has closed already is found out by reading.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = timeout(PATIENCE, self.socket.write_all(bytes.as_ref()))
            .await
            .expect("the gateway takes the bytes or closes");
    }

    /// Reads more; 0 is the end, a reset too.
    async fn fill(&mut self) -> usize {
        let mut bytes = vec![0; 64 * 1024];
        let read = timeout(PATIENCE, self.socket.read(&mut bytes)).await;
        let read = read.unwrap_or_else(|_| {
            panic!(
                "nothing for ten seconds behind {:?}",
                String::from_utf8_lossy(&self.buffer[..self.buffer.len().min(2000)])
            )
        });
        let count = read.unwrap_or(0);
        self.buffer.extend_from_slice(&bytes[..count]);
        count
    }

    pub(crate) async fn until_closed(&mut self) -> String {
        while self.fill().await > 0 {}
        String::from_utf8_lossy(&std::mem::take(&mut self.buffer)).into_owned()
    }

    /// The next head: interim or final; `None` if the connection ended before it.
    pub(crate) async fn head(&mut self) -> Option<Answer> {
        loop {
            let mut fields = [httparse::EMPTY_HEADER; 256];
            let mut head = httparse::Response::new(&mut fields);
            let parsed = head.parse(&self.buffer).unwrap_or_else(|error| {
                panic!("{error}: {:?}", String::from_utf8_lossy(&self.buffer))
            });
            if let httparse::Status::Complete(length) = parsed {
                let value = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                let headers = head.headers.iter();
                let answer = Answer {
                    status: head.code.unwrap(),
                    headers: headers
                        .map(|field| (field.name.to_lowercase(), value(field.value)))
                        .collect(),
                    body: Vec::new(),
                    whole: true,
                };
                self.buffer.drain(..length);
                return Some(answer);
            }
            if self.fill().await == 0 {
                return None;
            }
        }
    }

    /// The next final answer with its body.
    pub(crate) async fn answer(&mut self) -> Answer {
        self.try_answer()
            .await
            .expect("the connection closed before an answer")
    }

    pub(crate) async fn try_answer(&mut self) -> Option<Answer> {
        let mut answer = self.head().await?;
        while (100..200).contains(&answer.status) {
            answer = self.head().await?;
        }
        self.body_of(&mut answer).await;
        Some(answer)
    }

    /// Reads the body that belongs to a head.
    pub(crate) async fn body_of(&mut self, answer: &mut Answer) {
        let length = answer
            .header("content-length")
            .map(|text| text.parse::<usize>().unwrap());
        let chunked = answer.header("transfer-encoding").map(str::to_owned);
        assert!(
            length.is_none() || chunked.is_none(),
            "two framings: {answer:?}"
        );
        if let Some(length) = length {
            while self.buffer.len() < length {
                if self.fill().await == 0 {
                    answer.whole = false;
                    break;
                }
            }
            let length = length.min(self.buffer.len());
            answer.body = self.buffer.drain(..length).collect();
        } else if chunked.as_deref() == Some("chunked") {
            loop {
                match self.chunk().await {
                    Some(chunk) if chunk.is_empty() => break,
                    Some(chunk) => answer.body.extend(chunk),
                    None => {
                        answer.whole = false;
                        break;
                    }
                }
            }
        } else {
            while self.fill().await > 0 {}
            answer.body = std::mem::take(&mut self.buffer);
        }
    }

    /// The next HTTP chunk; an empty one is the last, `None` is an end without one.
    pub(crate) async fn chunk(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(line) = self.buffer.windows(2).position(|pair| pair == b"\r\n") {
                let text = std::str::from_utf8(&self.buffer[..line]).unwrap();
                let size = usize::from_str_radix(text, 16).unwrap();
                let whole = line + 2 + size + 2;
                if self.buffer.len() >= whole {
                    let chunk = self.buffer[line + 2..line + 2 + size].to_vec();
                    self.buffer.drain(..whole);
                    return Some(chunk);
                }
            }
            if self.fill().await == 0 {
                return None;
            }
        }
    }
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Whether the body ended as its framing says.
    pub(crate) whole: bool,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = String::from_utf8_lossy(&self.body);
        write!(
            f,
            "{} {:?} whole: {} {body:.2000?}",
            self.status, self.headers, self.whole
        )
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.values(name).first().copied()
    }

    pub(crate) fn values(&self, name: &str) -> Vec<&str> {
        let named = self.headers.iter().filter(|(known, _)| known == name);
        named.map(|(_, value)| value.as_str()).collect()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("what goes out is UTF-8")
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {:?}", self.text()))
    }

    /// The events of the body, by the WHATWG rules; asserts nothing but UTF-8.
    pub(crate) fn events(&self) -> Vec<Event> {
        parse(&self.text())
    }

    /// The data of the events.
    pub(crate) fn data(&self) -> Vec<String> {
        self.events().into_iter().map(|event| event.data).collect()
    }

    /// The code of the error document, or of the error event that ends the stream.
    pub(crate) fn code(&self) -> Option<String> {
        let code = |value: &Value| Some(value.get("error")?.get("code")?.as_str()?.to_owned());
        if self.is_stream() {
            let last = self.events().pop()?;
            code(&serde_json::from_str(&last.data).ok()?)
        } else {
            code(&serde_json::from_slice(&self.body).ok()?)
        }
    }

    pub(crate) fn is_stream(&self) -> bool {
        self.header("content-type")
            .is_some_and(|kind| kind.starts_with("text/event-stream"))
    }

    /// What is wrong with this answer as a refusal in OpenAI's shape, if anything.
    pub(crate) fn refusal_flaw(&self) -> Option<String> {
        let flaw = |text: &str| Some(format!("{text}: {} {:?}", self.status, self.text()));
        if self.status < 400 {
            return flaw("not refused");
        }
        if !self.whole {
            return flaw("broken off");
        }
        let Ok(body) = serde_json::from_slice::<Value>(&self.body) else {
            return flaw("no JSON");
        };
        let error = &body["error"];
        if !error["message"].is_string() {
            return flaw("no error.message");
        }
        // A provider's own error may have a code and no type; Herald's always has both.
        let is_the_providers = body["upstream"].is_object() && !error["code"].is_null();
        if !error["type"].is_string() && !is_the_providers {
            return flaw("no error.type");
        }
        for key in ["param", "code"] {
            if body["error"].get(key).is_none() {
                return flaw(&format!("no error.{key}"));
            }
        }
        if self.values("x-herald-request-id").len() != 1 {
            return flaw("no x-herald-request-id");
        }
        let hints = self.values("retry-after");
        if self.status == 503 && !matches!(hints[..], [hint] if is_retry_after(hint)) {
            return flaw(&format!("a 503 with retry-after {hints:?}"));
        }
        if self.header("x-upstream-provider").is_some() {
            let status = self.values("proxy-status").join(", ");
            match sfv::Parser::new(&status).parse::<sfv::List>() {
                Ok(list) if status.starts_with("herald") && !list.is_empty() => {}
                _ => return flaw(&format!("a Proxy-Status that is none: {status:?}")),
            }
        }
        None
    }
}

/// Seconds or an IMF-fixdate, as RFC 9110 section 10.2.3 has it.
pub(crate) fn is_retry_after(value: &str) -> bool {
    value.parse::<u64>().is_ok_and(|seconds| seconds <= 1 << 31)
        || (value.ends_with("GMT") && httpdate::parse_http_date(value).is_ok())
}

/// One dispatched event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) data: String,
    pub(crate) last_id: String,
}

/// WHATWG HTML section 9.2.6, in the plainest words.
pub(crate) fn parse(text: &str) -> Vec<Event> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let (mut events, mut event, mut data) = (Vec::new(), Event::default(), String::new());
    let mut lines: Vec<&str> = text.split('\n').collect();
    // What no line end closes is no line.
    lines.pop();
    for line in lines {
        if line.is_empty() {
            if !data.is_empty() {
                data.pop();
                event.data = std::mem::take(&mut data);
                events.push(event.clone());
            }
            event.name.clear();
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => {
                data.push_str(value);
                data.push('\n');
            }
            "event" => event.name = value.to_owned(),
            "id" if !value.contains('\0') => event.last_id = value.to_owned(),
            _ => {}
        }
    }
    events
}
