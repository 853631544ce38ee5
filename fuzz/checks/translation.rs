//! What must hold of every translation for every input; shared by the fuzz targets and `tests/golden/`.

mod grammar;

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
        sourcegraph,
    },
    providers::EventReader,
    settings::{ProviderKind, Settings, VerifiedTarget},
    translation::{Passage, Translation},
    upstream::sse_decoder::{SseDecoder, SseEvent},
};

/// Sourcegraph's in a version that repeats nothing: what the first two come to grows with its square.
static DIALECTS: LazyLock<[&dyn Dialect; 4]> = LazyLock::new(|| {
    let sourcegraph = sourcegraph::Completions::chat(8).expect("there is a version 8");
    [&ChatCompletions, &Responses, &Messages, sourcegraph]
});

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

/// One target for each kind of provider.
static TARGETS: LazyLock<Vec<Arc<VerifiedTarget>>> =
    LazyLock::new(|| {
        ["openai", "anthropic"]
        .into_iter()
        .map(|kind| {
            let settings = format!(
                "[[providers]]\nid = \"p\"\nkind = \"{kind}\"\nbase_url = \"http://127.0.0.1:1\"\n\
                 [[models]]\nid = \"m\"\ntargets = [{{ provider = \"p\", model = \"up-model\" }}]\n"
            );
            let settings = Settings::from_toml(&settings).expect("it is TOML");
            let settings = settings.verify(&HashMap::new()).expect("it can be served");
            Arc::clone(settings.models.get("m").expect("it is there").first_target())
        })
        .collect()
    });

/// Checks that any bytes, as a request in any dialect, are refused or told as JSON of a bounded size.
pub(crate) fn check_request(body: &[u8]) {
    for dialect in *DIALECTS {
        let Ok(request) = dialect.parse_completion(Bytes::copy_from_slice(body)) else {
            continue;
        };
        for target in TARGETS.iter() {
            let Ok(passage) = Passage::find(dialect, &request, target, ABOUT) else {
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

/// Checks that any bytes, as a stream of any provider, come to events of each dialect that its clients
/// take in this order, are of a bounded size, and end as the dialect ends only where the provider did;
/// and the same in chunks of this many bytes.
pub(crate) fn check_stream(stream: &[u8], chunk: usize) {
    for target in TARGETS.iter() {
        for dialect in *DIALECTS {
            if let Some(whole) = told(dialect, target, stream, stream.len()) {
                let in_chunks = told(dialect, target, stream, chunk);
                assert_eq!(in_chunks, Some(whole), "cut, it is another");
            }
        }
    }
}

/// What a client of the dialect is told of a stream that comes in chunks of this size; `None` where it
/// passes as it is. That no end is invented is checked behind each chunk, as if the stream were cut there.
fn told(
    dialect: &'static dyn Dialect,
    target: &VerifiedTarget,
    stream: &[u8],
    chunk: usize,
) -> Option<Vec<SseEvent>> {
    let (mut reader, mut translation) = begun(dialect, target)?;
    let mut grammar = grammar::of(dialect.format());
    let mut decoder = SseDecoder::new(1 << 20);
    let (mut told, mut size, mut is_whole) = (Vec::new(), 0, false);
    let mut take = |events: Vec<SseEvent>| {
        for event in events {
            grammar::take(grammar.as_mut(), &event);
            size += event.size();
            told.push(event);
        }
        assert!(
            size <= MOST_AT_LEAST + MOST_PER_BYTE * stream.len(),
            "{} bytes became {size}",
            stream.len()
        );
        grammar.has_ended()
    };
    let (mut came, mut is_complete) = (0, false);
    'stream: for bytes in stream.chunks(chunk.max(1)) {
        decoder.push(Bytes::copy_from_slice(bytes));
        came += bytes.len();
        loop {
            let raw = match decoder.next_event() {
                Ok(Some(raw)) => raw,
                Ok(None) => break,
                Err(_) => return Some(told),
            };
            let Ok(event) = reader.read(raw) else {
                return Some(told);
            };
            match event.kind {
                EventKind::End => {
                    is_whole = true;
                    break 'stream;
                }
                EventKind::Error(_) => return Some(told),
                _ => match translation.event(&event.raw) {
                    Ok(events) => assert!(!take(events), "an end that nobody said"),
                    Err(_) => return Some(told),
                },
            }
        }
        if !is_complete && reader.is_complete() {
            assert!(names_an_end(target, &stream[..came]), "it was cut short");
            is_complete = true;
        }
    }
    if is_whole || reader.is_complete() {
        assert!(names_an_end(target, &stream[..came]), "it was cut short");
        assert!(take(translation.end()), "the end is told");
    }
    Some(told)
}

/// An answer that begins, where it is translated.
fn begun(
    dialect: &'static dyn Dialect,
    target: &VerifiedTarget,
) -> Option<(Box<dyn EventReader>, Translation)> {
    let asked = match dialect.format() {
        WireFormat::Responses => r#"{"model":"m","stream":true,"input":"hi"}"#,
        WireFormat::Sourcegraph => r#"{"model":"m","messages":[{"speaker":"human","text":"hi"}]}"#,
        _ => {
            r#"{"model":"m","stream":true,"max_tokens":9,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"hi"}]}"#
        }
    };
    let asked = Bytes::from_static(asked.as_bytes());
    let request = dialect.parse_completion(asked).expect("it is a request");
    let passage = Passage::find(dialect, &request, target, ABOUT).expect("it is served");
    Some((passage.api.event_reader(&request), passage.translation?))
}

/// Whether there is a word in it with which the provider ends an answer, perhaps in escapes.
fn names_an_end(target: &VerifiedTarget, stream: &[u8]) -> bool {
    let text = String::from_utf8_lossy(stream);
    let words: &[&str] = match target.provider.kind {
        ProviderKind::Anthropic => &["message_stop", "\\u"],
        _ => &["[DONE]", "finish_reason", "\\u"],
    };
    words.iter().any(|word| text.contains(word))
}
