//! Answers that go wrong, before the head and after it: Cody always learns of it, and of nothing else.

use herald::testkit::{
    Gate, Happened, Script, ScriptedProvider, TestGateway, chat as scripted, messages,
};

use super::*;
use cody::{Refusal, refusal};

const EVENTS: &str = "[sourcegraph]\nstream_errors = \"event\"\n";

fn begun() -> Script {
    Script::sse()
        .event(scripted::role())
        .event(scripted::text("a"))
}

#[actix_web::test]
async fn a_failure_before_the_head_is_a_status_with_words_and_never_signs_cody_out() {
    for (script, status) in [
        (
            Script::json(500, scripted::error("down", "server_error")),
            502,
        ),
        (Script::json(401, scripted::error("bad key", "auth")), 502),
        (Script::json(403, scripted::error("no", "auth")), 502),
        (
            Script::json(400, scripted::error("token limit", "bad")),
            400,
        ),
        (
            Script::json(503, scripted::error("busy", "server_error")),
            503,
        ),
        (Script::new().close(), 502),
        (Script::sse().finish(), 502),
        (Script::sse().event(scripted::role()).finish(), 502),
        (
            Script::sse()
                .event(scripted::error("e", "server_error"))
                .finish(),
            502,
        ),
    ] {
        let provider = ScriptedProvider::start([script]).await;
        let gateway = TestGateway::in_front_of(&provider).await;
        let mut reply = ask(&gateway, &at(STREAM, 8), &question()).await;
        assert_eq!(
            reply.header("content-type"),
            Some("text/plain; charset=utf-8")
        );
        let Refusal::Network(found, text) = refusal(&mut reply).await else {
            panic!("{status}: {:?}", reply.headers);
        };
        assert_eq!(found, status, "{text}");
        assert!(text.ends_with('\n') && text.len() > 2, "{text}");
    }
}

#[actix_web::test]
async fn a_providers_429_is_told_with_its_own_words_and_headers_however_errors_are_told() {
    for settings in ["", EVENTS] {
        let script = Script::json(429, scripted::error("slow down", "rate_limit_error"))
            .header("retry-after", "17");
        let provider = ScriptedProvider::start([script]).await;
        let gateway = TestGateway::tuned(&provider, settings).await;
        let mut reply = ask(&gateway, &at(STREAM, 8), &question()).await;
        let expected = Refusal::RateLimit {
            limit: None,
            retry_after: Some("17".to_owned()),
            is_upgrade_offered: false,
        };
        assert_eq!(refusal(&mut reply).await, expected);
        assert_eq!(reply.text().await, "slow down\n");
    }
}

#[actix_web::test]
async fn a_providers_limit_is_told_by_the_names_that_cody_knows_beside_heralds_own_limits() {
    let script = || {
        Script::json(429, scripted::error("slow down", "rate_limit_error"))
            .header("x-ratelimit-limit-requests", "500")
            .header("x-ratelimit-remaining-requests", "0")
            .header("x-ratelimit-reset-requests", "1m30s")
    };
    let provider = ScriptedProvider::start([script(), script(), script()]).await;
    let settings = "[limits]\nrequests = { most = 2, per = \"1h\" }\n";
    let gateway = TestGateway::tuned(&provider, settings).await;
    let mut reply = ask(&gateway, &at(STREAM, 8), &question()).await;
    assert_eq!(reply.header("x-ratelimit-remaining"), Some("0"));
    assert_eq!(reply.header("x-ratelimit-limit-requests"), Some("500"));
    let own = reply.header("ratelimit").unwrap();
    assert!(own.starts_with("\"all-requests\";r=1;t="), "{own}");
    let expected = Refusal::RateLimit {
        limit: Some(500),
        retry_after: Some("90".to_owned()),
        is_upgrade_offered: false,
    };
    assert_eq!(refusal(&mut reply).await, expected);

    // Clients of other dialects have the provider's own words.
    let body = serde_json::json!({ "model": "scripted-model", "messages": [] });
    let reply = ask(&gateway, "/v1/chat/completions", &body).await;
    assert_eq!(reply.status, 429);
    assert_eq!(reply.header("x-ratelimit-limit"), None);
    assert_eq!(reply.header("retry-after"), None);

    // The third meets Herald's own limit, which speaks for itself.
    let reply = ask(&gateway, &at(STREAM, 8), &question()).await;
    assert_eq!(
        (reply.status, reply.header("x-upstream-status")),
        (429, None)
    );
    assert_eq!(reply.header("x-ratelimit-limit"), Some("2"));
}

#[actix_web::test]
async fn a_providers_limit_behind_a_shared_quota_is_none_of_codys() {
    let script = Script::json(429, scripted::error("slow down", "rate_limit_error"))
        .header("x-ratelimit-limit-requests", "500");
    let provider = ScriptedProvider::start([script]).await;
    let settings = format!(
        "[[providers]]\nid = \"scripted\"\nkind = \"openai\"\nbase_url = \"{}\"\nshared_quota = true\n\
         [[models]]\nid = \"scripted-model\"\ntargets = [{{ provider = \"scripted\", model = \"up\" }}]\n",
        provider.base_url()
    );
    let gateway = TestGateway::with_settings(&settings).await;
    let reply = ask(&gateway, &at(STREAM, 8), &question()).await;
    assert_eq!(reply.status, 503);
    assert_eq!(reply.header("x-ratelimit-limit"), None);
}

#[actix_web::test]
async fn old_clients_are_told_of_a_failure_by_200_and_an_event_where_the_settings_say_so() {
    for version in [0, 1, 8] {
        let failure = Script::json(500, scripted::error("zwölf down", "server_error"));
        let provider = ScriptedProvider::start([failure.clone(), failure]).await;
        let gateway = TestGateway::tuned(&provider, EVENTS).await;
        let mut reply = ask(&gateway, &at(STREAM, version), &question()).await;
        assert_eq!(reply.status, 200);
        assert_eq!(reply.header("content-type"), Some("text/event-stream"));
        assert_eq!(reply.header("x-upstream-status"), Some("500"));
        let stream = reply.text().await;
        let events = strict::judge(&stream).unwrap();
        assert_eq!(events.len(), 1);
        assert!(
            stream.is_ascii() && stream.contains("zw\\u00f6lf down"),
            "{stream}"
        );
        // A document has a status all the same, and so has what is refused before the provider is asked.
        let mut reply = ask(&gateway, &at(CODE, version), &question()).await;
        assert_eq!(reply.status, 502);
        assert!(reply.text().await.contains("zwölf down"));
        let body = question_with(serde_json::json!({ "model": "none" }));
        assert_eq!(ask(&gateway, &at(STREAM, version), &body).await.status, 400);
    }
}

#[actix_web::test]
async fn a_failure_midway_is_an_error_and_then_done_in_every_version() {
    let endings: [fn() -> Script; 4] = [
        || begun().finish(),
        || begun().reset(),
        || {
            begun()
                .event(scripted::error("zwölf", "server_error"))
                .finish()
        },
        || begun().event("not json").finish(),
    ];
    for ending in endings {
        for version in 0..=8 {
            let provider = ScriptedProvider::start([ending()]).await;
            let gateway = TestGateway::in_front_of(&provider).await;
            let mut reply = ask(&gateway, &at(STREAM, version), &question()).await;
            let (lawful, cody) = play(&mut reply, version).await;
            let message = lawful.error().expect("an error").to_owned();
            assert!(message.contains("provider `scripted`"), "{message}");
            assert_eq!(cody.text, "a");
            assert_eq!(cody.stop_reason, "");
            assert_eq!(cody.close(), Verdict::Error(message));
        }
    }
}

#[actix_web::test]
async fn an_anthropic_stream_that_breaks_says_so_too() {
    let begun = || {
        Script::sse()
            .typed_event(messages::start(3))
            .typed_event(messages::text_block(0))
            .typed_event(messages::text(0, "a"))
    };
    for script in [
        begun().finish(),
        begun()
            .typed_event(messages::error("busy", "overloaded_error"))
            .finish(),
    ] {
        let provider = ScriptedProvider::start([script]).await;
        let gateway = before_anthropic(&provider).await;
        let mut reply = ask(&gateway, &at(STREAM, 8), &question()).await;
        let (lawful, cody) = play(&mut reply, 8).await;
        assert!(lawful.error().is_some());
        assert!(matches!(cody.close(), Verdict::Error(_)));
    }
}

#[actix_web::test]
async fn an_answer_that_says_nothing_completes() {
    for version in [0, 2, 8] {
        let script = Script::sse()
            .event(scripted::role())
            .event(scripted::finish("length"))
            .done()
            .finish();
        let provider = ScriptedProvider::start([script]).await;
        let gateway = TestGateway::in_front_of(&provider).await;
        let mut reply = ask(&gateway, &at(STREAM, version), &question()).await;
        let (_, cody) = play(&mut reply, version).await;
        assert_eq!(
            (cody.text.as_str(), cody.stop_reason.as_str()),
            ("", "max_tokens")
        );
        assert!(is_complete(cody));
    }
}

#[actix_web::test]
async fn a_cumulative_answer_has_a_bound() {
    let long = "x".repeat(600);
    let script = begun()
        .event(scripted::text(&long))
        .event(scripted::text(&long))
        .event(scripted::finish("stop"))
        .done()
        .finish();
    let provider = ScriptedProvider::start([script]).await;
    let settings = "[upstream]\nmax_body_bytes = \"1KiB\"\n";
    let gateway = TestGateway::tuned(&provider, settings).await;
    let mut reply = ask(&gateway, &at(STREAM, 1), &question()).await;
    let (lawful, _) = play(&mut reply, 1).await;
    assert!(lawful.error().unwrap().contains("max_body_bytes"));
}

#[actix_web::test]
async fn a_client_who_leaves_stops_the_provider() {
    let provider = ScriptedProvider::start([begun().stall()]).await;
    let gateway = TestGateway::in_front_of(&provider).await;
    let mut reply = ask(&gateway, &at(STREAM, 8), &question()).await;
    reply.chunk().await.unwrap();
    drop(reply);
    assert!(matches!(
        provider.caller_left().await.what,
        Happened::CallerLeft { .. }
    ));
}

#[actix_web::test]
async fn a_shutdown_ends_a_stream_by_the_law() {
    let gate = Gate::new();
    let provider = ScriptedProvider::start([begun().wait(&gate).finish()]).await;
    let settings = "[server]\ndrain_timeout = \"0s\"\n";
    let mut gateway = TestGateway::tuned(&provider, settings).await;
    let mut reply = ask(&gateway, &at(STREAM, 8), &question()).await;
    let first = reply.chunk().await.unwrap();
    gateway.stop();
    let (rest, _) = reply.rest().await;
    let events = strict::judge(&(first + &rest.concat())).unwrap();
    assert_eq!(events.last().unwrap().0, "error");
    gateway.stopped().await;
}

#[actix_web::test]
async fn a_deadline_of_the_clients_is_clamped_and_told() {
    let provider = ScriptedProvider::start([Script::sse().stall(), Script::sse().stall()]).await;
    let settings = "[clocks]\ntotal = \"50ms\"\nconnect = \"50ms\"\nhead = \"50ms\"\nfirst_event = \"50ms\"\nidle = \"50ms\"\nhold = \"0s\"\n";
    let gateway = TestGateway::tuned(&provider, settings).await;
    let mut client = Client::connect(gateway.address()).await;
    let headers = [("x-timeout-ms", "999999999")];
    client.post_to(&at(STREAM, 8), &question(), &headers).await;
    let mut reply = client.reply().await;
    assert!(matches!(
        refusal(&mut reply).await,
        Refusal::Network(504, _)
    ));
}
