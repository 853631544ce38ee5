//! What must hold of every translation for every input; shared by the fuzz targets and `tests/golden/`.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
};

use bytes::Bytes;
use herald::{
    completion::{EventKind, WireFormat},
    dialects::{
        AnswerContext, Dialect,
        anthropic::Messages,
        openai::{ChatCompletions, Responses},
    },
    settings::{Settings, VerifiedModel},
    translation::Passage,
    upstream::sse_decoder::{SseDecoder, SseEvent},
};

const DIALECTS: [&dyn Dialect; 3] = [&ChatCompletions, &Responses, &Messages];

const ABOUT: AnswerContext<'static> = AnswerContext {
    id: "0192f0c1-2345-7abc-8def-0123456789ab",
    model: "up-model",
    created: 1_700_000_000,
};

/// How many bytes a translation may come to for each byte of its input: ids, names and frames are
/// repeated with each event, but nothing grows with the answer.
const MOST_PER_BYTE: usize = 400;
/// What even an empty answer takes.
const MOST_AT_LEAST: usize = 64 << 10;

/// One model for each kind of provider.
static MODELS: LazyLock<Vec<Arc<VerifiedModel>>> = LazyLock::new(|| {
    ["openai", "anthropic"]
        .into_iter()
        .map(|kind| {
            let settings = format!(
                "[[providers]]\nid = \"p\"\nkind = \"{kind}\"\nbase_url = \"http://127.0.0.1:1\"\n\
                 [[models]]\nid = \"m\"\ntargets = [{{ provider = \"p\", model = \"up-model\" }}]\n"
            );
            let settings = Settings::from_toml(&settings).expect("it is TOML");
            let settings = settings.verify(&HashMap::new()).expect("it can be served");
            Arc::clone(settings.models.get("m").expect("it is there"))
        })
        .collect()
});

/// Checks that any bytes, as a request in any dialect, are refused or told as JSON of a bounded size.
pub(crate) fn check_request(body: &[u8]) {
    for dialect in DIALECTS {
        let Ok(request) = dialect.parse_completion(Bytes::copy_from_slice(body)) else {
            continue;
        };
        for model in MODELS.iter() {
            let Ok(passage) = Passage::find(dialect, &request, model, ABOUT) else {
                continue;
            };
            let told = passage.body.concat();
            assert!(
                told.len() <= MOST_AT_LEAST + MOST_PER_BYTE * body.len(),
                "{} bytes became {}",
                body.len(),
                told.len()
            );
            serde_json::from_slice::<serde::de::IgnoredAny>(&told)
                .expect("a provider is told JSON");
        }
    }
}

/// Checks that any bytes, as a stream of any provider, come to events of each dialect that are JSON, of a
/// bounded size, and end as the dialect ends only where the provider did.
pub(crate) fn check_stream(stream: &[u8]) {
    for model in MODELS.iter() {
        for dialect in DIALECTS {
            check_stream_for(dialect, model, stream);
        }
    }
}

fn check_stream_for(dialect: &'static dyn Dialect, model: &VerifiedModel, stream: &[u8]) {
    let asked = Bytes::from_static(
        br#"{"model":"m","stream":true,"max_tokens":9,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"hi"}]}"#,
    );
    let asked = match dialect.format() {
        WireFormat::Responses => Bytes::from_static(br#"{"model":"m","stream":true,"input":"hi"}"#),
        _ => asked,
    };
    let request = dialect.parse_completion(asked).expect("it is a request");
    let passage = Passage::find(dialect, &request, model, ABOUT).expect("it is served");
    let Some(mut translation) = passage.translation else {
        return;
    };
    let mut reader = passage.api.event_reader(&request);
    let mut decoder = SseDecoder::new(1 << 20);
    decoder.push(Bytes::copy_from_slice(stream));
    let mut told = 0;
    let mut check = |events: Vec<SseEvent>, has_ended: bool| {
        for event in events {
            told += event.size();
            let is_end = is_end(&event);
            assert_eq!(is_end && !has_ended, false, "an end that nobody said");
            assert!(event.data == "[DONE]" || is_object(&event.data), "no JSON");
        }
        assert!(
            told <= MOST_AT_LEAST + MOST_PER_BYTE * stream.len(),
            "{} bytes became {told}",
            stream.len()
        );
    };
    while let Ok(Some(raw)) = decoder.next_event() {
        let Ok(event) = reader.read(raw) else {
            return;
        };
        match event.kind {
            EventKind::End => break,
            EventKind::Error(_) => return,
            _ => match translation.event(&event.raw) {
                Ok(events) => check(events, false),
                Err(_) => return,
            },
        }
    }
    if reader.is_complete() {
        check(translation.end(), true);
    }
}

fn is_end(event: &SseEvent) -> bool {
    let name = event.event.as_deref();
    event.data == "[DONE]"
        || matches!(
            name,
            Some("message_stop" | "response.completed" | "response.incomplete")
        )
}

fn is_object(text: &str) -> bool {
    text.starts_with('{') && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}
