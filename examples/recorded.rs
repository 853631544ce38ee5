//! An app that asks Herald for completions, and a suite that plays it recordings.
//!
//! `cargo run --example recorded` prints one answer, `cargo test --example recorded` runs the suite.
//! The recordings are in `examples/recordings/`; `herald replay record` makes more of them.

use awc::{Client, error::SendRequestError};
use herald::{providers::replay::library::ReplayLibrary, testkit::TestGateway};
use serde_json::{Value, json};

/// What the app makes of an answer.
#[derive(Debug, PartialEq)]
enum Answer {
    /// What the model said.
    Said(String),
    /// To be asked again, after so many seconds.
    Later(u64),
}

/// The app under test: asks a gateway for a completion.
async fn ask(base_url: &str, model: &str) -> Result<Answer, SendRequestError> {
    let request = Client::default().post(format!("{base_url}/chat/completions"));
    let mut answer = request
        .send_json(&json!({ "model": model, "stream": true, "messages": [] }))
        .await?;
    if let Some(seconds) = answer.headers().get("retry-after") {
        let seconds = seconds
            .to_str()
            .ok()
            .and_then(|seconds| seconds.parse().ok());
        return Ok(Answer::Later(seconds.unwrap_or(60)));
    }
    let body = answer.body().await.unwrap_or_default();
    let text = String::from_utf8_lossy(&body);
    let events = text.lines().filter_map(|line| line.strip_prefix("data: "));
    let words = events.filter_map(|data| {
        let event: Value = serde_json::from_str(data).ok()?;
        Some(event["choices"][0]["delta"]["content"].as_str()?.to_owned())
    });
    Ok(Answer::Said(words.collect()))
}

const RECORDINGS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/recordings");

#[actix_web::main]
#[expect(clippy::print_stdout, reason = "it is what the example is for")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let gateway = TestGateway::playing(ReplayLibrary::from_dir(RECORDINGS)?).await;
    println!("{:?}", ask(&gateway.base_url(), "greeting").await?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn gateway() -> TestGateway {
        TestGateway::playing(
            ReplayLibrary::from_dir(RECORDINGS)
                .unwrap()
                .without_pauses(),
        )
        .await
    }

    #[actix_web::test]
    async fn the_words_of_a_stream_are_put_together() {
        let gateway = gateway().await;
        let answer = ask(&gateway.base_url(), "greeting").await.unwrap();
        assert_eq!(answer, Answer::Said("Good morning".to_owned()));
    }

    #[actix_web::test]
    async fn a_refusal_says_when_to_come_back() {
        let gateway = gateway().await;
        let answer = ask(&gateway.base_url(), "out-of-quota").await.unwrap();
        assert_eq!(answer, Answer::Later(20));
    }
}
