//! Tokens: what providers of either kind tell, what clients are told, and what limits count.

use herald::testkit::{Script, ScriptedProvider, TestGateway, chat, messages};
use serde_json::{Value, json};

use crate::{
    translation::{
        Dialect, Ended, TRANSLATED, answer_to, ask, assert_none, events, gateway, judge,
    },
    wire::Answer,
};

/// 10 plain, 100 written to and 1000 read from a cache; 20 of an answer, 7 of them thoughts.
fn counts(kind: &str) -> Value {
    if kind == "anthropic" {
        json!({ "input_tokens": 10, "cache_creation_input_tokens": 100, "cache_read_input_tokens": 1000, "output_tokens": 20,
            "output_tokens_details": { "thinking_tokens": 7 } })
    } else {
        json!({ "prompt_tokens": 1110, "completion_tokens": 20, "total_tokens": 1130,
            "prompt_tokens_details": { "cached_tokens": 1000 }, "completion_tokens_details": { "reasoning_tokens": 7 } })
    }
}

fn stream(kind: &str) -> Script {
    let said = if kind == "anthropic" {
        let mut start: Value = serde_json::from_str(&messages::start(0)).unwrap();
        start["message"]["usage"] = counts(kind);
        start["message"]["usage"]["output_tokens"] = json!(1);
        let mut finish: Value = serde_json::from_str(&messages::finish("end_turn", 20)).unwrap();
        finish["usage"] =
            json!({ "output_tokens": 20, "output_tokens_details": { "thinking_tokens": 7 } });
        vec![
            start.to_string(),
            messages::text_block(0),
            messages::text(0, "a"),
            messages::block_end(0),
            finish.to_string(),
            messages::end(),
        ]
    } else {
        vec![
            chat::text("a"),
            chat::finish("stop"),
            json!({ "choices": [], "usage": counts(kind) }).to_string(),
            "[DONE]".to_owned(),
        ]
    };
    events(kind, &said)
}

fn document(kind: &str) -> Script {
    let body = if kind == "anthropic" {
        messages::message("a")
    } else {
        chat::completion("a")
    };
    let mut body: Value = serde_json::from_str(&body).unwrap();
    body["usage"] = counts(kind);
    Script::json(200, body.to_string())
}

/// The last counts that a client of this dialect is told.
fn told(dialect: Dialect, answer: &Answer, is_stream: bool) -> Value {
    if !is_stream {
        return answer.json()["usage"].clone();
    }
    let events = answer.data();
    let parsed = events
        .iter()
        .rev()
        .filter_map(|data| serde_json::from_str::<Value>(data).ok());
    let mut counts = parsed.map(|data| {
        if dialect == Dialect::Responses {
            data["response"]["usage"].clone()
        } else {
            data["usage"].clone()
        }
    });
    counts.find(Value::is_object).unwrap_or_default()
}

#[actix_web::test]
async fn cached_and_reasoning_tokens_are_told_by_every_dialects_own_sum() {
    let mut flaws = Vec::new();
    for (dialect, kind) in TRANSLATED {
        for is_stream in [true, false] {
            let script = if is_stream {
                stream(kind)
            } else {
                document(kind)
            };
            let provider = ScriptedProvider::start([script]).await;
            let gateway = gateway(&provider, kind, "", "").await;
            let mut body = dialect.request(is_stream);
            if dialect == Dialect::Chat && is_stream {
                body["stream_options"] = json!({ "include_usage": true });
            }
            let answer = ask(&gateway, dialect, body.to_string(), &[]).await;
            let usage = told(dialect, &answer, is_stream);
            let written = if kind == "anthropic" { 100 } else { 0 };
            let (seen, wanted) = match dialect {
                Dialect::Chat => (
                    json!([
                        usage["prompt_tokens"],
                        usage["completion_tokens"],
                        usage["total_tokens"],
                        usage["prompt_tokens_details"]["cached_tokens"],
                        usage["completion_tokens_details"]["reasoning_tokens"]
                    ]),
                    json!([1110, 20, 1130, 1000, 7]),
                ),
                Dialect::Responses => (
                    json!([
                        usage["input_tokens"],
                        usage["output_tokens"],
                        usage["total_tokens"],
                        usage["input_tokens_details"]["cached_tokens"],
                        usage["output_tokens_details"]["reasoning_tokens"]
                    ]),
                    json!([1110, 20, 1130, 1000, 7]),
                ),
                Dialect::Messages => (
                    json!([
                        usage["input_tokens"],
                        usage["cache_creation_input_tokens"],
                        usage["cache_read_input_tokens"],
                        usage["output_tokens"],
                        usage["output_tokens_details"]["thinking_tokens"]
                    ]),
                    json!([110 - written, written, 1000, 20, 7]),
                ),
            };
            if seen != wanted {
                flaws.push(format!("{dialect:?} over {kind}, stream {is_stream}: {seen} and not {wanted} in {usage}"));
            }
        }
    }
    assert_none(&flaws);
}

/// "usage is asked of the provider for our own accounting and filtered out again when the client did not ask".
#[actix_web::test]
async fn a_stream_of_chat_completions_tells_usage_to_who_asked_and_to_nobody_else() {
    for asked in [None, Some(false), Some(true)] {
        let provider = ScriptedProvider::start([stream("anthropic")]).await;
        let gateway = gateway(&provider, "anthropic", "", "").await;
        let mut body = Dialect::Chat.request(true);
        if let Some(asked) = asked {
            body["stream_options"] = json!({ "include_usage": asked });
        }
        let answer = ask(&gateway, Dialect::Chat, body.to_string(), &[]).await;
        assert_eq!(judge(Dialect::Chat, &answer), Ok(Ended::Well));
        let data = answer.data();
        let chunks = &data[..data.len() - 1];
        let holds = |data: &String| {
            serde_json::from_str::<Value>(data)
                .unwrap()
                .get("usage")
                .is_some()
        };
        if asked == Some(true) {
            assert!(
                chunks.iter().all(holds),
                "usage: null in each chunk: {chunks:?}"
            );
            assert!(
                chunks.last().unwrap().contains(r#""choices":[]"#),
                "{chunks:?}"
            );
        } else {
            assert!(!chunks.iter().any(holds), "nobody asked: {chunks:?}");
        }
    }
}

/// Clients of these dialects are always told usage: `stream_options.include_usage` "unless `usage_request` is
/// `false`".
#[actix_web::test]
async fn usage_is_asked_of_a_provider_in_every_translated_stream_unless_settings_forbid_it() {
    for dialect in [Dialect::Responses, Dialect::Messages] {
        for (setting, wanted) in [
            ("", json!(true)),
            ("preset = \"openai\"\nresponses = false", json!(true)),
            ("usage_request = true", json!(true)),
            ("usage_request = false", Value::Null),
        ] {
            let provider = ScriptedProvider::start([stream("openai"), document("openai")]).await;
            let settings = format!(
                "[[providers]]\nid = \"p\"\nkind = \"openai\"\nbase_url = \"{}\"\n{setting}\n\
                 [[models]]\nid = \"m\"\ntargets = [{{ provider = \"p\", model = \"up\" }}]\n",
                provider.base_url()
            );
            let gateway = TestGateway::with_settings(&settings).await;
            ask(&gateway, dialect, dialect.request(true).to_string(), &[]).await;
            let sent = provider.next_request().await.json();
            assert_eq!(
                sent["stream_options"]["include_usage"], wanted,
                "{dialect:?} {setting:?}: {sent}"
            );
            ask(&gateway, dialect, dialect.request(false).to_string(), &[]).await;
            let sent = provider.next_request().await.json();
            assert_eq!(
                sent["stream_options"],
                Value::Null,
                "{dialect:?}: no stream, no options: {sent}"
            );
        }
    }
}

/// "When it is over, what the provider told takes the estimate's place": prompts with their cached tokens.
#[actix_web::test]
async fn a_limit_of_tokens_is_settled_by_what_either_provider_told() {
    let mut flaws = Vec::new();
    for (dialect, kind) in crate::translation::pairs() {
        for is_stream in [true, false] {
            for drop in ["", "filter.drop = [\"usage\"]"] {
                let scripts = if is_stream {
                    [stream(kind), stream(kind)]
                } else {
                    [document(kind), document(kind)]
                };
                let provider = ScriptedProvider::start(scripts).await;
                let limits = "[limits]\ntokens = { most = 1000000, per = \"1h\" }\n";
                let gateway = gateway(&provider, kind, drop, limits).await;
                let body = dialect.request(is_stream).to_string();
                let left = |answer: &Answer| -> i64 {
                    let limit = answer.header("ratelimit").unwrap().to_owned();
                    let left = limit
                        .split(';')
                        .find_map(|it| it.trim().strip_prefix("r="))
                        .unwrap();
                    left.parse().unwrap()
                };
                let before = left(&ask(&gateway, dialect, &body, &[]).await);
                let after = left(&ask(&gateway, dialect, &body, &[]).await);
                // The first takes its estimate e of 1,000,000; then 1130 take its place, and the second takes e.
                let estimate = 1_000_000 - before;
                let settled = 1_000_000 - after - estimate;
                if settled != 1130 {
                    flaws.push(format!("{dialect:?} over {kind}, stream {is_stream}, {drop:?}: {settled} and not 1130"));
                }
            }
        }
    }
    assert_none(&flaws);
}

/// "counts are 0 where the provider tells none": and null, or nothing, where the dialect can say so.
#[actix_web::test]
async fn a_provider_without_counts_leaves_a_readable_stream() {
    for (dialect, kind) in TRANSLATED {
        let said = if kind == "anthropic" {
            let strip = |data: String| {
                let mut data: Value = serde_json::from_str(&data).unwrap();
                data.as_object_mut().unwrap().remove("usage");
                if let Some(message) = data["message"].as_object_mut() {
                    message.remove("usage");
                }
                data.to_string()
            };
            [
                messages::start(3),
                messages::text_block(0),
                messages::text(0, "a"),
                messages::block_end(0),
                messages::finish("end_turn", 2),
                messages::end(),
            ]
            .map(strip)
            .to_vec()
        } else {
            vec![chat::text("a"), chat::finish("stop"), "[DONE]".to_owned()]
        };
        let said: Vec<String> = said
            .into_iter()
            .map(|data| data.replace(r#""message":null,"#, ""))
            .collect();
        let answer = answer_to(dialect, kind, true, events(kind, &said), "").await;
        assert_eq!(
            judge(dialect, &answer),
            Ok(Ended::Well),
            "{dialect:?} over {kind}"
        );
        if dialect == Dialect::Responses {
            assert_eq!(
                told(dialect, &answer, true),
                Value::Null,
                "null where the provider told none"
            );
        }
    }
}

/// Counts that are none: negative, huge, texts.
#[actix_web::test]
async fn counts_that_are_none_break_no_stream_and_no_limit() {
    let mut flaws = Vec::new();
    for (dialect, kind) in TRANSLATED {
        for count in [
            "-1",
            "1e99",
            "18446744073709551615",
            "18446744073709551616",
            "0.5",
            "\"7\"",
            "null",
            "[]",
            "{}",
        ] {
            let limits = "[limits]\ntokens = { most = 1000000, per = \"1h\" }\n";
            let said = if kind == "anthropic" {
                let put = |data: String| {
                    let mut data: Value = serde_json::from_str(&data).unwrap();
                    for place in [
                        "/usage/input_tokens",
                        "/usage/output_tokens",
                        "/message/usage/input_tokens",
                        "/message/usage/cache_read_input_tokens",
                    ] {
                        if let Some(it) = data.pointer_mut(place) {
                            *it = json!("COUNT");
                        }
                    }
                    data.to_string().replace("\"COUNT\"", count)
                };
                [
                    messages::start(3),
                    messages::text_block(0),
                    messages::text(0, "a"),
                    messages::block_end(0),
                    messages::finish("end_turn", 2),
                    messages::end(),
                ]
                .map(put)
                .to_vec()
            } else {
                let usage = format!(
                    r#"{{"choices":[],"usage":{{"prompt_tokens":{count},"completion_tokens":{count},"total_tokens":{count},"prompt_tokens_details":{{"cached_tokens":{count}}}}}}}"#
                );
                vec![
                    chat::text("a"),
                    chat::finish("stop"),
                    usage,
                    "[DONE]".to_owned(),
                ]
            };
            let answer = answer_to(dialect, kind, true, events(kind, &said), limits).await;
            match judge(dialect, &answer) {
                Ok(Ended::Well) => {}
                other => flaws.push(format!("{dialect:?} over {kind}, {count}: {other:?}")),
            }
            if answer.text().contains(":-") {
                flaws.push(format!(
                    "{dialect:?} over {kind}, {count}: a count below 0 is told: {:?}",
                    told(dialect, &answer, true)
                ));
            }
        }
    }
    assert_none(&flaws);
}
