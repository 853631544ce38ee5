//! What bad gateways make of an answer.

use serde_json::{Value, json};

/// A provider's answer as it came, its body with its framing.
pub(crate) struct Upstream {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

impl Upstream {
    pub(crate) fn parse(answer: &[u8]) -> Self {
        Self::parsed(answer).unwrap_or(Self {
            status: 502,
            headers: Vec::new(),
            body: Vec::new(),
        })
    }

    /// `None` while there is no head. The first head is taken for the last.
    pub(crate) fn parsed(answer: &[u8]) -> Option<Self> {
        let mut headers = [httparse::EMPTY_HEADER; 128];
        let mut head = httparse::Response::new(&mut headers);
        let Ok(httparse::Status::Complete(length)) = head.parse(answer) else {
            return None;
        };
        let owned = |header: &httparse::Header<'_>| (header.name.to_owned(), header.value.to_vec());
        Some(Self {
            status: head.code?,
            headers: head.headers.iter().map(owned).collect(),
            body: answer[length..].to_vec(),
        })
    }

    /// A head with this status, whose body ends with the connection.
    pub(crate) fn head(&self, status: u16) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {status} Any\r\n").into_bytes();
        for (name, value) in &self.headers {
            if !["content-length", "transfer-encoding"].contains(&name.as_str()) {
                head.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
            }
        }
        head.extend(b"\r\n");
        head
    }

    fn header(&self, name: &str) -> Option<&[u8]> {
        let named = self.headers.iter().find(|(other, _)| other == name);
        named.map(|(_, value)| value.as_slice())
    }

    /// The body without its framing, in its chunks.
    fn chunks(&self) -> Vec<Vec<u8>> {
        match self.header("transfer-encoding") {
            Some(_) => dechunked(&self.body),
            None => vec![self.body.clone()],
        }
    }
}

/// What the chunks hold, up to the first that is none.
pub(crate) fn dechunked(mut body: &[u8]) -> Vec<Vec<u8>> {
    let mut chunks = Vec::new();
    while let Some(line) = body.windows(2).position(|two| two == b"\r\n") {
        let size = std::str::from_utf8(&body[..line]).unwrap_or("");
        let Ok(size) = usize::from_str_radix(size, 16) else {
            break;
        };
        let Some(chunk) = body.get(line + 2..line + 2 + size) else {
            break;
        };
        chunks.push(chunk.to_vec());
        body = body.get(line + 4 + size..).unwrap_or_default();
    }
    chunks
}

pub(crate) fn always_200(upstream: Upstream) -> Vec<u8> {
    [upstream.head(200), upstream.chunks().concat()].concat()
}

/// Two lengths, no header of the provider's but its type.
pub(crate) fn no_metadata(upstream: Upstream) -> Vec<u8> {
    let body = upstream.chunks().concat();
    if upstream.headers.len() > 64 {
        return Vec::new();
    }
    // It waits for one head, and knows no such status.
    let status = match upstream.status {
        100..200 => 502,
        status => status,
    };
    let content_type = upstream.header("content-type").unwrap_or(b"text/plain");
    let content_type = String::from_utf8_lossy(content_type);
    let head = format!(
        "HTTP/1.1 {status} Any\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n\
         content-length: {}\r\n\r\n",
        body.len(),
        body.len(),
    );
    [head.into_bytes(), body].concat()
}

/// Each event read with no more care than a first draft has, and written with what it knows.
pub(crate) fn rewritten(upstream: Upstream) -> Vec<u8> {
    let is_stream = match upstream.header("content-type") {
        Some(b"text/event-stream") => true,
        Some(b"application/json") => false,
        _ => return upstream.head(502),
    };
    let text: String = upstream
        .chunks()
        .iter()
        .map(|chunk| String::from_utf8_lossy(chunk).into_owned())
        .collect();
    let body = match is_stream {
        false => known(&text),
        true => text
            .split("\n\n")
            .filter_map(|event| event.strip_prefix("data: "))
            .filter(|data| data.len() < 64 << 10)
            .map(|data| match data {
                "[DONE]" => "data: [DONE]\n\n".to_owned(),
                data => format!("data: {}\n\n", known(data)),
            })
            .collect(),
    };
    [upstream.head(upstream.status), body.into_bytes()].concat()
}

/// The members that this gateway knows.
fn known(json: &str) -> String {
    let json: Value = serde_json::from_str(json).unwrap_or_default();
    json!({ "id": json["id"], "choices": json["choices"] }).to_string()
}
