//! Responses of a provider that has them, and counts of tokens: what passes as it is, and where it ends.

use herald::testkit::{Script, ScriptedProvider, TestGateway, messages};
use serde_json::{Value, json};

use crate::{
    translation::{Dialect, ask, assert_none, kind_of, post, refusal_flaw},
    wire::{Answer, Wire},
};

async fn with_responses(provider: &ScriptedProvider, model: &str, settings: &str) -> TestGateway {
    TestGateway::with_settings(&format!(
        "{settings}\n[[providers]]\nid = \"p\"\nkind = \"openai\"\nresponses = true\nbase_url = \"{}\"\n\
         [[models]]\nid = \"m\"\ntargets = [{{ provider = \"p\", model = \"up\" }}]\n{model}\n",
        provider.base_url(),
    ))
    .await
}

fn created() -> String {
    json!({ "type": "response.created", "sequence_number": 0, "response": { "id": "resp_1", "status": "in_progress", "output": [], "usage": null } }).to_string()
}

fn delta(text: &str) -> String {
    json!({ "type": "response.output_text.delta", "sequence_number": 1, "item_id": "msg_1", "output_index": 0, "content_index": 0, "delta": text }).to_string()
}

fn last(kind: &str) -> String {
    let status = kind.strip_prefix("response.").unwrap();
    json!({ "type": kind, "sequence_number": 2, "response": { "id": "resp_1", "status": status, "output": [],
        "error": if status == "failed" { json!({ "code": "server_error", "message": "no" }) } else { Value::Null },
        "usage": { "input_tokens": 1110, "output_tokens": 20, "total_tokens": 1130, "input_tokens_details": { "cached_tokens": 1000 } } } }).to_string()
}

fn typed(said: &[String]) -> Script {
    said.iter()
        .fold(Script::sse(), |script, data| script.typed_event(data))
        .finish()
}

async fn answer(script: Script, is_stream: bool, model: &str, settings: &str) -> Answer {
    let provider = ScriptedProvider::start([script]).await;
    let gateway = with_responses(&provider, model, settings).await;
    ask(
        &gateway,
        Dialect::Responses,
        Dialect::Responses.request(is_stream).to_string(),
        &[],
    )
    .await
}

#[actix_web::test]
async fn every_last_event_of_responses_ends_a_stream_and_nothing_else_does() {
    let mut flaws = Vec::new();
    for (end, is_end) in [
        (Some("response.completed"), true),
        (Some("response.incomplete"), true),
        (Some("response.in_progress"), false),
        (Some("response.queued"), false),
        (None, false),
    ] {
        let mut said = vec![created(), delta("a")];
        said.extend(end.map(last));
        let answer = answer(typed(&said), true, "", "").await;
        let is_whole = answer
            .data()
            .last()
            .is_some_and(|data| Dialect::Responses.is_end(data));
        let code = answer.code();
        let fine = if is_end {
            is_whole && code.is_none()
        } else {
            code.as_deref() == Some("upstream_truncated")
        };
        if answer.status != 200 || !answer.whole || !fine {
            flaws.push(format!("{end:?}: {answer:?}"));
        }
    }
    assert_none(&flaws);
}

#[actix_web::test]
async fn what_passes_as_it_is_passes_byte_for_byte() {
    let mut said = vec![
        created(),
        delta("a\u{2028}b"),
        r#"{"type":"response.of_tomorrow" ,"x":1e5,"y":[ 1 ]}"#.to_owned(),
    ];
    said.push(last("response.completed"));
    let answer = answer(typed(&said), true, "", "").await;
    assert_eq!(answer.data(), said);
}

#[actix_web::test]
async fn nothing_follows_the_last_event_of_responses() {
    for more in [
        delta("late"),
        created(),
        last("response.completed"),
        last("response.failed"),
    ] {
        let said = vec![created(), delta("a"), last("response.completed"), more];
        let answer = answer(typed(&said), true, "", "").await;
        let kinds: Vec<_> = answer.data().iter().map(|it| kind_of(it)).collect();
        assert_eq!(
            kinds,
            [
                "response.created",
                "response.output_text.delta",
                "response.completed"
            ]
        );
    }
}

/// A failure told before any content is an error with a status, as in every other dialect.
#[actix_web::test]
async fn a_failure_before_content_is_a_status() {
    let error = json!({ "type": "error", "code": "rate_limit_exceeded", "message": "no", "param": null, "sequence_number": 1 }).to_string();
    let nested = json!({ "type": "error", "sequence_number": 1, "error": { "type": "rate_limit_error", "code": "rate_limit_exceeded", "message": "no", "param": null } }).to_string();
    for said in [error, nested] {
        let answer = answer(
            typed(&[created(), said.clone()]),
            true,
            "",
            "[clocks]\nhold = \"5s\"\n",
        )
        .await;
        assert_eq!(answer.status, 429, "{said}: {answer:?}");
        assert_eq!(refusal_flaw(Dialect::Responses, &answer), None);
    }
}

#[actix_web::test]
async fn a_limit_of_tokens_is_settled_by_responses_that_pass_as_they_are() {
    for is_stream in [true, false] {
        let said = vec![created(), delta("a"), last("response.completed")];
        let whole = serde_json::from_str::<Value>(&last("response.completed")).unwrap()["response"]
            .to_string();
        let script = if is_stream {
            typed(&said)
        } else {
            Script::json(200, whole)
        };
        let provider = ScriptedProvider::start([script.repeat()]).await;
        let gateway = with_responses(
            &provider,
            "",
            "[limits]\ntokens = { most = 1000000, per = \"1h\" }\n",
        )
        .await;
        let mut left = Vec::new();
        for _ in 0..2 {
            let answer = ask(
                &gateway,
                Dialect::Responses,
                Dialect::Responses.request(is_stream).to_string(),
                &[],
            )
            .await;
            let limit = answer.header("ratelimit").unwrap().to_owned();
            let value = limit
                .split(';')
                .find_map(|it| it.trim().strip_prefix("r="))
                .unwrap();
            left.push(value.parse::<i64>().unwrap());
        }
        assert_eq!(left[0] - left[1], 1130, "stream {is_stream}");
    }
}

/// "the count of a provider that can count, as it came".
#[actix_web::test]
async fn a_count_of_tokens_passes_as_it_came_and_its_errors_in_their_shape() {
    let provider = ScriptedProvider::start([
        Script::json(200, r#"{ "input_tokens" : 7 , "zzz":1e5}"#),
        Script::json(400, messages::error("no", "invalid_request_error")),
        Script::json(401, messages::error("no", "authentication_error")),
        Script::json(200, "{"),
        Script::json(529, messages::error("no", "overloaded_error")),
    ])
    .await;
    let gateway = crate::translation::gateway(
        &provider,
        "anthropic",
        "",
        "[limits]\ntokens = { most = 1000000, per = \"1h\" }\n",
    )
    .await;
    let body =
        json!({ "model": "m", "messages": [{ "role": "user", "content": "Hi" }] }).to_string();
    for (number, status) in [200, 400, 502, 502, 503].into_iter().enumerate() {
        let mut wire = Wire::connect(gateway.address()).await;
        wire.send(post(
            "/v1/messages/count_tokens",
            &body,
            &[("anthropic-beta", "b")],
        ))
        .await;
        let answer = wire.answer().await;
        assert_eq!(answer.status, status, "{answer:?}");
        let asked = provider.next_request().await;
        assert_eq!(asked.path, "/v1/messages/count_tokens");
        assert_eq!(
            (
                asked.header("anthropic-version"),
                asked.header("anthropic-beta")
            ),
            (Some("2023-06-01"), Some("b"))
        );
        assert_eq!(asked.json()["model"], "up");
        if number == 0 {
            assert_eq!(answer.text(), r#"{ "input_tokens" : 7 , "zzz":1e5}"#);
        } else {
            assert_eq!(refusal_flaw(Dialect::Messages, &answer), None);
        }
    }
}

/// "`usage` the `usage` member" and the others, "for streams and documents".
#[actix_web::test]
async fn what_is_filtered_is_not_in_a_document_of_responses() {
    let response = json!({
        "id": "resp_1", "object": "response", "status": "completed", "error": null,
        "output": [
            { "type": "reasoning", "id": "rs_1", "summary": [{ "type": "summary_text", "text": "HIDE" }] },
            { "type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [
                { "type": "output_text", "text": "SHOWN", "annotations": [], "logprobs": [{ "token": "HIDE", "logprob": -0.1 }] },
            ] },
        ],
        "usage": { "input_tokens": 71_717, "output_tokens": 1, "total_tokens": 71_718 },
    });
    let filter = "filter.drop = [\"usage\", \"reasoning\", \"logprobs\"]";
    let answer = answer(Script::json(200, response.to_string()), false, filter, "").await;
    let text = answer.text();
    assert!(
        text.contains("SHOWN") && !text.contains("71717") && !text.contains("HIDE"),
        "{text}"
    );
}

/// "End markers and errors are never dropped", by their names neither.
#[actix_web::test]
async fn dropping_events_by_name_never_drops_the_end_of_responses() {
    let filter = "filter.drop_events = [\"response.completed\", \"response.created\"]";
    let said = vec![created(), delta("a"), last("response.completed")];
    let answer = answer(typed(&said), true, filter, "").await;
    let kinds: Vec<_> = answer.data().iter().map(|it| kind_of(it)).collect();
    assert_eq!(kinds, ["response.output_text.delta", "response.completed"]);
}
