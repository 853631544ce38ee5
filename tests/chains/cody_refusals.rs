//! What a Cody Gateway refuses by itself, as Cody is told of it by the Herald before it.

use std::time::{Duration, SystemTime};

use herald::testkit::{Script, ScriptedProvider, TestGateway, chat as scripted};

use crate::{
    asked_by_cody::{ask, play},
    cody::{Refusal, Verdict, refusal},
    heralds::{before_cody_gateway, herald, provider},
    played::PlayedGateway,
};

const ONE_AN_HOUR: &str = "limits.requests = { most = 1, per = \"1h\" }";

/// A Herald before another one, which asks a Cody Gateway.
async fn behind(first: &TestGateway) -> TestGateway {
    herald(
        "second",
        &provider("second", "herald", &first.base_url()),
        "",
    )
    .await
}

#[actix_web::test]
async fn its_own_limit_is_the_callers_quota_and_that_of_its_provider_is_not() {
    let spent = Script::json(429, scripted::error("theirs is spent", "rate_limit_error"))
        .header("retry-after", "7")
        .header("x-ratelimit-limit", "90");
    for stream in [true, false] {
        let scripted = ScriptedProvider::start([spent.clone()]).await;
        let played = PlayedGateway::before("openai", &scripted.base_url(), ONE_AN_HOUR, "").await;
        let first = before_cody_gateway(&played.base_url(), "openai/gpt-4o", "").await;
        let second = behind(&first).await;

        // The first request is let in, and the provider has had enough of the gateway.
        let mut reply = ask(&second, (8, stream)).await;
        assert_eq!(reply.header("x-upstream-status"), Some("503"));
        assert_eq!(reply.header("x-ratelimit-limit"), Some("90"));
        assert_eq!(reply.header("retry-after"), Some("7"));
        let Refusal::Network(503, words) = refusal(&mut reply).await else {
            panic!("the caller's quota is not spent");
        };
        assert!(words.contains("theirs is spent"), "{words}");

        // The second one is one too many for the key.
        for (gateway, members) in [
            (
                &first,
                "first;received-status=429;details=\"upstream_rate_limited\"",
            ),
            (
                &second,
                "first;received-status=429;details=\"upstream_rate_limited\", \
                 second;next-hop=\"second-asks\";received-status=429;details=\"upstream_rate_limited\"",
            ),
        ] {
            let mut reply = ask(gateway, (8, stream)).await;
            for (name, value) in [
                ("x-upstream-status", Some("429")),
                ("x-upstream-provider", Some("first-asks")),
                ("x-ratelimit-remaining", Some("0")),
                ("proxy-status", Some(members)),
                // It was refused before any model was looked at.
                ("x-cody-resolved-model", None),
                ("ratelimit", None),
            ] {
                assert_eq!(reply.header(name), value, "{name}");
            }
            let Refusal::RateLimit {
                limit,
                retry_after,
                is_upgrade_offered,
            } = refusal(&mut reply).await
            else {
                panic!("the caller's quota is spent");
            };
            assert_eq!((limit, is_upgrade_offered), (Some(1), false));
            let date = retry_after.unwrap();
            assert!(date.ends_with(" GMT"), "{date}");
            let when = httpdate::parse_http_date(&date).unwrap();
            let left = when.duration_since(SystemTime::now()).unwrap();
            assert!(left <= Duration::from_secs(7200), "{left:?}");
            let words = reply.text().await;
            assert!(
                words.starts_with("you have exceeded the rate limit"),
                "{words}"
            );
        }
        assert_eq!(scripted.requests().len(), 1);
    }
}

#[actix_web::test]
async fn a_key_or_a_model_that_it_refuses_is_the_heralds_mistake_and_signs_nobody_out() {
    let unused = ScriptedProvider::start([]).await;
    let expired = "expires = \"2001-01-01T00:00:00Z\"";
    for (key, target, told, code) in [
        (expired, "openai/gpt-4o", "401", "upstream_auth"),
        (
            "models = [\"claude-*\"]",
            "openai/gpt-4o",
            "403",
            "upstream_forbidden",
        ),
        ("", "openai/o1", "400", "upstream_rejected"),
    ] {
        let played = PlayedGateway::before("openai", &unused.base_url(), key, "").await;
        let first = before_cody_gateway(&played.base_url(), target, "").await;
        for way in [(1, true), (8, true), (8, false)] {
            let mut reply = ask(&first, way).await;
            assert_eq!(reply.header("x-upstream-status"), Some(told));
            // A 400 is repeated by nobody; of a 502 they must be told.
            let is_repeat_useless = (told != "400").then_some("false");
            assert_eq!(reply.header("x-should-retry"), is_repeat_useless, "{told}");
            assert_eq!(reply.header("www-authenticate"), None);
            let field = format!("first;received-status={told};details=\"{code}\"");
            assert_eq!(reply.header("proxy-status"), Some(&*field));
            let Refusal::Network(status, words) = refusal(&mut reply).await else {
                panic!("{told}: Cody would sign its user out");
            };
            assert_eq!(status, if told == "400" { 400 } else { 502 });
            assert!(words.len() > 10, "{words}");
        }
    }
    assert!(unused.requests().is_empty());
}

#[actix_web::test]
async fn one_that_shuts_down_is_a_503_to_come_again_to_and_an_error_in_a_stream() {
    let begun = Script::sse()
        .event(scripted::role())
        .event(scripted::text("a"));
    let scripted = ScriptedProvider::start([begun.stall()]).await;
    let played = PlayedGateway::before("openai", &scripted.base_url(), "", "").await;
    let first = before_cody_gateway(&played.base_url(), "openai/gpt-4o", "").await;
    let mut streaming = ask(&first, (8, true)).await;
    // The first event has come, so that the stream is open where the shutdown cuts it.
    assert_eq!(streaming.status, 200);
    played.gateway().drain().begin();
    let mut refused = ask(&first, (8, true)).await;
    assert_eq!(refused.header("x-upstream-status"), Some("503"));
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert!(matches!(
        refusal(&mut refused).await,
        Refusal::Network(503, _)
    ));

    played.gateway().drain().end();
    let (lawful, cody) = play(&mut streaming, 8).await;
    let words = lawful.error().expect("an error").to_owned();
    assert!(words.contains("shut"), "{words}");
    assert_eq!(cody.close(), Verdict::Error(words));
}
