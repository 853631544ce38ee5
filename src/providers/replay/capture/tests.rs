//! Captures over connections in memory, with the clock paused.

use std::collections::HashMap;

use tokio::{io::duplex, task::LocalSet};

use super::*;
use crate::{
    dialects::openai::parse_request, providers::replay::library::ReplayLibrary, settings::Settings,
};

fn request(model: &str, stream: bool) -> CompletionRequest {
    let body = format!(r#"{{"model":"{model}","stream":{stream},"messages":[]}}"#);
    parse_request(Bytes::from(body)).unwrap()
}

async fn captured(name: &str, stream: bool) -> Result<Captured, CaptureError> {
    let settings = Settings::from_toml("").unwrap();
    let settings = settings.verify(&HashMap::new()).unwrap();
    let target = settings.models.get(name).unwrap().first_target();
    let request = request(name, stream);
    let captured = capture(&settings, target, &request);
    LocalSet::new().run_until(captured).await
}

#[tokio::test(start_paused = true)]
async fn a_recording_of_a_recording_is_the_same_but_for_what_was_scrubbed() {
    let library = ReplayLibrary::embedded();
    for name in library.names() {
        let answers = &library.get(name).unwrap().answers;
        for answer in answers {
            let captured = captured(&format!("replay-{name}"), answer.stream)
                .await
                .unwrap();
            let mut expected = answer.clone();
            for (name, value) in &mut expected.headers {
                if captured.scrubbed.headers.contains(name) {
                    *value = Bytes::from_static(b"redacted");
                }
            }
            if name == "rate-limited" {
                assert_eq!(captured.scrubbed.other_places, 1);
                expected.chunks.clone_from(&captured.answer.chunks);
            }
            assert_eq!(captured.answer, expected, "{name}");
            let pauses = expected.chunks.iter().map(|chunk| chunk.after);
            assert_eq!(captured.took, expected.after + pauses.sum::<Duration>());
        }
    }
}

#[tokio::test]
async fn a_provider_of_another_format_is_not_asked_for_what_could_not_be_played() {
    let settings = "[[providers]]\nid = \"a\"\nkind = \"anthropic\"\nbase_url = \"http://127.0.0.1:1\"\n\
        [[models]]\nid = \"m\"\ntargets = [{ provider = \"a\", model = \"claude\" }]\n";
    let settings = Settings::from_toml(settings).unwrap();
    let settings = settings.verify(&HashMap::new()).unwrap();
    let target = settings.models.get("m").unwrap().first_target();
    let refused = capture(&settings, target, &request("m", true)).await;
    let refused = refused.unwrap_err();
    assert_eq!(refused, CaptureError::Format(WireFormat::Messages));
    assert_eq!(
        refused.to_string(),
        "it speaks /v1/messages, and a recording holds answers to /v1/chat/completions"
    );
}

/// Plays `answer` to whatever request comes, and gives what was captured.
async fn exchanged(
    answer: &[(u64, &str)],
    clocks: ClockLengths,
) -> Result<(Answer, bool), CaptureError> {
    let (near, mut far) = duplex(1 << 10);
    let provider = async {
        for (seconds, text) in answer {
            tokio::time::sleep(Duration::from_secs(*seconds)).await;
            far.write_all(text.as_bytes()).await.unwrap();
        }
        tokio::time::sleep(Duration::from_secs(3600)).await;
    };
    let reader = AnswerReader::new(1 << 10, 1 << 10);
    // More than the pipe holds, and the provider reads none of it.
    let capture = exchange(near, vec![b'x'; 2 << 10], clocks, reader);
    let raw = tokio::select! {
        raw = capture => raw?,
        () = provider => panic!("the capture waits for good"),
    };
    raw.reader.into_answer(true, raw.sent_at, raw.end)
}

const CLOCKS: ClockLengths = ClockLengths {
    connect: Duration::from_secs(1),
    head: Duration::from_secs(100),
    first_event: Duration::from_secs(1),
    idle: Duration::from_secs(70),
    total: Duration::from_secs(200),
    client_write: Duration::from_secs(1),
    hold: Duration::ZERO,
};

const HEAD: &str = "HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn an_answer_that_comes_before_the_request_is_written_is_captured() {
    let (answer, is_shortened) = exchanged(&[(1, HEAD), (69, "{}")], CLOCKS).await.unwrap();
    assert_eq!((answer.status, answer.after), (413, Duration::from_secs(1)));
    assert_eq!(answer.chunks[0].after, Duration::from_secs(60));
    assert!(is_shortened);
}

#[tokio::test(start_paused = true)]
async fn each_wait_is_bounded_by_its_clock() {
    let expired = |clock| Err(CaptureError::from(CLOCKS.expired(clock)));
    assert_eq!(
        exchanged(&[(101, HEAD)], CLOCKS).await,
        expired(Clock::Head)
    );
    assert_eq!(
        exchanged(&[(50, "HTTP/1.1 2"), (51, "00")], CLOCKS).await,
        expired(Clock::Head)
    );
    assert_eq!(
        exchanged(&[(1, HEAD), (71, "{}")], CLOCKS).await,
        expired(Clock::Idle)
    );
    let slow = [(90, HEAD), (60, "{"), (60, "}")];
    assert_eq!(exchanged(&slow, CLOCKS).await, expired(Clock::Total));
}

#[test]
fn the_request_is_what_herald_would_send() {
    let settings = Settings::from_toml(
        "[[providers]]\nid = \"p\"\nkind = \"openai\"\nbase_url = \"http://api.test/v9\"\n\
         api_key = { env = \"KEY\" }\nusage_request = true\nheaders = { x-team = \"blue\" }\n\
         [[models]]\nid = \"mine\"\ntargets = [{ provider = \"p\", model = \"theirs\" }]",
    );
    let secrets = HashMap::from([("KEY".to_owned(), "sk-the-key".to_owned())]);
    let settings = settings.unwrap().verify(&secrets).unwrap();
    let target = settings.models.get("mine").unwrap().first_target();
    let bytes = request_bytes(&settings, target, &request("mine", true)).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let mut lines: Vec<_> = head.split("\r\n").collect();
    assert_eq!(lines.remove(0), "POST /v9/chat/completions HTTP/1.1");
    lines.sort_unstable();
    let length = format!("content-length: {}", body.len());
    let agent = concat!("user-agent: herald/", env!("CARGO_PKG_VERSION"));
    let expected = [
        "accept-encoding: identity",
        "accept: text/event-stream, application/json",
        "authorization: Bearer sk-the-key",
        &length,
        "content-type: application/json",
        "host: api.test",
        agent,
        "x-team: blue",
    ];
    assert_eq!(lines, expected);
    let expected =
        r#"{"stream_options":{"include_usage":true},"model":"theirs","stream":true,"messages":[]}"#;
    assert_eq!(body, expected);
}
