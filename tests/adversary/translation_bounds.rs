//! Requests and answers of sizes, depths and numbers that nobody means, through the translators.

use herald::testkit::{Script, ScriptedProvider, chat, messages};
use serde_json::{Value, json};

use crate::{
    translation::{
        Dialect, Ended, KINDS, TRANSLATED, answer_to, ask, assert_none, events, gateway, judge,
        pairs, refusal_flaw,
    },
    wire::Answer,
};

fn whole(kind: &str) -> Script {
    let body = if kind == "anthropic" {
        messages::message("a")
    } else {
        chat::completion("a")
    };
    Script::json(200, body).repeat()
}

/// What a client says in this dialect with these turns.
fn turns(dialect: Dialect, turns: Value) -> Value {
    let member = if dialect == Dialect::Responses {
        "input"
    } else {
        "messages"
    };
    dialect.with(false, member, turns)
}

#[actix_web::test]
async fn a_picture_of_eight_million_bytes_is_told_to_every_provider() {
    let data = "QUJD".repeat(2_000_000);
    for (dialect, kind) in TRANSLATED {
        let part = match dialect {
            Dialect::Chat => {
                json!({ "type": "image_url", "image_url": { "url": format!("data:image/png;base64,{data}") } })
            }
            Dialect::Responses => {
                json!({ "type": "input_image", "image_url": format!("data:image/png;base64,{data}") })
            }
            Dialect::Messages => {
                json!({ "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": data } })
            }
        };
        let text = json!({ "type": if dialect == Dialect::Responses { "input_text" } else { "text" }, "text": "Hi" });
        let body = turns(
            dialect,
            json!([{ "role": "user", "content": [text, part] }]),
        );
        let provider = ScriptedProvider::start([whole(kind)]).await;
        let gateway = gateway(&provider, kind, "", "").await;
        let answer = ask(&gateway, dialect, body.to_string(), &[]).await;
        assert_eq!(answer.status, 200, "{dialect:?} over {kind}: {answer:?}");
        let sent = provider.next_request().await.text();
        assert!(
            sent.contains(&data),
            "{dialect:?} over {kind}: {} bytes came",
            sent.len()
        );
    }
}

#[actix_web::test]
async fn ten_thousand_turns_and_tools_are_told() {
    for (dialect, kind) in TRANSLATED {
        let mut turn = Vec::new();
        let mut tools = Vec::new();
        for number in 0..10_000 {
            let role = if number % 2 == 0 { "user" } else { "assistant" };
            turn.push(json!({ "role": role, "content": format!("turn {number};") }));
            let name = format!("tool_{number}");
            tools.push(match dialect {
                Dialect::Chat => json!({ "type": "function", "function": { "name": name, "parameters": { "type": "object" } } }),
                Dialect::Responses => json!({ "type": "function", "name": name, "parameters": { "type": "object" }, "strict": false }),
                Dialect::Messages => json!({ "name": name, "input_schema": { "type": "object" } }),
            });
        }
        turn.push(json!({ "role": "user", "content": "last" }));
        let mut body = turns(dialect, json!(turn));
        body["tools"] = json!(tools);
        let provider = ScriptedProvider::start([whole(kind)]).await;
        let gateway = gateway(&provider, kind, "", "").await;
        let answer = ask(&gateway, dialect, body.to_string(), &[]).await;
        assert_eq!(answer.status, 200, "{dialect:?} over {kind}: {answer:?}");
        let sent = provider.next_request().await.json();
        assert_eq!(sent["messages"].as_array().unwrap().len(), 10_001);
        assert_eq!(sent["tools"].as_array().unwrap().len(), 10_000);
    }
}

/// Brackets without end must cost neither the process nor an answer in the dialect's shape.
#[actix_web::test]
async fn ten_thousand_brackets_anywhere_are_an_answer_and_no_end_of_the_process() {
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let objects = format!("{}1{}", "{\"a\":".repeat(10_000), "}".repeat(10_000));
    let mut flaws = Vec::new();
    for (dialect, kind) in pairs() {
        let provider = ScriptedProvider::start([whole(kind)]).await;
        let gateway = gateway(&provider, kind, "", "").await;
        for deep in [&deep, &objects, &"[".repeat(10_000)] {
            for member in [
                "messages", "input", "tools", "zzz", "metadata", "system", "model",
            ] {
                let mut body = dialect.request(false);
                body.as_object_mut().unwrap().remove(member);
                let body = body.to_string();
                let body = format!("{},\"{member}\":{deep}}}", &body[..body.len() - 1]);
                let answer = ask(&gateway, dialect, &body, &[]).await;
                let is_fine = answer.status == 200
                    || (answer.status == 400 && refusal_flaw(dialect, &answer).is_none());
                if !is_fine {
                    flaws.push(format!("{dialect:?} over {kind}, {member}: {answer:?}"));
                }
            }
        }
        assert_eq!(
            ask(&gateway, dialect, dialect.request(false).to_string(), &[])
                .await
                .status,
            200
        );
    }
    assert_none(&flaws);
}

#[actix_web::test]
async fn ten_thousand_brackets_of_a_provider_end_the_answer_and_nothing_else() {
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    for (dialect, kind) in TRANSLATED {
        let provider = ScriptedProvider::start([]).await;
        let gateway = gateway(&provider, kind, "", "").await;
        let event = if kind == "anthropic" {
            format!(
                r#"{{"type":"content_block_start","index":0,"content_block":{{"type":"text","text":"","zzz":{deep}}}}}"#
            )
        } else {
            format!(r#"{{"choices":[{{"index":0,"delta":{{"content":"a","zzz":{deep}}}}}]}}"#)
        };
        for script in [
            Script::json(200, &event),
            Script::sse()
                .named_event("content_block_start", &event)
                .finish(),
            Script::sse().event(&event).finish(),
            Script::json(400, format!(r#"{{"error":{deep}}}"#)),
        ] {
            provider.push(script);
            let answer = ask(&gateway, dialect, dialect.request(true).to_string(), &[]).await;
            assert!(
                answer.status >= 400 && refusal_flaw(dialect, &answer).is_none()
                    || answer.is_stream(),
                "{answer:?}"
            );
        }
        provider.push(whole(kind));
        assert_eq!(
            ask(&gateway, dialect, dialect.request(false).to_string(), &[])
                .await
                .status,
            200
        );
    }
}

/// The arguments of a call, all pieces joined, as this dialect's client has them.
fn arguments(dialect: Dialect, answer: &Answer) -> String {
    let mut all = String::new();
    for data in answer.data() {
        let Ok(data) = serde_json::from_str::<Value>(&data) else {
            continue;
        };
        let piece = match dialect {
            Dialect::Chat => &data["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"],
            Dialect::Responses if data["type"] == "response.function_call_arguments.delta" => {
                &data["delta"]
            }
            Dialect::Responses => &Value::Null,
            Dialect::Messages => &data["delta"]["partial_json"],
        };
        all.push_str(piece.as_str().unwrap_or_default());
    }
    all
}

fn call(piece: &str, is_first: bool) -> String {
    let mut call = json!({ "index": 0, "function": { "arguments": piece } });
    if is_first {
        call["id"] = json!("c1");
        call["function"]["name"] = json!("look");
    }
    json!({ "choices": [{ "index": 0, "delta": { "tool_calls": [call] }, "finish_reason": null }] })
        .to_string()
}

#[actix_web::test]
async fn arguments_of_a_hundred_thousand_letters_in_pieces_of_one_come_whole() {
    let wanted = format!(r#"{{"a":"{}"}}"#, "é\\\"".repeat(3_000));
    for (dialect, kind) in TRANSLATED {
        let pieces: Vec<String> = wanted.chars().map(String::from).collect();
        let mut said = Vec::new();
        if kind == "anthropic" {
            said.extend([messages::start(3), messages::tool_block(0, "c1", "look")]);
            said.extend(pieces.iter().map(|piece| messages::tool_input(0, piece)));
            said.extend([
                messages::block_end(0),
                messages::finish("tool_use", 9),
                messages::end(),
            ]);
        } else {
            said.extend(
                pieces
                    .iter()
                    .enumerate()
                    .map(|(number, piece)| call(piece, number == 0)),
            );
            said.extend([chat::finish("tool_calls"), "[DONE]".to_owned()]);
        }
        let answer = answer_to(dialect, kind, true, events(kind, &said), "").await;
        assert_eq!(
            judge(dialect, &answer),
            Ok(Ended::Well),
            "{dialect:?} over {kind}"
        );
        assert_eq!(
            arguments(dialect, &answer),
            wanted,
            "{dialect:?} over {kind}"
        );
    }
}

#[actix_web::test]
async fn an_event_of_nine_million_bytes_is_an_error_in_every_dialect() {
    let text = "x".repeat(9 << 20);
    for (dialect, kind) in pairs() {
        let said = if kind == "anthropic" {
            vec![
                messages::start(3),
                messages::text_block(0),
                messages::text(0, "a"),
                messages::text(0, &text),
            ]
        } else {
            vec![chat::text("a"), chat::text(&text)]
        };
        let answer = answer_to(dialect, kind, true, events(kind, &said), "").await;
        assert_eq!(
            judge(dialect, &answer),
            Ok(Ended::InError),
            "{dialect:?} over {kind}"
        );
        assert_eq!(answer.code().as_deref(), Some("upstream_event_too_large"));
    }
}

/// "one larger than `upstream.max_body_bytes` ends in an error event (`upstream_body_too_large`) instead".
#[actix_web::test]
async fn a_translated_response_that_is_too_large_to_repeat_ends_in_an_error() {
    for kind in KINDS {
        let piece = "x".repeat(1000);
        let mut said = if kind == "anthropic" {
            vec![messages::start(3), messages::text_block(0)]
        } else {
            vec![chat::role()]
        };
        said.extend((0..200).map(|_| {
            if kind == "anthropic" {
                messages::text(0, &piece)
            } else {
                chat::text(&piece)
            }
        }));
        said.extend(if kind == "anthropic" {
            vec![
                messages::block_end(0),
                messages::finish("end_turn", 2),
                messages::end(),
            ]
        } else {
            vec![chat::finish("stop"), "[DONE]".to_owned()]
        });
        let settings = "[upstream]\nmax_body_bytes = \"64KiB\"\nmax_event_bytes = \"32KiB\"\n";
        let answer = answer_to(
            Dialect::Responses,
            kind,
            true,
            events(kind, &said),
            settings,
        )
        .await;
        assert_eq!(
            judge(Dialect::Responses, &answer),
            Ok(Ended::InError),
            "{kind}"
        );
        assert_eq!(
            answer.code().as_deref(),
            Some("upstream_body_too_large"),
            "{answer:?}"
        );
        // The others keep nothing, and so know no such bound.
        let other = if kind == "anthropic" {
            Dialect::Chat
        } else {
            Dialect::Messages
        };
        let answer = answer_to(other, kind, true, events(kind, &said), settings).await;
        assert_eq!(
            judge(other, &answer),
            Ok(Ended::Well),
            "{other:?} over {kind}"
        );
    }
}

#[actix_web::test]
async fn twenty_thousand_tiny_events_all_come() {
    for (dialect, kind) in TRANSLATED {
        let mut said = if kind == "anthropic" {
            vec![messages::start(3), messages::text_block(0)]
        } else {
            vec![chat::role()]
        };
        said.extend((0..20_000).map(|_| {
            if kind == "anthropic" {
                messages::text(0, "x")
            } else {
                chat::text("x")
            }
        }));
        said.extend(if kind == "anthropic" {
            vec![
                messages::block_end(0),
                messages::finish("end_turn", 2),
                messages::end(),
            ]
        } else {
            vec![chat::finish("stop"), "[DONE]".to_owned()]
        });
        let answer = answer_to(dialect, kind, true, events(kind, &said), "").await;
        assert_eq!(
            judge(dialect, &answer),
            Ok(Ended::Well),
            "{dialect:?} over {kind}"
        );
        let pieces = answer
            .data()
            .iter()
            .filter(|data| data.contains(r#""x""#))
            .count();
        assert_eq!(pieces, 20_000, "{dialect:?} over {kind}");
    }
}
