//! What the steps of a request and of an event cost, each by itself.
//!
//! ```text
//! cargo bench --bench operations      # how long each takes
//! benches/instructions                # how many instructions each takes, whatever the machine does
//! ```
//!
//! An operation does the same at each turn, so that twice as many turns take twice as many instructions.
//! The decoder has a program of its own, `sse_decoder.rs`, which takes chunks of other sizes.

#![expect(clippy::print_stdout, reason = "the script reads the names there")]

use std::{
    collections::HashMap,
    env,
    hint::black_box,
    sync::{Arc, LazyLock},
    task::{Context, Waker},
};

use actix_web::{
    body::MessageBody,
    http::header::{HeaderMap, HeaderName, HeaderValue},
};
use actix_web_lab::sse;
use bytes::Bytes;
use divan::Bencher;
use fastrand::Rng;
use futures_util::FutureExt;
use herald::{
    delivery::{self, DeliveryStream},
    dialects::{
        AnswerContext, Dialect,
        anthropic::Messages,
        openai::{ChatCompletions, Responses},
    },
    providers::ProviderId,
    response::sse_body::SseBody,
    routing::{
        group::{self, Member},
        target_state::{TargetKey, TargetState},
    },
    settings::{Settings, VerifiedSettings},
    translation::{Passage, Translation},
    upstream::sse_decoder::{SseDecoder, SseEvent},
};
use tokio::{sync::oneshot, time::Instant};

const CHAT_REQUEST: &str = r#"{"model":"chat","max_tokens":64,"stream":true,"temperature":0.2,"messages":[{"role":"system","content":"Answer in one sentence."},{"role":"user","content":"What is a gateway?"}]}"#;
const CHAT_EVENT: &str = r#"{"id":"chatcmpl-AbCdEfGhIjKlMnOpQrStUvWxYz012","object":"chat.completion.chunk","created":1764000000,"model":"gpt-4.1-2025-04-14","service_tier":"default","system_fingerprint":"fp_0123456789","choices":[{"index":0,"delta":{"content":" hello"},"logprobs":null,"finish_reason":null}],"obfuscation":"abcdefg"}"#;
const MESSAGES_BEGIN: &str = r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","content":[],"model":"claude","stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":9,"output_tokens":1}}}"#;
const MESSAGES_BLOCK: &str =
    r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#;
const MESSAGES_EVENT: &str =
    r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" hello"}}"#;

/// A model at a provider of each format.
static SETTINGS: LazyLock<VerifiedSettings> = LazyLock::new(|| {
    let written = r#"
        [[providers]]
        id = "openai"
        kind = "openai"
        base_url = "http://127.0.0.1:1/v1"
        [[providers]]
        id = "anthropic"
        kind = "anthropic"
        base_url = "http://127.0.0.1:1/v1"
        [[models]]
        id = "chat"
        targets = [{ provider = "openai", model = "gpt-4o-mini" }]
        [[models]]
        id = "messages"
        targets = [{ provider = "anthropic", model = "claude" }]
    "#;
    let settings = Settings::from_toml(written).expect("they are well written");
    settings
        .verify(&HashMap::new())
        .expect("they hang together")
});

/// Makes what it takes, and returns one turn.
type Made = fn() -> Box<dyn FnMut()>;

const OPERATIONS: [(&str, Made); 12] = [
    ("decode_event", decode_event),
    ("encode_event", encode_event),
    ("header_policy", header_policy),
    ("status_table", status_table),
    ("pass_request", pass_request),
    ("pass_long_request", pass_long_request),
    ("chat_request_as_messages", chat_request_as_messages),
    ("chat_event_as_message", chat_event_as_message),
    ("chat_event_as_response", chat_event_as_response),
    ("message_event_as_chat", message_event_as_chat),
    ("choose_of_one", || choose_target(1)),
    ("choose_of_three", || choose_target(3)),
];

/// `names` prints the operations, `turns OPERATION NUMBER` does so many of one; all else is divan's.
fn main() {
    let words: Vec<String> = env::args().skip(1).collect();
    match &*words.iter().map(String::as_str).collect::<Vec<_>>() {
        ["names"] => OPERATIONS.iter().for_each(|(name, _)| println!("{name}")),
        ["turns", name, turns] => {
            let mut turn = make(name);
            (0..turns.parse().expect("a number")).for_each(|_: usize| turn());
        }
        _ => divan::main(),
    }
}

#[divan::bench(args = OPERATIONS.map(|(name, _)| name))]
fn operation(bencher: Bencher<'_, '_>, name: &str) {
    bencher.bench_local(make(name));
}

fn make(name: &str) -> Box<dyn FnMut()> {
    let mut all = OPERATIONS.iter();
    let (_, made) = all.find(|(known, _)| *known == name).expect("an operation");
    made()
}

/// One event of 314 bytes, its line and the empty one in one chunk.
fn decode_event() -> Box<dyn FnMut()> {
    let chunk = Bytes::from(format!("data: {CHAT_EVENT}\n\n"));
    let mut decoder = SseDecoder::new(8 << 20);
    Box::new(move || {
        decoder.push(black_box(chunk.clone()));
        black_box(decoder.next_event().expect("it is small"));
    })
}

/// One event through the channel and out of the body.
fn encode_event() -> Box<dyn FnMut()> {
    let (sender, receiver) = delivery::channel(32, 1 << 20);
    let (report, _) = oneshot::channel();
    let mut body = Box::pin(SseBody::new(DeliveryStream::new(receiver, report), None));
    let data = bytestring::ByteString::from(CHAT_EVENT);
    Box::new(move || {
        let event = sse::Data::new(black_box(data.clone()));
        let sent = sender.send(event.into(), data.len()).now_or_never();
        assert!(matches!(sent, Some(Ok(()))), "there is room");
        let mut cx = Context::from_waker(Waker::noop());
        assert!(black_box(body.as_mut().poll_next(&mut cx)).is_ready());
    })
}

/// A provider's head of 20 fields, of which ten go out.
fn header_policy() -> Box<dyn FnMut()> {
    let mut head = HeaderMap::new();
    for (name, value) in [
        ("date", "Mon, 23 Nov 2026 12:00:00 GMT"),
        ("content-type", "text/event-stream; charset=utf-8"),
        ("transfer-encoding", "chunked"),
        ("connection", "keep-alive"),
        ("access-control-expose-headers", "X-Request-ID"),
        ("openai-organization", "org-1"),
        ("openai-processing-ms", "212"),
        ("openai-project", "proj_1"),
        ("openai-version", "2020-10-01"),
        ("x-ratelimit-limit-requests", "10000"),
        ("x-ratelimit-limit-tokens", "2000000"),
        ("x-ratelimit-remaining-requests", "9999"),
        ("x-ratelimit-remaining-tokens", "1999980"),
        ("x-ratelimit-reset-requests", "6ms"),
        ("x-ratelimit-reset-tokens", "0s"),
        ("x-request-id", "req_0123456789abcdef"),
        ("strict-transport-security", "max-age=31536000"),
        ("set-cookie", "__cf_bm=1; path=/; HttpOnly; Secure"),
        ("server", "cloudflare"),
        ("alt-svc", "h3=\":443\"; ma=86400"),
    ] {
        let name = HeaderName::from_static(name);
        head.append(name, HeaderValue::from_static(value));
    }
    let policy = &SETTINGS.providers[&ProviderId::new("openai")].header_policy;
    Box::new(move || {
        drop(black_box(
            policy.for_key(None).forward(black_box(&head), true),
        ))
    })
}

fn status_table() -> Box<dyn FnMut()> {
    let table = &SETTINGS.providers[&ProviderId::new("openai")].status_table;
    Box::new(|| {
        black_box(table.map(black_box(429)));
    })
}

/// A request that passes: read, and the model's name put into it.
fn pass_request() -> Box<dyn FnMut()> {
    let body = Bytes::from(CHAT_REQUEST);
    Box::new(move || {
        drop(black_box(passage(
            &ChatCompletions,
            black_box(&body),
            "chat",
        )))
    })
}

/// The same with a prompt of a megabyte.
fn pass_long_request() -> Box<dyn FnMut()> {
    let body = Bytes::from(CHAT_REQUEST.replace("gateway", &"word ".repeat(200_000)));
    Box::new(move || {
        drop(black_box(passage(
            &ChatCompletions,
            black_box(&body),
            "chat",
        )))
    })
}

fn chat_request_as_messages() -> Box<dyn FnMut()> {
    let body = Bytes::from(CHAT_REQUEST);
    Box::new(move || {
        drop(black_box(passage(
            &ChatCompletions,
            black_box(&body),
            "messages",
        )))
    })
}

fn chat_event_as_message() -> Box<dyn FnMut()> {
    let mut translation = translation(&Messages, "chat");
    let event = event(None, CHAT_EVENT);
    Box::new(move || drop(black_box(translation.event(black_box(&event)))))
}

/// It grows with the answer, because the last event of a response repeats all of it.
fn chat_event_as_response() -> Box<dyn FnMut()> {
    let mut translation = translation(&Responses, "chat");
    let event = event(None, CHAT_EVENT);
    Box::new(move || drop(black_box(translation.event(black_box(&event)))))
}

fn message_event_as_chat() -> Box<dyn FnMut()> {
    let mut translation = translation(&ChatCompletions, "messages");
    for (name, data) in [
        ("message_start", MESSAGES_BEGIN),
        ("content_block_start", MESSAGES_BLOCK),
    ] {
        let begun = translation.event(&event(Some(name), data));
        begun.expect("it is Anthropic's");
    }
    let event = event(Some("content_block_delta"), MESSAGES_EVENT);
    Box::new(move || drop(black_box(translation.event(black_box(&event)))))
}

/// Whom of so many targets to ask, and the attempt's end.
fn choose_target(targets: usize) -> Box<dyn FnMut()> {
    let provider = ProviderId::new("openai");
    let state = |number| {
        let key = TargetKey::new(&provider, &format!("model-{number}"));
        Arc::new(TargetState::new(key))
    };
    let states: Vec<_> = (0..targets).map(state).collect();
    let (mut rng, now) = (Rng::with_seed(7), Instant::now());
    Box::new(move || {
        let member = |target| Member {
            target,
            weight: 1,
            may_be_asked: true,
        };
        let members: Vec<_> = states.iter().map(member).collect();
        let picked = group::pick(black_box(&members), 1, &SETTINGS.headroom, now, &mut rng);
        drop(black_box(picked));
    })
}

fn passage(dialect: &'static dyn Dialect, body: &Bytes, model: &str) -> Passage {
    let request = dialect.parse_completion(body.clone());
    let request = request.expect("it is well written");
    let target = SETTINGS.models.get(model).expect("it is there");
    let about = AnswerContext {
        id: "0199c0de-0000-7000-8000-000000000000",
        model: "gpt-4o-mini",
        created: 1_764_000_000,
    };
    Passage::find(dialect, &request, target.first_target(), about).expect("it can be served")
}

/// Writes an answer of the model's provider for clients of another dialect.
fn translation(dialect: &'static dyn Dialect, model: &str) -> Translation {
    let body = r#"{"model":"m","max_tokens":9,"stream":true,"input":"Hi","messages":[{"role":"user","content":"Hi"}]}"#;
    let passage = passage(dialect, &Bytes::from(body), model);
    passage.translation.expect("the formats differ")
}

fn event(name: Option<&'static str>, data: &'static str) -> SseEvent {
    SseEvent {
        event: name.map(Into::into),
        id: None,
        data: data.into(),
    }
}
