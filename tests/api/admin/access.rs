//! Who is let in: by token, by pace, by size, and from which pages.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
};

use herald::{
    Gateway,
    settings::{Models, Settings},
    testkit::TestGateway,
};

use super::{ask, code};
use crate::support::Client;

const TOKEN: &str = "an-admin-token-of-these-tests";

/// A gateway whose admin listener asks for [`TOKEN`].
async fn guarded(more: &str) -> TestGateway {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("herald-admin-token-{}-{count}", std::process::id());
    let file = std::env::temp_dir().join(name);
    std::fs::write(&file, TOKEN).unwrap();
    let shown = file.display();
    let toml = format!("[admin]\ntoken = {{ file = \"{shown}\" }}\n{more}");
    let gateway = TestGateway::with_settings(&toml).await;
    std::fs::remove_file(file).unwrap();
    gateway
}

async fn status(address: SocketAddr, line: &str, headers: &[(&str, &str)]) -> u16 {
    ask(address, line, headers).await.status
}

#[actix_web::test]
async fn with_a_token_every_route_but_health_asks_for_it() {
    let gateway = guarded("").await;
    let admin = gateway.admin_address();
    let right = format!("Bearer {TOKEN}");
    for line in ["GET /nowhere", "DELETE /nowhere"] {
        for (headers, refused) in [
            (&[][..], "token_missing"),
            (&[("authorization", "Bearer wrong")], "token_wrong"),
            (&[("authorization", "Basic d3Jvbmc=")], "token_missing"),
        ] {
            let mut reply = ask(admin, line, headers).await;
            assert_eq!(reply.status, 401, "{line} {headers:?}");
            let challenge = reply.header("www-authenticate").unwrap();
            assert!(challenge.starts_with("Bearer"), "{challenge}");
            assert_eq!(code(&mut reply).await, refused, "{line} {headers:?}");
        }
        let authorized = [("authorization", right.as_str())];
        assert_eq!(status(admin, line, &authorized).await, 404, "{line}");
    }
    for line in ["GET /health/live", "GET /health/ready"] {
        assert_eq!(status(admin, line, &[]).await, 200, "{line}");
    }
}

#[actix_web::test]
async fn guessing_is_stopped_and_then_the_right_token_is_not_looked_at_either() {
    let gateway = guarded("failures_per_minute = 3").await;
    let admin = gateway.admin_address();
    let guess = |token: &str| {
        let value = format!("Bearer {token}");
        async move { ask(admin, "GET /nowhere", &[("authorization", &value)]).await }
    };
    assert_eq!(guess(TOKEN).await.status, 404);
    for _ in 0..3 {
        assert_eq!(guess("wrong").await.status, 401);
    }
    for token in ["wrong", TOKEN] {
        let mut refused = guess(token).await;
        assert_eq!(refused.status, 429);
        let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=20).contains(&wait), "{wait}");
        assert_eq!(code(&mut refused).await, "too_many_requests");
    }
    // Probes go on, whatever the peer has guessed.
    assert_eq!(status(admin, "GET /health/ready", &[]).await, 200);
}

#[actix_web::test]
async fn a_peer_that_asks_too_often_is_told_when_to_come_back() {
    let gateway = TestGateway::with_settings("[admin]\nrequests_per_second = 2").await;
    let admin = gateway.admin_address();
    let mut refused = None;
    // Two at once, and one each half a second.
    for _ in 0..100 {
        let reply = ask(admin, "GET /health/live", &[]).await;
        if reply.status == 429 {
            refused = Some(reply);
            break;
        }
    }
    let mut refused = refused.expect("a hundred requests take less than fifty seconds");
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(code(&mut refused).await, "too_many_requests");
    // The public listener has nothing to do with it.
    assert_eq!(
        status(gateway.address(), "GET /health/live", &[]).await,
        200
    );
}

#[actix_web::test]
async fn a_large_body_is_refused_before_it_is_sent_and_a_large_head_too() {
    let gateway = TestGateway::start().await;
    let admin = gateway.admin_address();
    let length = (2 << 20).to_string();
    let mut refused = ask(admin, "POST /nowhere", &[("content-length", &length)]).await;
    assert_eq!(refused.status, 413);
    assert_eq!(refused.header("connection"), Some("close"));
    assert_eq!(code(&mut refused).await, "body_too_large");

    // Settings with a hundred thousand keys are large; this gateway has no file, and so no such path.
    for (mebibytes, expected) in [(2, 404), (17, 413)] {
        let length = (mebibytes << 20).to_string();
        let headers = [("content-length", length.as_str())];
        let answered = status(admin, "POST /settings/validate", &headers).await;
        assert_eq!(answered, expected, "{mebibytes} MiB");
    }

    let mut client = Client::connect(admin).await;
    let large = "x".repeat(256 << 10);
    client
        .send(format!(
            "GET /health/live HTTP/1.1\r\nhost: {admin}\r\nx-large: {large}\r\n\r\n"
        ))
        .await;
    assert_eq!(client.reply().await.status, 431);
    assert_eq!(status(admin, "GET /health/live", &[]).await, 200);
}

#[actix_web::test]
async fn more_connections_than_there_may_be_without_a_head_are_given_up_and_the_next_is_served() {
    let gateway = TestGateway::start().await;
    let admin = gateway.admin_address();
    let mut idle = Vec::new();
    for _ in 0..300 {
        let mut client = Client::connect(admin).await;
        client.send("GET /health/live HTTP/1.1\r\nhost: ").await;
        idle.push(client);
    }
    // The public listener has nothing to do with it.
    let public = gateway.address();
    assert_eq!(status(public, "GET /health/live", &[]).await, 200);
    // This one waits until those before it are given up, which it outlasts.
    assert_eq!(status(admin, "GET /health/live", &[]).await, 200);
    assert_eq!(idle.remove(0).reply().await.status, 408);
}

#[actix_web::test]
async fn web_pages_of_elsewhere_are_refused_with_and_without_a_token() {
    for gateway in [TestGateway::start().await, guarded("").await] {
        let admin = gateway.admin_address();
        let own = format!("http://{admin}");
        for (headers, expected) in [
            (&[("origin", "https://evil.test")][..], 403),
            (&[("sec-fetch-site", "cross-site")], 403),
            (
                &[("origin", own.as_str()), ("sec-fetch-site", "same-origin")],
                200,
            ),
        ] {
            let answered = status(admin, "GET /health/live", headers).await;
            assert_eq!(answered, expected, "{headers:?}");
        }
    }
}

#[actix_web::test]
async fn a_name_that_was_made_to_point_here_opens_nothing_without_a_token() {
    let gateway = TestGateway::start().await;
    let admin = gateway.admin_address();
    let rebound = [("host", "evil.test:8081")];
    let mut refused = ask(admin, "GET /nowhere", &rebound).await;
    assert_eq!(refused.status, 403);
    assert_eq!(code(&mut refused).await, "foreign_page");
    assert_eq!(
        status(admin, "GET /nowhere", &[("host", "localhost")]).await,
        404
    );
    // Whoever has a token is no page, and may use any name.
    let gateway = guarded("").await;
    let right = format!("Bearer {TOKEN}");
    let headers = [("host", "herald.internal"), ("authorization", &right)];
    assert_eq!(
        status(gateway.admin_address(), "GET /nowhere", &headers).await,
        404
    );
}

#[actix_web::test]
async fn readiness_says_why_it_is_off() {
    let gateway = TestGateway::start().await;
    let admin = gateway.admin_address();
    let mut ready = ask(admin, "GET /health/ready", &[]).await;
    assert_eq!(ready.header("cache-control"), Some("no-store"));
    assert_eq!(ready.json().await["status"], "ready");

    let mut without_models = (*gateway.gateway().settings()).clone();
    without_models.models = Models::default();
    gateway.gateway().replace_settings(without_models);
    let mut unready = ask(admin, "GET /health/ready", &[]).await;
    assert_eq!(unready.status, 503);
    assert_eq!(unready.json().await["status"], "no_usable_provider");

    gateway.gateway().drain().begin();
    let mut draining = ask(admin, "GET /health/ready", &[]).await;
    assert_eq!(draining.header("retry-after"), Some("1"));
    assert_eq!(draining.json().await["status"], "draining");
}

#[actix_web::test]
async fn the_public_listener_has_no_admin_routes_and_the_other_way_round() {
    let gateway = TestGateway::start().await;
    for line in ["GET /metrics", "GET /streams", "GET /openapi.json"] {
        assert_eq!(status(gateway.address(), line, &[]).await, 404, "{line}");
    }
    let admin = gateway.admin_address();
    assert_eq!(status(admin, "GET /v1/models", &[]).await, 404);
    assert_eq!(status(admin, "POST /v1/chat/completions", &[]).await, 404);
}

#[actix_web::test]
async fn a_taken_admin_address_refuses_the_start_and_off_needs_none() {
    let gateway = TestGateway::start().await;
    let taken = gateway.admin_address();
    let settings = |listen: &str| {
        let toml = format!("[server]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"{listen}\"");
        let settings = Settings::from_toml(&toml).unwrap();
        settings.verify(&std::collections::HashMap::new()).unwrap()
    };
    let refused = Gateway::new(settings(&taken.to_string()))
        .run()
        .unwrap_err();
    let told = format!("admin.listen = \"{taken}\": the address is in use by another program");
    assert!(refused.to_string().starts_with(&told), "{refused}");
    let running = Gateway::new(settings("off")).run().unwrap();
    assert_eq!(running.admin_address(), None);
}

#[actix_web::test]
async fn the_admin_listener_answers_while_the_gateway_drains() {
    use herald::testkit::{Gate, Script, ScriptedProvider, chat as scripted};

    let gate = Gate::new();
    let script = Script::sse()
        .event(scripted::text("a"))
        .wait(&gate)
        .done()
        .finish();
    let provider = ScriptedProvider::start([script]).await;
    let mut gateway = TestGateway::in_front_of(&provider).await;
    let admin = gateway.admin_address();
    let mut reply =
        crate::support::chat(gateway.address(), &crate::support::stream_request()).await;
    reply.chunk().await.unwrap();
    gateway.stop();
    let mut is_draining = false;
    while !is_draining {
        is_draining = gateway.gateway().drain().has_begun();
        tokio::task::yield_now().await;
    }
    let mut unready = ask(admin, "GET /health/ready", &[]).await;
    assert_eq!(unready.json().await["status"], "draining");
    gate.open();
    reply.rest().await;
    gateway.stopped().await;
}
