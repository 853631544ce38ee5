//! The clients: bare sockets, one for each stream.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

use crate::{
    plan::{Course, Outcome, Plan},
    provider::Provider,
};

/// The longest that any stream may take: the slowest course has some 15 s.
const BOUND: Duration = Duration::from_secs(60);

/// A request that bears a number.
pub(crate) fn request(number: u64) -> String {
    let body = format!(
        r#"{{"model":"m","stream":true,"messages":[{{"role":"user","content":"Hi"}}],"user":"{number}"}}"#
    );
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: herald\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Runs one stream.
///
/// # Errors
/// It hung, or it came to something else than planned; and what that was.
pub(crate) async fn run(
    gateway: SocketAddr,
    provider: &Provider,
    number: u64,
    plan: Plan,
) -> Result<Outcome, String> {
    let told = match timeout(BOUND, ask(gateway, provider, number, plan)).await {
        Err(_) => Err(format!("no end within {} s", BOUND.as_secs())),
        Ok(Err(error)) => Err(error.to_string()),
        Ok(Ok(Some(answer))) => judge(&answer),
        Ok(Ok(None)) => Ok(Outcome::Cancelled),
    };
    match told {
        Ok(outcome) if outcome == plan.outcome() => Ok(outcome),
        Ok(outcome) => Err(format!("stream {number}: {plan:?} came to {outcome:?}")),
        Err(problem) => Err(format!("stream {number}: {plan:?}: {problem}")),
    }
}

/// The whole answer; `None` where the client has left.
async fn ask(
    gateway: SocketAddr,
    provider: &Provider,
    number: u64,
    plan: Plan,
) -> io::Result<Option<Vec<u8>>> {
    let mut socket = TcpStream::connect(gateway).await?;
    let arrival = match plan.course {
        Course::LeavesWaiting(_) => Some(provider.arrival(number)),
        _ => None,
    };
    socket.write_all(request(number).as_bytes()).await?;
    if let (Course::LeavesWaiting(wait_ms), Some(arrival)) = (plan.course, arrival) {
        // A request that the gateway has not begun is nothing that it could count.
        arrival.await.map_err(io::Error::other)?;
        sleep(Duration::from_millis(wait_ms)).await;
        return Ok(None);
    }
    let mut answer = Vec::new();
    while socket.read_buf(&mut answer).await? > 0 {
        if let Course::LeavesReading(after) = plan.course
            && count(&answer, b"data: ") as u64 >= after
        {
            return Ok(None);
        }
    }
    Ok(Some(answer))
}

/// What an answer came to, by its own words.
fn judge(answer: &[u8]) -> Result<Outcome, String> {
    let text = String::from_utf8_lossy(answer);
    let (head, body) = text.split_once("\r\n\r\n").ok_or("no head came")?;
    let is_stream = head.starts_with("HTTP/1.1 200 ");
    match (
        is_stream,
        body.contains("data: [DONE]"),
        body.contains("\"error\""),
    ) {
        (true, true, false) if body.ends_with("0\r\n\r\n") => Ok(Outcome::Completed),
        (_, false, true) => Ok(Outcome::Failed),
        _ => Err(format!(
            "it ended without an end: {:?}",
            &text[text.floor_char_boundary(text.len().saturating_sub(200))..]
        )),
    }
}

fn count(bytes: &[u8], what: &[u8]) -> usize {
    bytes
        .windows(what.len())
        .filter(|window| *window == what)
        .count()
}
