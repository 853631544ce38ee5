//! Promises that were broken once: each test says what is expected and why.

use herald::testkit::{Script, ScriptedProvider, TestGateway, chat, messages};
use serde_json::{Value, json};

use crate::{
    translation::{Dialect, answer_to, ask, events, gateway, refusal_flaw},
    wire::{Answer, Wire},
};

/// `docs/providers.md`, clients of responses: "A stream has the events of OpenAI's, numbered, each named by its
/// type". OpenAI's `error` event has a required `sequence_number` too, and `@ai-sdk/openai` reads an error
/// event without one as an event that it does not know.
#[actix_web::test]
async fn the_error_event_of_responses_is_numbered_like_the_others() {
    let script = events("openai", &[chat::text("a")]);
    let answer = answer_to(Dialect::Responses, "openai", true, script, "").await;
    let data = answer.data();
    let error: Value = serde_json::from_str(data.last().unwrap()).unwrap();
    assert_eq!(error["type"], "error");
    assert_eq!(error["sequence_number"], data.len() - 1, "{error}");
}

/// `docs/design`, promise 5: an end is never invented. A choice that has neither a message nor a reason for its
/// end answers nothing, and must not become a response that is `completed`.
#[actix_web::test]
async fn a_document_whose_choice_has_no_message_is_no_answer() {
    for dialect in [Dialect::Responses, Dialect::Messages] {
        let script = Script::json(200, r#"{"choices":[{"message":null}]}"#);
        let answer = answer_to(dialect, "openai", false, script, "").await;
        assert_eq!(answer.status, 502, "{dialect:?}: {answer:?}");
    }
}

fn ok(kind: &str) -> Script {
    let body = if kind == "anthropic" {
        messages::message("a")
    } else {
        chat::completion("a")
    };
    Script::json(200, body).repeat()
}

/// What the header names, and what the provider was sent.
async fn named(dialect: Dialect, kind: &str, body: &str) -> (Answer, String, String) {
    let provider = ScriptedProvider::start([ok(kind)]).await;
    let gateway = gateway(&provider, kind, "", "").await;
    let answer = ask(&gateway, dialect, body, &[]).await;
    let sent = if answer.status == 200 {
        provider.next_request().await.text()
    } else {
        String::new()
    };
    let named = answer.values("x-herald-dropped").join(", ");
    (answer, named, sent)
}

/// "Nothing is dropped in silence": members beside `name` of a forced function are, and `strict` lets them be.
#[actix_web::test]
async fn an_unknown_member_of_a_forced_function_is_named() {
    let mut body = Dialect::Chat.request(false);
    body["tools"] = json!([{ "type": "function", "function": { "name": "look", "parameters": { "type": "object" } } }]);
    body["tool_choice"] =
        json!({ "type": "function", "function": { "name": "look", "zzz": "zqneedle" } });
    let (answer, named, sent) = named(Dialect::Chat, "anthropic", &body.to_string()).await;
    assert!(
        answer.status == 400 || !named.is_empty() || sent.contains("zqneedle"),
        "lost in silence: {sent}"
    );
}

/// "Nothing is dropped in silence": a member whose name is empty is.
#[actix_web::test]
async fn a_member_with_an_empty_name_is_named() {
    for (dialect, kind) in crate::translation::TRANSLATED {
        let body = dialect.with(false, "", json!("zqneedle")).to_string();
        let (answer, named, sent) = named(dialect, kind, &body).await;
        assert!(
            answer.status == 400 || !named.is_empty() || sent.contains("zqneedle"),
            "{dialect:?} over {kind}, lost in silence: {sent}"
        );
    }
}

/// "Nothing is dropped in silence": `reasoning_content` that says other than `reasoning_details` is, although a
/// thought without a proof is lost as `thinking` where it stands alone.
#[actix_web::test]
async fn a_thought_that_the_details_do_not_repeat_is_named() {
    let body = Dialect::Chat.with(false, "messages", json!([
        { "role": "user", "content": "Hi" },
        { "role": "assistant", "content": "A", "reasoning_content": "zqneedle",
          "reasoning_details": [{ "type": "reasoning.text", "text": "T", "signature": "s", "format": "anthropic-claude-v1", "index": 0 }] },
        { "role": "user", "content": "more" },
    ]));
    let (answer, named, sent) = named(Dialect::Chat, "anthropic", &body.to_string()).await;
    assert!(
        answer.status == 400 || !named.is_empty() || sent.contains("zqneedle"),
        "lost in silence: {sent}"
    );
}

/// "Each may stand there once … because Herald and the provider could each act on another of them", "What is
/// translated … is read in full": of two members of one name one is lost in silence.
#[actix_web::test]
async fn a_member_that_stands_twice_in_what_is_read_is_refused_or_named() {
    let mut flaws = Vec::new();
    for (dialect, kind) in crate::translation::TRANSLATED {
        let plain = dialect.request(false).to_string();
        for (member, one, two) in [
            ("temperature", "0.187", "0.5"),
            (
                "messages",
                r#"[{"role":"user","content":"one"}]"#,
                r#"[{"role":"user","content":"two"}]"#,
            ),
            ("input", "\"one\"", "\"two\""),
        ] {
            let is_other = (member == "input") != (dialect == Dialect::Responses)
                && ["input", "messages"].contains(&member);
            if is_other {
                continue;
            }
            let mut base: Value = serde_json::from_str(&plain).unwrap();
            base.as_object_mut().unwrap().remove(member);
            let base = base.to_string();
            let body = format!(
                "{},\"{member}\":{one},\"{member}\":{two}}}",
                &base[..base.len() - 1]
            );
            let (answer, named, sent) = named(dialect, kind, &body).await;
            if answer.status == 200 && named.is_empty() {
                flaws.push(format!(
                    "{dialect:?} over {kind}, {member} twice: named {named:?}, sent {sent}"
                ));
            }
        }
    }
    crate::translation::assert_none(&flaws);
}

/// `docs/api.md`, errors: "In Anthropic's dialect it has Anthropic's shape; paths that belong to no dialect have
/// it for a client that sends `anthropic-version`." `/v1/messages` belongs to a dialect.
#[actix_web::test]
async fn another_method_on_messages_is_refused_in_anthropics_shape() {
    let provider = ScriptedProvider::start([]).await;
    let gateway = gateway(&provider, "anthropic", "", "").await;
    for path in ["/v1/messages", "/v1/messages/count_tokens"] {
        let mut wire = Wire::connect(gateway.address()).await;
        wire.send(format!("GET {path} HTTP/1.1\r\nhost: h\r\n\r\n"))
            .await;
        let answer = wire.answer().await;
        assert_eq!(answer.status, 405);
        assert_eq!(refusal_flaw(Dialect::Messages, &answer), None);
    }
}

/// The reverse: a path of OpenAI's dialect has OpenAI's shape whatever headers come along.
#[actix_web::test]
async fn another_method_on_chat_completions_is_refused_in_openais_shape() {
    let provider = ScriptedProvider::start([]).await;
    let gateway = gateway(&provider, "anthropic", "", "").await;
    for path in ["/v1/chat/completions", "/v1/responses"] {
        let mut wire = Wire::connect(gateway.address()).await;
        wire.send(format!(
            "GET {path} HTTP/1.1\r\nhost: h\r\nanthropic-version: 2023-06-01\r\n\r\n"
        ))
        .await;
        let answer = wire.answer().await;
        assert_eq!(answer.status, 405);
        assert_eq!(refusal_flaw(Dialect::Chat, &answer), None);
    }
}

/// Responses of a provider that has them, behind a filter.
async fn verbatim(script: Script, is_stream: bool) -> Answer {
    let provider = ScriptedProvider::start([script]).await;
    let gateway = TestGateway::with_settings(&format!(
        "[[providers]]\nid = \"p\"\nkind = \"openai\"\nresponses = true\nbase_url = \"{}\"\n\
         [[models]]\nid = \"m\"\ntargets = [{{ provider = \"p\", model = \"up\" }}]\n\
         filter.drop = [\"usage\", \"reasoning\", \"logprobs\"]\n",
        provider.base_url(),
    ))
    .await;
    let body = Dialect::Responses.request(is_stream).to_string();
    ask(&gateway, Dialect::Responses, body, &[]).await
}

fn response() -> Value {
    json!({
        "id": "resp_1", "object": "response", "status": "completed", "error": null,
        "output": [
            { "type": "reasoning", "id": "rs_1", "summary": [{ "type": "summary_text", "text": "HIDE-THOUGHT" }] },
            { "type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [
                { "type": "output_text", "text": "SHOWN", "annotations": [], "logprobs": [{ "token": "HIDE-LOGPROB", "logprob": -0.1 }] },
            ] },
        ],
        "usage": { "input_tokens": 71_717, "output_tokens": 1, "total_tokens": 71_718 },
    })
}

fn completed() -> Script {
    let delta = json!({ "type": "response.output_text.delta", "sequence_number": 0, "item_id": "msg_1", "output_index": 1, "content_index": 0, "delta": "SHOWN", "logprobs": [{ "token": "HIDE-LOGPROB" }] });
    let last =
        json!({ "type": "response.completed", "sequence_number": 1, "response": response() });
    Script::sse()
        .typed_event(delta.to_string())
        .typed_event(last.to_string())
        .finish()
}

/// `docs/api.md`: the filter drops "`usage` the `usage` member", "for streams and documents"; the last event is
/// never dropped, but what it repeats is cut out of it, as it is where responses are translated.
#[actix_web::test]
async fn filtered_usage_is_not_in_the_last_event_of_responses() {
    let answer = verbatim(completed(), true).await;
    assert!(!answer.text().contains("71717"), "{}", answer.text());
}

/// The same of thoughts.
#[actix_web::test]
async fn a_filtered_thought_is_not_in_the_last_event_of_responses() {
    let answer = verbatim(completed(), true).await;
    assert!(!answer.text().contains("HIDE-THOUGHT"), "{}", answer.text());
}

/// The same of log probabilities.
#[actix_web::test]
async fn filtered_logprobs_are_not_in_responses() {
    let answer = verbatim(completed(), true).await;
    assert!(!answer.text().contains("HIDE-LOGPROB"), "{}", answer.text());
}
