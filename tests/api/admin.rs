//! The admin listener: who is let in, and what it tells.

mod access;
mod metrics;
mod openapi;
mod secrets;
mod streams;
mod targets;

use std::net::SocketAddr;

use crate::support::{Client, Reply};

/// Asks the admin listener; `headers` come after `host`.
async fn ask(address: SocketAddr, line: &str, headers: &[(&str, &str)]) -> Reply {
    let mut request = format!("{line} HTTP/1.1\r\n");
    if !headers.iter().any(|(name, _)| *name == "host") {
        request.push_str(&format!("host: {address}\r\n"));
    }
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    let mut client = Client::connect(address).await;
    client.send(format!("{request}\r\n")).await;
    client.reply().await
}

/// The code of a refusal.
async fn code(reply: &mut Reply) -> String {
    let body = reply.json().await;
    assert!(body["error"]["message"].is_string(), "{body}");
    body["error"]["code"].as_str().unwrap().to_owned()
}
