//! Limits and ceilings over real sockets: what is refused, how it is told, and what each ending gives
//! back.

use herald::{
    limits::{counters::Counts, window::Cut},
    telemetry::metrics::TextFormat,
    testkit::{Gate, Happened, Script, ScriptedProvider, TestGateway, chat as scripted},
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::{Client, Reply, chat, completion_request, stream_request};

fn key(id: &str, limits: &str) -> String {
    let hash = hex::encode(Sha256::digest(id));
    format!("[[keys]]\nid = \"{id}\"\nsha256 = \"{hash}\"\n{limits}\n")
}

async fn post(gateway: &TestGateway, key: &str, body: &Value) -> Reply {
    let mut client = Client::connect(gateway.address()).await;
    client.post_chat_with(body, &[("api-key", key)]).await;
    client.reply().await
}

/// What is left of the key's limit, as the next answer tells it.
fn remaining(reply: &Reply, name: &str) -> u64 {
    let field = reply.header("ratelimit").unwrap();
    let (_, rest) = field.split_once(&format!("\"{name}\";r=")).unwrap();
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next().unwrap();
    digits.parse().unwrap()
}

fn counts(gateway: &TestGateway) -> Counts {
    gateway.gateway().limits().counters().read()
}

/// Waits until everything is closed: an ending gives back when the last who knows the request is done.
async fn all_closed(gateway: &TestGateway) {
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
    while gateway.gateway().limits().level().open > 0 {
        assert!(
            tokio::time::Instant::now() < deadline,
            "something stays open"
        );
        tokio::task::yield_now().await;
    }
}

#[actix_web::test]
async fn a_limit_of_ours_is_told_so_that_nobody_takes_it_for_the_providers() {
    let provider = ScriptedProvider::start([Script::chat(["Hi"]).repeat()]).await;
    let limits = "limits.requests = { most = 2, per = \"1m\" }";
    let gateway = TestGateway::tuned(&provider, &(key("a", limits) + &key("b", ""))).await;
    let first = post(&gateway, "a", &stream_request()).await;
    assert_eq!(first.status, 200);
    assert_eq!(
        first.header("ratelimit-policy"),
        Some(r#""key-requests";q=2;w=60"#)
    );
    assert_eq!(remaining(&first, "key-requests"), 1);
    assert_eq!(post(&gateway, "a", &stream_request()).await.status, 200);

    let mut refused = post(&gateway, "a", &stream_request()).await;
    assert_eq!(refused.status, 429);
    assert_eq!(
        refused.header("proxy-status"),
        Some(r#"herald;error=http_request_denied;details="gateway_rate_limited""#)
    );
    for absent in ["x-upstream-status", "x-upstream-provider", "x-should-retry"] {
        assert_eq!(refused.header(absent), None);
    }
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((50..=66).contains(&seconds), "{seconds}");
    assert_eq!(remaining(&refused, "key-requests"), 0);
    let metrics = gateway.gateway().metrics_text(TextFormat::Prometheus);
    let counted = "herald_limited_total{scope=\"key\",limit=\"requests\"} 1";
    assert!(metrics.contains(counted), "{metrics}");
    assert_eq!(refused.header("x-ratelimit-limit-requests"), Some("2"));
    assert_eq!(refused.header("x-ratelimit-remaining-requests"), Some("0"));
    assert!(refused.header("x-ratelimit-reset-requests").is_some());
    let body = refused.json().await;
    assert_eq!(
        body,
        json!({ "error": {
            "message": "the key `a` may use 2 requests in 1m (keys.limits.requests)",
            "type": "gateway_limit", "param": null, "code": "gateway_rate_limited",
        }})
    );
    // Another key has nothing to do with it, and one without limits is told of none.
    let other = post(&gateway, "b", &stream_request()).await;
    assert_eq!((other.status, other.header("ratelimit")), (200, None));
    assert_eq!(provider.requests().len(), 3);
    assert_eq!(
        (counts(&gateway).admitted, counts(&gateway).refused[0]),
        (2, 1)
    );
}

#[actix_web::test]
async fn limits_of_all_of_a_model_and_of_a_key_hold_together() {
    let provider = ScriptedProvider::start([Script::chat(["Hi"]).repeat()]).await;
    let gateway = TestGateway::with_settings(&format!(
        "[limits]\nrequests_per_day = 3\n{}{}\
         [[providers]]\nid = \"p\"\nkind = \"openai\"\nbase_url = \"{}\"\n\
         [[models]]\nid = \"scripted-model\"\nlimits.requests = {{ most = 2, per = \"24h\" }}\n\
         targets = [{{ provider = \"p\", model = \"m\" }}]\n\
         [[models]]\nid = \"other\"\ntargets = [{{ provider = \"p\", model = \"m\" }}]\n",
        key("a", "limits.requests = { most = 1, per = \"24h\" }"),
        key("b", ""),
        provider.base_url()
    ))
    .await;
    let ask = async |key: &str, model: &str| {
        let mut body = stream_request();
        body["model"] = model.into();
        let mut reply = post(&gateway, key, &body).await;
        if reply.status == 200 {
            return "200".to_owned();
        }
        reply.json().await["error"]["message"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(ask("a", "scripted-model").await, "200");
    assert_eq!(
        ask("a", "other").await,
        "the key `a` may use 1 request in 1day (keys.limits.requests)"
    );
    assert_eq!(ask("b", "scripted-model").await, "200");
    assert_eq!(
        ask("b", "scripted-model").await,
        "the model `scripted-model` is given 2 requests in 1day (models.limits.requests)"
    );
    // What was refused was counted by no limit, so the third of the day is still there.
    assert_eq!(ask("b", "other").await, "200");
    let mut spent = post(&gateway, "b", &json!({ "model": "other", "stream": true })).await;
    // An SDK must not hammer on until midnight.
    assert_eq!(spent.header("x-should-retry"), Some("false"));
    assert_eq!(
        spent.json().await["error"]["code"],
        "gateway_quota_exhausted"
    );
}

/// What each way to end costs of a thousand tokens, and that each gives its place back.
#[actix_web::test]
async fn every_ending_settles_its_tokens_and_gives_its_place_back() {
    let text = || scripted::text("word");
    let gate = Gate::new();
    let usage = scripted::usage(7, 30);
    let document = json!({
        "choices": [{ "index": 0, "message": { "content": "Hi" }, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 3, "completion_tokens": 9 },
    });
    // The prompt is estimated at a quarter of the request's bytes.
    let bytes = |body: &Value| (body.to_string().len() as u64).div_ceil(4);
    let (stream, whole) = (bytes(&stream_request()), bytes(&completion_request()));
    let endings: Vec<(&str, Script, Value, u64)> = vec![
        (
            "usage that was told is what counts",
            Script::sse()
                .event(text())
                .event(scripted::finish("stop"))
                .event(usage)
                .done()
                .finish(),
            stream_request(),
            37,
        ),
        (
            "without it the events that passed",
            Script::sse()
                .event(text())
                .event(text())
                .event(scripted::finish("stop"))
                .done()
                .finish(),
            stream_request(),
            stream + 4,
        ),
        (
            "a document tells its own",
            Script::json(200, document.to_string()),
            completion_request(),
            12,
        ),
        (
            "a document that does not tell has bytes",
            Script::json(200, r#"{"choices":[]}"#),
            completion_request(),
            whole + 4,
        ),
        (
            "a provider that refuses costs nothing",
            Script::json(500, "{}"),
            stream_request(),
            0,
        ),
        (
            "nor one that breaks off before any content",
            Script::sse().head().reset(),
            stream_request(),
            0,
        ),
        (
            "one that fails in the stream costs what passed",
            Script::sse().event(text()).wait(&gate).reset(),
            stream_request(),
            stream + 1,
        ),
    ];
    gate.open();
    for (what, script, request, cost) in endings {
        let provider = ScriptedProvider::start([script, Script::chat(["Hi"]).repeat()]).await;
        let limits = "limits.concurrent = 1\nlimits.tokens = { most = 1000, per = \"24h\" }";
        let gateway = TestGateway::tuned(
            &provider,
            &format!("[limits]\nanswer_tokens = 100\n{}", key("a", limits)),
        )
        .await;
        let mut reply = post(&gateway, "a", &request).await;
        assert_eq!(
            remaining(&reply, "key-tokens"),
            900 - bytes(&request),
            "{what}"
        );
        if request["stream"] == true && reply.status == 200 {
            reply.rest().await;
        } else {
            reply.text().await;
        }
        drop(reply);
        all_closed(&gateway).await;
        let next = post(&gateway, "a", &stream_request()).await;
        assert_eq!(next.status, 200, "{what}: its place is free again");
        assert_eq!(
            remaining(&next, "key-tokens"),
            900 - stream - cost,
            "{what}"
        );
    }
}

#[actix_web::test]
async fn a_client_that_leaves_gives_its_place_back_and_pays_for_what_passed() {
    let script = || Script::sse().event(scripted::text("word")).stall();
    let provider = ScriptedProvider::start([
        Script::new().stall(),
        script(),
        Script::chat(["Hi"]).repeat(),
    ])
    .await;
    let limits = "limits.concurrent = 1\nlimits.tokens = { most = 1000, per = \"24h\" }";
    let settings = format!("[limits]\nanswer_tokens = 100\n{}", key("a", limits));
    let gateway = TestGateway::tuned(&provider, &settings).await;
    let prompt = (stream_request().to_string().len() as u64).div_ceil(4);

    // Before the head: the provider had the prompt.
    let mut client = Client::connect(gateway.address()).await;
    let headers = [("api-key", "a")];
    client.post_chat_with(&stream_request(), &headers).await;
    provider.next_request().await;
    let mut second = post(&gateway, "a", &stream_request()).await;
    assert_eq!(second.status, 429);
    assert_eq!(second.header("retry-after"), Some("1"));
    let error = &second.json().await["error"];
    assert_eq!(error["code"], "gateway_concurrency_limited");
    drop(client);
    all_closed(&gateway).await;

    // In the stream, after one event.
    let mut reply = post(&gateway, "a", &stream_request()).await;
    assert_eq!(remaining(&reply, "key-tokens"), 900 - 2 * prompt);
    reply.chunk().await.unwrap();
    drop(reply);
    all_closed(&gateway).await;

    let next = post(&gateway, "a", &stream_request()).await;
    assert_eq!(remaining(&next, "key-tokens"), 900 - 3 * prompt - 1);
}

#[actix_web::test]
async fn a_shutdown_gives_the_tokens_of_what_it_cut_before_any_content_back() {
    let provider = ScriptedProvider::start([Script::new().stall()]).await;
    let limits = "[limits]\nconcurrent = 1\n[server]\ndrain_timeout = \"0s\"";
    let mut gateway = TestGateway::tuned(&provider, limits).await;
    let mut client = Client::connect(gateway.address()).await;
    client.post_chat(&stream_request()).await;
    provider.next_request().await;
    gateway.stop();
    assert_eq!(client.reply().await.status, 503);
    all_closed(&gateway).await;
    gateway.stopped().await;
}

#[actix_web::test]
async fn a_request_that_is_refused_for_itself_is_not_counted() {
    let provider = ScriptedProvider::start([Script::chat(["Hi"])]).await;
    let settings = "[limits]\nrequests = { most = 1, per = \"24h\" }";
    let gateway = TestGateway::tuned(&provider, settings).await;
    let mut unknown = stream_request();
    unknown["model"] = "nobody".into();
    assert_eq!(chat(gateway.address(), &unknown).await.status, 404);
    let mut client = Client::connect(gateway.address()).await;
    let headers = [("x-timeout-ms", "soon")];
    client.post_chat_with(&stream_request(), &headers).await;
    assert_eq!(client.reply().await.status, 400);
    let reply = chat(gateway.address(), &stream_request()).await;
    assert_eq!((reply.status, remaining(&reply, "all-requests")), (200, 0));
}

#[actix_web::test]
async fn the_providers_own_limits_pass_beside_ours() {
    let script = Script::chat(["Hi"])
        .header("x-ratelimit-limit-requests", "10000")
        .header("ratelimit", "\"theirs\";r=1");
    let provider = ScriptedProvider::start([script]).await;
    let settings = "[limits]\nrequests = { most = 5, per = \"1m\" }";
    let gateway = TestGateway::tuned(&provider, settings).await;
    let reply = chat(gateway.address(), &stream_request()).await;
    assert_eq!(reply.header("x-ratelimit-limit-requests"), Some("10000"));
    assert_eq!(remaining(&reply, "all-requests"), 4);
}

#[actix_web::test]
async fn what_was_counted_outlasts_a_reload() {
    let provider = ScriptedProvider::start([Script::chat(["Hi"]).repeat()]).await;
    let settings = |most| format!("[limits]\nrequests = {{ most = {most}, per = \"24h\" }}");
    let gateway = TestGateway::tuned(&provider, &settings(2)).await;
    let others = TestGateway::tuned(&provider, &settings(3)).await;
    let ask = async || chat(gateway.address(), &stream_request()).await.status;
    assert_eq!((ask().await, ask().await, ask().await), (200, 200, 429));
    let next = herald::settings::VerifiedSettings::clone(&others.gateway().settings());
    gateway.gateway().replace_settings(next);
    assert_eq!((ask().await, ask().await), (200, 429));
    // The window of a day's length is cut so that none of this is forgotten before a day is over.
    let cut = Cut::rolling(std::time::Duration::from_secs(86_400));
    assert!(cut.reset_ms(0) >= 86_400_000);
}

#[actix_web::test]
async fn beyond_a_ceiling_the_answer_is_503_at_once_and_says_which() {
    let gate = Gate::new();
    let open = || {
        Script::sse()
            .event(scripted::text("a"))
            .wait(&gate)
            .done()
            .finish()
    };
    for (ceiling, setting) in [
        ("[upstream]\nmax_open = 1\n", "upstream.max_open"),
        ("", "providers.max_open"),
    ] {
        let provider = ScriptedProvider::start([open()]).await;
        let own = if ceiling.is_empty() {
            "max_open = 1\n"
        } else {
            ""
        };
        let gateway = TestGateway::with_settings(&format!(
            "{ceiling}[[providers]]\nid = \"p\"\nkind = \"openai\"\n{own}base_url = \"{}\"\n\
             [[models]]\nid = \"scripted-model\"\ntargets = [{{ provider = \"p\", model = \"m\" }}]\n",
            provider.base_url()
        ))
        .await;
        let first = chat(gateway.address(), &stream_request()).await;
        assert_eq!(first.status, 200);
        let mut refused = chat(gateway.address(), &stream_request()).await;
        assert_eq!(refused.status, 503);
        assert_eq!(refused.header("retry-after"), Some("1"));
        assert_eq!(
            refused.header("proxy-status"),
            Some(r#"herald;error=connection_limit_reached;details="gateway_overloaded""#)
        );
        let error = &refused.json().await["error"];
        assert_eq!(error["code"], "gateway_overloaded");
        assert!(error["message"].as_str().unwrap().contains(setting));
        assert_eq!(counts(&gateway).overloaded.iter().sum::<u64>(), 1);
    }
}

#[actix_web::test]
async fn a_provider_has_a_ceiling_of_its_own_on_what_waits_for_its_head() {
    let provider = ScriptedProvider::start([Script::new().stall()]).await;
    let other = ScriptedProvider::start([Script::chat(["Hi"])]).await;
    let gateway = TestGateway::with_settings(&format!(
        "[[providers]]\nid = \"p\"\nkind = \"openai\"\nmax_waiting = 1\nbase_url = \"{}\"\n\
         [[providers]]\nid = \"q\"\nkind = \"openai\"\nmax_waiting = 1\nbase_url = \"{}\"\n\
         [[models]]\nid = \"scripted-model\"\ntargets = [{{ provider = \"p\", model = \"m\" }}]\n\
         [[models]]\nid = \"other\"\ntargets = [{{ provider = \"q\", model = \"m\" }}]\n",
        provider.base_url(),
        other.base_url(),
    ))
    .await;
    let mut first = Client::connect(gateway.address()).await;
    first.post_chat(&stream_request()).await;
    provider.next_request().await;
    let mut refused = chat(gateway.address(), &stream_request()).await;
    assert_eq!(
        (refused.status, refused.header("retry-after")),
        (503, Some("1"))
    );
    let message = &refused.json().await["error"]["message"];
    assert!(message.as_str().unwrap().contains("providers.max_waiting"));
    // Nobody else's ceiling is met by that.
    let mut body = stream_request();
    body["model"] = "other".into();
    assert_eq!(chat(gateway.address(), &body).await.status, 200);
}

#[actix_web::test]
async fn a_days_tokens_that_are_spent_are_refused_until_midnight_in_utc() {
    let usage = scripted::usage(40, 60);
    let script = Script::sse()
        .event(scripted::text("a"))
        .event(scripted::finish("stop"))
        .event(usage)
        .done()
        .finish();
    let provider = ScriptedProvider::start([script.repeat()]).await;
    let settings =
        "[limits]\nanswer_tokens = 1\n".to_owned() + &key("a", "limits.tokens_per_day = 100");
    let gateway = TestGateway::tuned(&provider, &settings).await;
    let mut first = post(&gateway, "a", &stream_request()).await;
    assert_eq!(first.status, 200);
    assert_eq!(
        first.header("ratelimit-policy"),
        Some(r#""key-tokens_per_day";q=100;qu="tokens";w=86400"#)
    );
    first.rest().await;
    drop(first);
    all_closed(&gateway).await;

    let mut refused = post(&gateway, "a", &stream_request()).await;
    assert_eq!(refused.status, 429);
    assert_eq!(remaining(&refused, "key-tokens_per_day"), 0);
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=86_400).contains(&seconds), "{seconds}");
    // An SDK must not hammer on until midnight.
    assert_eq!(refused.header("x-should-retry"), Some("false"));
    assert_eq!(refused.header("x-ratelimit-limit-tokens"), Some("100"));
    assert_eq!(refused.header("x-ratelimit-remaining-tokens"), Some("0"));
    assert_eq!(refused.header("x-upstream-status"), None);
    let error = &refused.json().await["error"];
    assert_eq!(error["code"], "gateway_quota_exhausted");
    assert_eq!(
        error["message"],
        "the key `a` may use 100 tokens a day (UTC) (keys.limits.tokens_per_day)"
    );
}

#[actix_web::test]
async fn a_stream_whose_head_is_in_does_not_wait_any_more() {
    let (head, end) = (Gate::new(), Gate::new());
    let waiting = Script::sse()
        .wait(&head)
        .event(scripted::text("a"))
        .wait(&end)
        .done()
        .finish();
    let provider = ScriptedProvider::start([waiting, Script::chat(["Hi"])]).await;
    let gateway = TestGateway::tuned(&provider, "[upstream]\nmax_waiting = 1").await;
    let mut first = Client::connect(gateway.address()).await;
    first.post_chat(&stream_request()).await;
    provider
        .wait_for("the gate", |what| *what == Happened::Waiting)
        .await;
    assert_eq!(chat(gateway.address(), &stream_request()).await.status, 503);
    head.open();
    let first = first.reply().await;
    assert_eq!(first.status, 200);
    let level = gateway.gateway().limits().level();
    assert_eq!((level.open, level.waiting), (1, 0));
    assert_eq!(chat(gateway.address(), &stream_request()).await.status, 200);
    end.open();
}
