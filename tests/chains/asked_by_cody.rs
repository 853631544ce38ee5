//! What Cody asks a Herald, and what it makes of the answer.

use serde_json::{Value, json};

use crate::{
    client::Reply,
    cody::Cody,
    heralds::ask_with,
    strict::{self, Lawful},
};
use herald::testkit::TestGateway;

/// A version of the API, and whether a stream is asked for.
pub(crate) type Way = (u8, bool);

/// Each version, by stream and by document.
pub(crate) fn every_way() -> Vec<Way> {
    (0..=8)
        .flat_map(|version| [(version, true), (version, false)])
        .collect()
}

/// Where Cody posts what it asks in this version.
pub(crate) fn path(version: u8) -> String {
    let version = match version {
        0 => String::new(),
        _ => format!("api-version={version}&"),
    };
    format!("/.api/completions/stream?{version}client-name=vscode&client-version=1.60.0")
}

pub(crate) fn question(stream: bool) -> Value {
    json!({
        "model": "m", "stream": stream, "maxTokensToSample": 100, "temperature": 0, "topK": -1, "topP": -1,
        "messages": [{ "speaker": "human", "text": "Hi" }],
    })
}

/// What it sends with each request.
pub(crate) const HEADERS: [(&str, &str); 3] = [
    ("authorization", "token sgp_client"),
    ("accept-encoding", "gzip;q=0"),
    ("x-sourcegraph-interaction-id", "i-1"),
];

pub(crate) async fn ask(gateway: &TestGateway, (version, stream): Way) -> Reply {
    ask_within(gateway, (version, stream), &[]).await
}

/// The same with headers of its own beside.
pub(crate) async fn ask_within(
    gateway: &TestGateway,
    (version, stream): Way,
    more: &[(&str, &str)],
) -> Reply {
    let headers = [&HEADERS[..], more].concat();
    ask_with(gateway, &path(version), &question(stream), &headers).await
}

/// A stream, which must keep the law, and what Cody makes of it.
pub(crate) async fn play(reply: &mut Reply, version: u8) -> (Lawful, Cody) {
    assert_eq!(reply.status, 200, "{:?}", reply.headers);
    let lawful = strict::read(reply).await;
    let mut cody = Cody::new(version);
    for chunk in &lawful.chunks {
        cody.take(chunk);
    }
    (lawful, cody)
}
