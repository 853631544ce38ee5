//! Parts that a model's filter drops, in every dialect, translated or not, streamed or not.

use herald::testkit::{Script, ScriptedProvider, chat};
use serde_json::{Value, json};

use crate::{
    translation::{Dialect, Ended, ask, assert_none, events, gateway, judge, kind_of, pairs},
    wire::Answer,
};

const FILTER: &str = "filter.drop = [\"usage\", \"reasoning\", \"logprobs\"]\nfilter.drop_events = [\"ping\", \"x\"]";

/// A stream with a thought, a text and counts that stand nowhere else.
fn stream(kind: &str) -> Script {
    let usage = json!({
        "input_tokens": 71_717, "cache_creation_input_tokens": 71_718, "cache_read_input_tokens": 71_719,
        "output_tokens": 71_720, "output_tokens_details": { "thinking_tokens": 71_721 },
    });
    let said = if kind == "anthropic" {
        [
            json!({ "type": "message_start", "message": { "id": "msg_1", "type": "message", "role": "assistant", "model": "x", "content": [], "stop_reason": null, "stop_sequence": null, "usage": usage } }),
            json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "thinking", "thinking": "", "signature": "" } }),
            json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "thinking_delta", "thinking": "HIDE" } }),
            json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "signature_delta", "signature": "c2ln" } }),
            json!({ "type": "content_block_stop", "index": 0 }),
            json!({ "type": "ping", "zzz": "HIDE" }),
            json!({ "type": "content_block_start", "index": 1, "content_block": { "type": "text", "text": "" } }),
            json!({ "type": "content_block_delta", "index": 1, "delta": { "type": "text_delta", "text": "SHOWN" } }),
            json!({ "type": "content_block_stop", "index": 1 }),
            json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn", "stop_sequence": null }, "usage": usage }),
            json!({ "type": "message_stop" }),
        ]
        .iter()
        .map(Value::to_string)
        .collect()
    } else {
        let choice = |delta: Value| {
            json!({ "choices": [{ "index": 0, "delta": delta, "logprobs": { "content": [{ "token": "HIDE", "logprob": -0.1 }] }, "finish_reason": null }] }).to_string()
        };
        vec![
            choice(json!({ "reasoning_content": "HIDE", "reasoning": "HIDE", "reasoning_details": [{ "type": "reasoning.text", "text": "HIDE" }] })),
            choice(json!({ "content": "SHOWN" })),
            chat::finish("stop"),
            json!({ "choices": [], "usage": { "prompt_tokens": 71_717, "completion_tokens": 71_720, "total_tokens": 143_437,
                "prompt_tokens_details": { "cached_tokens": 71_719 }, "completion_tokens_details": { "reasoning_tokens": 71_721 } } }).to_string(),
            "[DONE]".to_owned(),
        ]
    };
    events(kind, &said)
}

fn document(kind: &str) -> Script {
    let body = if kind == "anthropic" {
        json!({ "id": "msg_1", "type": "message", "role": "assistant", "model": "x", "stop_reason": "end_turn", "stop_sequence": null,
            "content": [{ "type": "thinking", "thinking": "HIDE", "signature": "c2ln" }, { "type": "text", "text": "SHOWN" }],
            "usage": { "input_tokens": 71_717, "cache_creation_input_tokens": 71_718, "cache_read_input_tokens": 71_719, "output_tokens": 71_720 } })
    } else {
        json!({ "id": "c", "object": "chat.completion", "created": 1, "model": "x", "choices": [{ "index": 0, "finish_reason": "stop",
            "logprobs": { "content": [{ "token": "HIDE" }] },
            "message": { "role": "assistant", "content": "SHOWN", "reasoning_content": "HIDE", "reasoning": "HIDE", "reasoning_details": [{ "type": "reasoning.text", "text": "HIDE" }] } }],
            "usage": { "prompt_tokens": 71_717, "completion_tokens": 71_720, "total_tokens": 143_437 } })
    };
    Script::json(200, body.to_string())
}

async fn filtered(
    dialect: Dialect,
    kind: &str,
    is_stream: bool,
    filter: &str,
    more: &[(&str, Value)],
) -> Answer {
    let script = if is_stream {
        stream(kind)
    } else {
        document(kind)
    };
    let provider = ScriptedProvider::start([script]).await;
    let gateway = gateway(&provider, kind, filter, "").await;
    let mut body = dialect.request(is_stream);
    for (member, value) in more {
        body[*member] = value.clone();
    }
    ask(&gateway, dialect, body.to_string(), &[]).await
}
/// Whether a text tells one of the counts, as JSON writes them: ids may hold the same digits.
fn holds_counts(text: &str) -> bool {
    [":7171", ": 7171", ":7172", ": 7172"]
        .iter()
        .any(|count| text.contains(count))
}

#[actix_web::test]
async fn what_is_filtered_is_in_no_stream_and_no_document_of_any_dialect() {
    let mut flaws = Vec::new();
    for (dialect, kind) in pairs() {
        for is_stream in [true, false] {
            let usage = [("stream_options", json!({ "include_usage": true }))];
            let more = if dialect == Dialect::Chat && is_stream {
                &usage[..]
            } else {
                &[]
            };
            let answer = filtered(dialect, kind, is_stream, FILTER, more).await;
            let told = format!("{dialect:?} over {kind}, stream {is_stream}");
            let text = answer.text();
            if answer.status != 200
                || text.contains("HIDE")
                || holds_counts(&text)
                || !text.contains("SHOWN")
            {
                flaws.push(format!("{told}: {answer:?}"));
            }
            if is_stream && judge(dialect, &answer) != Ok(Ended::Well) {
                flaws.push(format!("{told}: {:?}", judge(dialect, &answer)));
            }
        }
    }
    assert_none(&flaws);
}

#[actix_web::test]
async fn what_is_not_filtered_is_told_in_every_dialect() {
    let mut flaws = Vec::new();
    for (dialect, kind) in pairs() {
        for is_stream in [true, false] {
            let usage = [("stream_options", json!({ "include_usage": true }))];
            let more = if dialect == Dialect::Chat && is_stream {
                &usage[..]
            } else {
                &[]
            };
            let answer = filtered(dialect, kind, is_stream, "", more).await;
            let text = answer.text();
            if answer.status != 200
                || !text.contains("HIDE")
                || !text.contains("71720")
                || !text.contains("SHOWN")
            {
                flaws.push(format!(
                    "{dialect:?} over {kind}, stream {is_stream}: {answer:?} {text}"
                ));
            }
        }
    }
    assert_none(&flaws);
}

/// "counts become 0 and the text of a thought becomes empty, and no block or signature is dropped".
#[actix_web::test]
async fn a_filtered_message_keeps_its_blocks_its_counts_and_its_signatures() {
    for kind in ["anthropic", "openai"] {
        let answer = filtered(Dialect::Messages, kind, true, FILTER, &[]).await;
        let text = answer.text();
        assert_eq!(judge(Dialect::Messages, &answer), Ok(Ended::Well));
        assert!(
            text.contains(r#""input_tokens":0"#) && text.contains(r#""output_tokens":0"#),
            "{text}"
        );
        if kind == "anthropic" {
            assert!(
                text.contains("c2ln") && text.contains(r#""type":"thinking""#),
                "{text}"
            );
        }
    }
}

/// "Neither `error` nor `message` … can be dropped", and the names of Anthropic's own events are events' names.
#[actix_web::test]
async fn dropping_events_by_name_never_drops_the_end_or_an_error_of_a_message() {
    let names = "filter.drop_events = [\"message_stop\", \"message_delta\", \"message_start\", \"content_block_start\", \"content_block_stop\", \"response.completed\", \"response.created\", \"ping\"]";
    let mut flaws = Vec::new();
    for (dialect, kind) in pairs() {
        let answer = filtered(dialect, kind, true, names, &[]).await;
        let data = answer.data();
        if !data.iter().any(|data| dialect.is_end(data)) {
            flaws.push(format!(
                "{dialect:?} over {kind}: {:?}",
                data.iter().map(|it| kind_of(it)).collect::<Vec<_>>()
            ));
        }
    }
    assert_none(&flaws);
}

/// A filter of a key is as good as a model's.
#[actix_web::test]
async fn the_filter_of_a_key_holds_in_translation_too() {
    use sha2::{Digest as _, Sha256};
    let hash = hex::encode(Sha256::digest("alpha"));
    let settings = format!(
        "[[keys]]\nid = \"alpha\"\nsha256 = \"{hash}\"\nfilter.drop = [\"usage\", \"reasoning\", \"logprobs\"]\n"
    );
    for (dialect, kind) in crate::translation::TRANSLATED {
        let provider = ScriptedProvider::start([stream(kind)]).await;
        let gateway = gateway(&provider, kind, "", &settings).await;
        let answer = ask(
            &gateway,
            dialect,
            dialect.request(true).to_string(),
            &[("x-api-key", "alpha")],
        )
        .await;
        let text = answer.text();
        assert_eq!(
            judge(dialect, &answer),
            Ok(Ended::Well),
            "{dialect:?} over {kind}"
        );
        assert!(
            !text.contains("HIDE") && !holds_counts(&text),
            "{dialect:?} over {kind}: {text}"
        );
    }
}
