//! Streams that look whole and are not, before clients of another dialect.
//!
//! `docs/design`: "A translator writes its dialect's end marker only after the provider's. Anything else
//! ends in a typed error event of the client's dialect."

use herald::testkit::{Script, chat, messages};
use serde_json::json;

use crate::translation::{
    Dialect, Ended, TRANSLATED, answer_to, assert_none, events, judge, pairs,
};

/// The beginning of an answer of one text.
fn begun(kind: &str) -> Vec<String> {
    if kind == "anthropic" {
        vec![
            messages::start(3),
            messages::text_block(0),
            messages::text(0, "a"),
        ]
    } else {
        vec![chat::role(), chat::text("a")]
    }
}

/// A call whose arguments break off.
fn half_a_call(kind: &str) -> Vec<String> {
    if kind == "anthropic" {
        return vec![
            messages::start(3),
            messages::tool_block(0, "call_1", "look"),
            messages::tool_input(0, r#"{"a":"#),
        ];
    }
    let call = json!({ "index": 0, "id": "call_1", "type": "function", "function": { "name": "look", "arguments": "{\"a\":" } });
    let delta = json!({ "tool_calls": [call] });
    vec![json!({ "choices": [{ "index": 0, "delta": delta, "finish_reason": null }] }).to_string()]
}

/// What ends a text well.
fn ending(kind: &str) -> Vec<String> {
    if kind == "anthropic" {
        vec![
            messages::block_end(0),
            messages::finish("end_turn", 2),
            messages::end(),
        ]
    } else {
        vec![chat::finish("stop"), "[DONE]".to_owned()]
    }
}

fn whole(kind: &str) -> Vec<String> {
    [begun(kind), ending(kind)].concat()
}

async fn ended(dialect: Dialect, kind: &str, script: Script) -> Result<Ended, String> {
    let answer = answer_to(dialect, kind, true, script, "[clocks]\nhold = \"5s\"\n").await;
    judge(dialect, &answer).map_err(|flaw| format!("{dialect:?} over {kind}: {flaw}"))
}

/// Plays each to every pair and wants this end of all.
async fn all_end(wanted: Ended, scripts: impl Fn(&str) -> Vec<Script>) {
    let mut flaws = Vec::new();
    for (dialect, kind) in pairs() {
        for (number, script) in scripts(kind).into_iter().enumerate() {
            match ended(dialect, kind, script).await {
                Ok(end) if end == wanted => {}
                Ok(end) => flaws.push(format!("{dialect:?} over {kind}, script {number}: {end:?}")),
                Err(flaw) => flaws.push(format!("script {number}: {flaw}")),
            }
        }
    }
    assert_none(&flaws);
}

#[actix_web::test]
async fn what_ends_well_ends_well_in_every_dialect() {
    all_end(Ended::Well, |kind| vec![events(kind, &whole(kind))]).await;
}

#[actix_web::test]
async fn text_that_stops_without_an_end_is_an_error_in_every_dialect() {
    all_end(Ended::InError, |kind| {
        vec![
            events(kind, &begun(kind)),
            events(kind, &begun(kind)).close(),
        ]
    })
    .await;
}

#[actix_web::test]
async fn arguments_that_are_cut_are_an_error_in_every_dialect() {
    all_end(Ended::InError, |kind| {
        vec![events(kind, &half_a_call(kind))]
    })
    .await;
}

/// "A stream whose bytes end without it was cut short, also after a `stop_reason`."
#[actix_web::test]
async fn a_message_delta_without_message_stop_is_no_end() {
    let mut flaws = Vec::new();
    for dialect in crate::translation::DIALECTS {
        let mut cut = whole("anthropic");
        cut.pop();
        match ended(dialect, "anthropic", events("anthropic", &cut)).await {
            Ok(Ended::InError) => {}
            told => flaws.push(format!("{dialect:?}: {told:?}")),
        }
    }
    assert_none(&flaws);
}

/// "lets each of the `n` choices finish, then ends its body properly": a body that breaks off has not.
#[actix_web::test]
async fn a_finish_reason_before_a_body_that_breaks_off_is_no_end() {
    let mut flaws = Vec::new();
    for dialect in [Dialect::Responses, Dialect::Messages] {
        let script = Script::sse()
            .event(chat::text("a"))
            .event(chat::finish("stop"))
            .reset();
        match ended(dialect, "openai", script).await {
            Ok(Ended::InError) => {}
            told => flaws.push(format!("{dialect:?}: {told:?}")),
        }
    }
    assert_none(&flaws);
}

#[actix_web::test]
async fn a_finish_reason_before_the_end_of_the_bytes_is_the_end_of_an_openai_provider() {
    for dialect in [Dialect::Responses, Dialect::Messages] {
        let script = events("openai", &[chat::text("a"), chat::finish("stop")]);
        assert_eq!(
            ended(dialect, "openai", script).await,
            Ok(Ended::Well),
            "{dialect:?}"
        );
    }
}

#[actix_web::test]
async fn what_a_provider_says_behind_its_end_reaches_nobody() {
    all_end(Ended::Well, |kind| {
        let again = |more: Vec<String>| events(kind, &[whole(kind), more].concat());
        vec![
            again(ending(kind)),
            again(begun(kind)),
            again(whole(kind)),
            again(vec![if kind == "anthropic" {
                messages::error("late", "api_error")
            } else {
                chat::error("late", "server_error")
            }]),
        ]
    })
    .await;
}

/// "An error event … ends the stream in the same way, whatever the provider sends after it".
#[actix_web::test]
async fn an_error_is_the_end_whatever_end_marker_comes_behind_it() {
    all_end(Ended::InError, |kind| {
        let error = if kind == "anthropic" {
            messages::error("no", "api_error")
        } else {
            chat::error("no", "server_error")
        };
        vec![events(
            kind,
            &[begun(kind), vec![error], ending(kind)].concat(),
        )]
    })
    .await;
}

/// `clients.md`, section 3: "error chunk with top-level `error` beside `choices`, then usage and `[DONE]`".
#[actix_web::test]
async fn an_error_beside_choices_is_an_error_in_every_dialect() {
    let mut flaws = Vec::new();
    for dialect in crate::translation::DIALECTS {
        for reason in [json!("error"), json!(null), json!("stop")] {
            let beside = json!({
                "choices": [{ "index": 0, "delta": { "content": "" }, "finish_reason": reason }],
                "error": { "code": 502, "message": "it broke" },
            });
            let script = events(
                "openai",
                &[
                    chat::text("a"),
                    beside.to_string(),
                    chat::usage(1, 1),
                    "[DONE]".to_owned(),
                ],
            );
            match ended(dialect, "openai", script).await {
                Ok(Ended::InError) => {}
                told => flaws.push(format!("{dialect:?}, {reason}: {told:?}")),
            }
        }
    }
    assert_none(&flaws);
}

/// `clients.md`, section 3: Groq's "`event: error` in an OpenAI stream, then plain EOF".
#[actix_web::test]
async fn an_event_named_error_is_an_error_in_every_dialect_whatever_it_holds() {
    let mut flaws = Vec::new();
    for (dialect, kind) in TRANSLATED {
        for data in [
            r#"{"error":{"message":"no"}}"#,
            r#"{"message":"no"}"#,
            r#""no""#,
            "no",
            "{}",
        ] {
            let script = begun(kind).iter().fold(Script::sse(), |script, data| {
                if kind == "anthropic" {
                    script.typed_event(data)
                } else {
                    script.event(data)
                }
            });
            match ended(dialect, kind, script.named_event("error", data).finish()).await {
                Ok(Ended::InError) => {}
                told => flaws.push(format!("{dialect:?} over {kind}, {data}: {told:?}")),
            }
        }
    }
    assert_none(&flaws);
}

/// "content after a `finish_reason`: the stream ends in an error: it contradicts itself".
#[actix_web::test]
async fn content_behind_the_reason_for_the_end_is_an_error_of_a_translated_stream() {
    for dialect in [Dialect::Responses, Dialect::Messages] {
        let said = [
            chat::text("a"),
            chat::finish("stop"),
            chat::text("b"),
            "[DONE]".to_owned(),
        ];
        assert_eq!(
            ended(dialect, "openai", events("openai", &said)).await,
            Ok(Ended::InError),
            "{dialect:?}"
        );
    }
}

/// Usage alone, an end alone: whatever a client is told, it must be able to read it.
#[actix_web::test]
async fn an_answer_without_content_is_a_readable_stream_or_a_502() {
    let mut flaws = Vec::new();
    for (dialect, kind) in TRANSLATED {
        let cases: Vec<Vec<String>> = if kind == "anthropic" {
            vec![
                vec![messages::end()],
                vec![messages::finish("end_turn", 1), messages::end()],
                vec![messages::start(3), messages::end()],
                vec![
                    messages::start(3),
                    messages::finish("end_turn", 1),
                    messages::end(),
                ],
                vec![messages::block_end(0), messages::end()],
                vec![messages::text(0, "a"), messages::end()],
            ]
        } else {
            vec![
                vec!["[DONE]".to_owned()],
                vec![chat::usage(1, 1), "[DONE]".to_owned()],
                vec![chat::role(), "[DONE]".to_owned()],
                vec![chat::finish("stop"), "[DONE]".to_owned()],
                vec![
                    chat::finish("length"),
                    chat::usage(1, 0),
                    "[DONE]".to_owned(),
                ],
            ]
        };
        for said in cases {
            let answer = answer_to(
                dialect,
                kind,
                true,
                events(kind, &said),
                "[clocks]\nhold = \"5s\"\n",
            )
            .await;
            if answer.status == 200 {
                match judge(dialect, &answer) {
                    Ok(Ended::Silently) => flaws.push(format!(
                        "{dialect:?} over {kind}, {said:?}: no end: {answer:?}"
                    )),
                    Ok(_) => {}
                    Err(flaw) => flaws.push(format!("{dialect:?} over {kind}, {said:?}: {flaw}")),
                }
            } else if let Some(flaw) = crate::translation::refusal_flaw(dialect, &answer) {
                flaws.push(format!("{dialect:?} over {kind}, {said:?}: {flaw}"));
            }
        }
    }
    assert_none(&flaws);
}

/// "none was told: a chunk with one is not invented".
#[actix_web::test]
async fn no_reason_for_the_end_is_invented() {
    let said = [
        messages::start(3),
        messages::text_block(0),
        messages::text(0, "a"),
        messages::block_end(0),
        messages::end(),
    ];
    let answer = answer_to(
        Dialect::Chat,
        "anthropic",
        true,
        events("anthropic", &said),
        "",
    )
    .await;
    assert_eq!(judge(Dialect::Chat, &answer), Ok(Ended::Well));
    assert!(
        !answer.text().contains(r#""finish_reason":""#),
        "{}",
        answer.text()
    );
    let said = [chat::text("a"), "[DONE]".to_owned()];
    let answer = answer_to(
        Dialect::Messages,
        "openai",
        true,
        events("openai", &said),
        "",
    )
    .await;
    assert_eq!(judge(Dialect::Messages, &answer), Ok(Ended::Well));
    assert!(
        answer.text().contains(r#""stop_reason":null"#) && !answer.text().contains("end_turn"),
        "{}",
        answer.text()
    );
}

/// "call without arguments: `{}`, unless the answer was cut": half a call is never made whole.
#[actix_web::test]
async fn half_a_call_is_told_as_half_a_call_when_the_answer_was_cut_by_length() {
    for (dialect, kind) in TRANSLATED {
        let mut said = half_a_call(kind);
        said.extend(if kind == "anthropic" {
            vec![
                messages::block_end(0),
                messages::finish("max_tokens", 2),
                messages::end(),
            ]
        } else {
            vec![chat::finish("length"), "[DONE]".to_owned()]
        });
        let answer = answer_to(dialect, kind, true, events(kind, &said), "").await;
        assert_eq!(
            judge(dialect, &answer),
            Ok(Ended::Well),
            "{dialect:?} over {kind}"
        );
        let text = answer.text();
        assert!(
            text.contains(r#"{\"a\":"#) && !text.contains(r#"{\"a\":}"#),
            "{text}"
        );
        assert!(
            !text.contains(r#""stop_reason":"tool_use""#)
                && !text.contains(r#""finish_reason":"tool_calls""#),
            "{text}"
        );
        assert!(!text.contains("response.completed"), "{text}");
    }
}
