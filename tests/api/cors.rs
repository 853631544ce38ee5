//! What web pages may read, and that nothing else changes for anybody.

use std::{collections::BTreeSet, net::SocketAddr};

use actix_web::{App, HttpResponse, web};
use herald::{
    Gateway,
    settings::{ProcessEnvironment, Settings, VerifiedSettings},
    testkit::{Gate, Script, ScriptedProvider, TestGateway, chat as scripted},
};

use crate::support::{Client, LogLines, Reply, completion_request, gated_stream, stream_request};

const PAGE: (&str, &str) = ("origin", "https://app.test");
const OTHER_PAGE: (&str, &str) = ("origin", "https://other.test");
const ONE_PAGE: &str = "[cors]\norigins = [\"https://app.test\"]\nmax_age = \"90s\"\n";
const EVERY_PAGE: &str = "[cors]\norigins = [\"*\"]\n";
/// Of the key `client-key`.
const KEYS: &str = "[[keys]]\nid = \"tests\"\n\
    sha256 = \"8eb943e7040b69a94bf39562088223755bff4c2e7c5fc257f1e08f870fe01d35\"\n";

async fn ask(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)]) -> Reply {
    let mut client = Client::connect(address).await;
    send(&mut client, method, path, headers).await;
    client.reply().await
}

async fn send(client: &mut Client, method: &str, path: &str, headers: &[(&str, &str)]) {
    let mut request = format!("{method} {path} HTTP/1.1\r\nhost: herald\r\ncontent-length: 0\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    client.send(request + "\r\n").await;
}

async fn chat_from(
    address: SocketAddr,
    body: &serde_json::Value,
    headers: &[(&str, &str)],
) -> Reply {
    let mut client = Client::connect(address).await;
    client.post_chat_with(body, headers).await;
    client.reply().await
}

/// A browser's question before a request of `method` with headers of the OpenAI SDK.
async fn preflight(address: SocketAddr, method: &str, path: &str, page: (&str, &str)) -> Reply {
    let asked = [
        page,
        ("access-control-request-method", method),
        ("access-control-request-headers", SDK_HEADERS),
    ];
    ask(address, "OPTIONS", path, &asked).await
}

const SDK_HEADERS: &str =
    "authorization,content-type,x-herald-metadata,x-stainless-os,x-timeout-ms";

/// The names of CORS on an answer, with `vary`.
fn cors_headers(reply: &Reply) -> Vec<&str> {
    let names = reply.headers.iter().map(|(name, _)| name.as_str());
    let mut found: Vec<_> = names
        .filter(|name| name.starts_with("access-control-") || *name == "vary")
        .collect();
    found.sort_unstable();
    found
}

fn names(reply: &Reply) -> BTreeSet<&str> {
    reply
        .headers
        .iter()
        .map(|(name, _)| name.as_str())
        .collect()
}

/// Checks what a page of an allowed origin is told, against all that is on the answer.
fn assert_readable(reply: &Reply, case: &str) {
    let allowed = reply.header("access-control-allow-origin");
    assert_eq!(allowed, Some(PAGE.1), "{case}");
    assert_eq!(reply.header("vary"), Some("origin"), "{case}");
    let exposed = reply.header("access-control-expose-headers").unwrap();
    let exposed: BTreeSet<_> = exposed.split(", ").collect();
    // Readable anyway, of the connection, or CORS's own.
    let others = "access-control-allow-origin access-control-expose-headers cache-control connection \
        content-encoding content-length content-type date transfer-encoding vary x-accel-buffering";
    let others = others.split(' ').collect();
    let expected: BTreeSet<_> = names(reply).difference(&others).copied().collect();
    assert_eq!(exposed, expected, "{case}");
    assert!(exposed.contains("x-herald-request-id"), "{case}");
}

#[actix_web::test]
async fn without_origins_in_the_settings_no_answer_knows_of_cors() {
    let provider = ScriptedProvider::start([Script::chat(["a"]).repeat()]).await;
    let gateway = TestGateway::in_front_of(&provider).await;
    let plain = chat_from(gateway.address(), &stream_request(), &[]).await;
    assert_eq!((plain.status, cors_headers(&plain)), (200, vec![]));
    let looked = ask(gateway.address(), "GET", "/v1/models", &[]).await;
    let of_page = ask(gateway.address(), "GET", "/v1/models", &[PAGE]).await;
    assert_eq!(names(&looked), names(&of_page));
    assert_eq!(cors_headers(&of_page), [""; 0]);
    let asked = preflight(gateway.address(), "POST", "/v1/chat/completions", PAGE).await;
    assert_eq!((asked.status, cors_headers(&asked)), (405, vec![]));
}

#[actix_web::test]
async fn a_preflight_is_allowed_whatever_it_asks_for_and_needs_no_key() {
    let gateway = TestGateway::with_settings(&format!("{ONE_PAGE}{KEYS}")).await;
    for (path, method) in [
        ("/v1/chat/completions", "POST"),
        ("/v1/models", "GET"),
        ("/v1/models/a/b", "GET"),
        ("/health/ready", "GET"),
        ("/v1/files/file-1", "DELETE"),
    ] {
        let mut reply = preflight(gateway.address(), method, path, PAGE).await;
        assert_eq!(reply.status, 200, "{path}");
        for (name, value) in [
            ("access-control-allow-origin", PAGE.1),
            ("access-control-allow-methods", method),
            ("access-control-allow-headers", SDK_HEADERS),
            ("access-control-max-age", "90"),
        ] {
            assert_eq!(reply.header(name), Some(value), "{path}");
        }
        assert!(reply.header("vary").unwrap().starts_with("Origin"));
        assert_eq!(reply.header("access-control-allow-credentials"), None);
        assert_eq!(reply.text().await, "");
    }
}

#[actix_web::test]
async fn every_kind_of_answer_exposes_exactly_the_headers_that_are_on_it() {
    let limited = || {
        Script::json(429, scripted::error("slow", "rate_limit_error")).header("retry-after", "7")
    };
    let provider = ScriptedProvider::start([
        Script::chat(["a"]).header("x-ratelimit-remaining-requests", "9"),
        Script::json(200, scripted::completion("a")).header("x-request-id", "req-1"),
        limited(),
        Script::json(401, scripted::error("no", "invalid_request_error")),
        Script::sse()
            .header("x-request-id", "req-2")
            .event("{\"error\":{}}")
            .finish(),
    ])
    .await;
    let settings = format!("{ONE_PAGE}[server]\nmax_body_bytes = \"1KiB\"\n");
    let gateway = TestGateway::tuned(&provider, &settings).await;
    let address = gateway.address();
    for (case, body, status, among) in [
        (
            "stream",
            stream_request(),
            200,
            "x-ratelimit-remaining-requests",
        ),
        ("document", completion_request(), 200, "x-request-id"),
        ("429", stream_request(), 429, "retry-after"),
        (
            "the provider's 401",
            stream_request(),
            502,
            "x-should-retry",
        ),
        ("error event", stream_request(), 502, "proxy-status"),
    ] {
        let reply = chat_from(address, &body, &[PAGE]).await;
        assert_eq!(reply.status, status, "{case}");
        assert_readable(&reply, case);
        let exposed = reply.header("access-control-expose-headers").unwrap();
        for name in [among, "x-upstream-status", "server-timing"] {
            assert!(
                exposed.split(", ").any(|one| one == name),
                "{case}: {exposed}"
            );
        }
    }
    let unknown = serde_json::json!({ "model": "unknown" });
    let large = serde_json::json!({ "model": "m".repeat(2000) });
    for (body, status) in [(unknown, 404), (large, 413)] {
        let reply = chat_from(address, &body, &[PAGE]).await;
        assert_eq!(reply.status, status);
        assert_readable(&reply, &status.to_string());
    }
    for (method, path, status) in [
        ("GET", "/v1/models", 200),
        ("GET", "/v1/models/unknown", 404),
        ("PUT", "/v1/models", 405),
        ("GET", "/health/ready", 200),
        ("GET", "/nowhere", 404),
    ] {
        let reply = ask(address, method, path, &[PAGE]).await;
        assert_eq!(reply.status, status, "{path}");
        assert_readable(&reply, path);
    }
}

#[actix_web::test]
async fn the_exposed_headers_of_a_stream_are_these() {
    let provider = ScriptedProvider::start([Script::chat(["a"])
        .header("openai-processing-ms", "12")
        .header("x-ratelimit-limit-requests", "9")
        .header("set-cookie", "a=b")
        .header("x-unknown", "1")
        .header("access-control-allow-origin", "*")
        .header("access-control-expose-headers", "x-unknown")
        .header("access-control-allow-credentials", "true")
        .header("vary", "cookie")])
    .await;
    let rules = "[metadata]\nallow = [\"x-ratelimit-*\", \
        { name = \"openai-processing-ms\", as = \"x-upstream-processing-ms\" }]\n";
    let gateway = TestGateway::tuned(&provider, &format!("{ONE_PAGE}{rules}")).await;
    let reply = chat_from(gateway.address(), &stream_request(), &[PAGE]).await;
    assert_eq!(
        reply.header("access-control-expose-headers"),
        Some(
            "server-timing, x-herald-request-id, x-herald-settings-generation, \
             x-ratelimit-limit-requests, x-upstream-model, x-upstream-processing-ms, \
             x-upstream-provider, x-upstream-status, x-upstream-time-to-first-token"
        )
    );
    assert_readable(&reply, "stream");
    assert_eq!(reply.header("access-control-allow-credentials"), None);
}

#[actix_web::test]
async fn a_page_can_read_that_its_key_is_refused() {
    let gateway = TestGateway::with_settings(&format!("{ONE_PAGE}{KEYS}")).await;
    let reply = ask(gateway.address(), "GET", "/v1/models", &[PAGE]).await;
    assert_eq!(reply.status, 401);
    assert_readable(&reply, "401");
}

#[actix_web::test]
async fn who_is_no_page_is_served_all_the_same_and_another_page_may_look_but_spend_nothing() {
    let provider = ScriptedProvider::start([Script::chat(["a"]).repeat()]).await;
    let gateway = TestGateway::tuned(&provider, ONE_PAGE).await;
    let address = gateway.address();
    for headers in [
        &[][..],
        // Herald's own origin, and what a browser sends that has been asked for by its user.
        &[("origin", "http://herald")],
        &[("sec-fetch-site", "none")],
        &[("sec-fetch-site", "same-origin"), OTHER_PAGE],
    ] {
        let mut reply = chat_from(address, &stream_request(), headers).await;
        assert_eq!(reply.status, 200, "{headers:?}");
        assert_eq!(cors_headers(&reply), ["vary"], "{headers:?}");
        assert_eq!(reply.header("vary"), Some("origin"));
        assert_eq!(reply.events().await.last().unwrap(), "[DONE]");
    }
    let served = provider.requests().len();
    for headers in [
        &[OTHER_PAGE][..],
        &[("origin", "null")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site"), OTHER_PAGE],
        // A form's.
        &[OTHER_PAGE, ("content-type", "text/plain")],
    ] {
        let mut reply = chat_from(address, &stream_request(), headers).await;
        assert_eq!(reply.status, 403, "{headers:?}");
        assert_eq!(cors_headers(&reply), ["vary"], "{headers:?}");
        let error = &reply.json().await["error"];
        assert_eq!(error["code"], "foreign_page");
        assert_eq!(error["type"], "invalid_request_error");
    }
    assert_eq!(provider.requests().len(), served);
    let looked = ask(address, "GET", "/v1/models", &[OTHER_PAGE]).await;
    assert_eq!((looked.status, cors_headers(&looked)), (200, vec!["vary"]));
    let mut asked = preflight(
        gateway.address(),
        "POST",
        "/v1/chat/completions",
        OTHER_PAGE,
    )
    .await;
    assert_eq!((asked.status, cors_headers(&asked)), (405, vec!["vary"]));
    assert_eq!(asked.json().await["error"]["code"], "method_not_allowed");
}

#[actix_web::test]
async fn a_page_that_is_listed_or_has_a_key_may_spend_whatever_its_browser_says() {
    let provider = ScriptedProvider::start([Script::chat(["a"]).repeat()]).await;
    let site = ("sec-fetch-site", "cross-site");
    let key = ("authorization", "Bearer client-key");
    for (settings, headers) in [
        (ONE_PAGE, &[PAGE, site][..]),
        (EVERY_PAGE, &[OTHER_PAGE, site]),
        (KEYS, &[OTHER_PAGE, site, key]),
    ] {
        let gateway = TestGateway::tuned(&provider, settings).await;
        let reply = chat_from(gateway.address(), &stream_request(), headers).await;
        assert_eq!(reply.status, 200, "{settings}");
    }
    let gateway = TestGateway::tuned(&provider, KEYS).await;
    let reply = chat_from(gateway.address(), &stream_request(), &[OTHER_PAGE, site]).await;
    assert_eq!(reply.status, 401);
}

#[actix_web::test]
async fn a_star_is_told_to_everybody_so_that_no_cache_has_to_tell_origins_apart() {
    let gateway = TestGateway::with_settings(EVERY_PAGE).await;
    for headers in [&[OTHER_PAGE][..], &[]] {
        let reply = ask(gateway.address(), "GET", "/v1/models", headers).await;
        assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
        let exposed = reply.header("access-control-expose-headers");
        assert_eq!(exposed, Some("x-herald-request-id"));
        assert_eq!(reply.header("vary"), None);
    }
    let asked = preflight(
        gateway.address(),
        "POST",
        "/v1/chat/completions",
        OTHER_PAGE,
    )
    .await;
    assert_eq!(asked.header("access-control-allow-origin"), Some("*"));
    // A star would not cover `authorization`.
    assert_eq!(
        asked.header("access-control-allow-headers"),
        Some(SDK_HEADERS)
    );
}

#[actix_web::test]
async fn new_origins_hold_at_once_on_every_worker_and_an_open_stream_goes_on() {
    let gate = Gate::new();
    let provider = ScriptedProvider::start([gated_stream(&gate)]).await;
    let settings = |origins: &str| {
        let scripted = format!(
            "[server]\nworkers = 4\n[cors]\norigins = {origins}\n\
             [[providers]]\nid = \"p\"\nkind = \"openai\"\nbase_url = \"{}\"\n\
             [[models]]\nid = \"scripted-model\"\n\
             targets = [{{ provider = \"p\", model = \"m\" }}]\n",
            provider.base_url()
        );
        verified(&scripted)
    };
    let gateway = TestGateway::run(Gateway::new(settings("[]"))).await;
    let allowed_on_each_worker = async |page| {
        let mut allowed = Vec::new();
        // Connections go to the workers in turn; these stay open, so each worker has some.
        let mut open = Vec::new();
        for _ in 0..8 {
            let asked = preflight(gateway.address(), "POST", "/v1/chat/completions", page).await;
            let reply = ask(gateway.address(), "GET", "/v1/models", &[page]).await;
            let of = |reply: &Reply| reply.header("access-control-allow-origin") == Some(page.1);
            assert_eq!(of(&asked), of(&reply));
            allowed.push(of(&reply));
            open.extend([asked, reply]);
        }
        assert!(allowed.iter().all(|one| *one == allowed[0]), "{allowed:?}");
        allowed[0]
    };
    assert!(!allowed_on_each_worker(PAGE).await);
    gateway
        .gateway()
        .replace_settings(settings("[\"https://app.test\"]"));
    assert!(allowed_on_each_worker(PAGE).await);
    let mut open = chat_from(gateway.address(), &stream_request(), &[PAGE]).await;
    assert_readable(&open, "stream");
    gateway
        .gateway()
        .replace_settings(settings("[\"https://other.test\"]"));
    assert!(!allowed_on_each_worker(PAGE).await);
    assert!(allowed_on_each_worker(OTHER_PAGE).await);
    gate.open();
    assert_eq!(open.events().await.last().unwrap(), "[DONE]");
}

#[actix_web::test]
async fn a_page_learns_of_a_shutdown_like_everybody() {
    let gateway = TestGateway::with_settings(ONE_PAGE).await;
    gateway.gateway().drain().begin();
    let asked = preflight(gateway.address(), "POST", "/v1/chat/completions", PAGE).await;
    assert_eq!(asked.status, 200);
    let refused = chat_from(gateway.address(), &stream_request(), &[PAGE]).await;
    assert_eq!(refused.status, 503);
    assert_readable(&refused, "503");
    let exposed = refused.header("access-control-expose-headers");
    assert_eq!(exposed, Some("retry-after, x-herald-request-id"));
}

#[actix_web::test]
async fn an_allowed_preflight_leaves_no_line_and_a_refused_one_does() {
    let lines = LogLines::collect();
    let gateway = TestGateway::with_settings(ONE_PAGE).await;
    let path = "/v1/models/seen-by-this-test-alone";
    for page in [PAGE, OTHER_PAGE] {
        preflight(gateway.address(), "GET", path, page).await;
    }
    ask(gateway.address(), "GET", path, &[PAGE]).await;
    let of_get = |line: &_| is_of(line, path) && line_method(line) == "GET";
    lines.wait(of_get).await;
    let methods = lines.wait(|line| is_of(line, path)).await;
    let methods: Vec<_> = methods.iter().map(line_method).collect();
    // One OPTIONS, which was another page's.
    assert_eq!(methods, ["OPTIONS", "GET"]);
}

fn is_of(line: &crate::support::Line, path: &str) -> bool {
    line.get("path").is_some_and(|known| known == path)
}

fn line_method(line: &crate::support::Line) -> &str {
    &line["method"]
}

#[actix_web::test]
async fn a_page_behind_a_proxy_of_http_1_0_gets_the_same() {
    let provider = ScriptedProvider::start([Script::chat(["a"])]).await;
    let gateway = TestGateway::tuned(&provider, ONE_PAGE).await;
    let body = stream_request().to_string();
    let mut client = Client::connect(gateway.address()).await;
    let head = format!("origin: {}\r\ncontent-length: {}\r\n", PAGE.1, body.len());
    client
        .send(format!(
            "POST /v1/chat/completions HTTP/1.0\r\n{head}\r\n{body}"
        ))
        .await;
    let mut reply = client.reply().await;
    assert_readable(&reply, "HTTP/1.0");
    assert!(reply.until_close().await.ends_with("data: [DONE]\n\n"));
}

fn verified(toml: &str) -> VerifiedSettings {
    let settings = Settings::from_toml(toml).unwrap();
    let mut settings = settings.verify(&ProcessEnvironment).unwrap();
    settings.server.listen = SocketAddr::from(([127, 0, 0, 1], 0));
    settings.admin.listen = None;
    settings.client_parts.proxy_from_environment = false;
    settings
}

#[actix_web::test]
async fn in_another_app_the_origins_hold_for_heralds_routes_alone() {
    let gateway = Gateway::new(verified(ONE_PAGE));
    let app = actix_test::start(move || {
        App::new()
            .app_data(web::Data::new(gateway.clone()))
            .route("/hello", web::get().to(HttpResponse::Ok))
            .configure(herald::configure)
    });
    let herald = ask(app.addr(), "GET", "/v1/models", &[PAGE]).await;
    assert_readable(&herald, "Herald's");
    let asked = preflight(app.addr(), "POST", "/v1/chat/completions", PAGE).await;
    assert_eq!(asked.status, 200);
    let own = ask(app.addr(), "GET", "/hello", &[PAGE]).await;
    assert_eq!((own.status, cors_headers(&own)), (200, vec![]));
}

#[actix_web::test]
async fn an_app_with_a_cors_layer_of_its_own_has_the_say_where_herald_names_no_origins() {
    let gateway = Gateway::new(verified(""));
    let app = actix_test::start(move || {
        App::new()
            .app_data(web::Data::new(gateway.clone()))
            .configure(herald::configure)
            .wrap(actix_cors::Cors::default().allowed_origin(OTHER_PAGE.1))
    });
    let reply = ask(app.addr(), "GET", "/v1/models", &[OTHER_PAGE]).await;
    let allowed = reply.header("access-control-allow-origin");
    assert_eq!(allowed, Some(OTHER_PAGE.1));
    let reply = ask(app.addr(), "GET", "/v1/models", &[PAGE]).await;
    assert_eq!(reply.header("access-control-allow-origin"), None);
    // The page is not refused; there is no such model.
    let reply = chat_from(app.addr(), &stream_request(), &[OTHER_PAGE]).await;
    assert_eq!(reply.status, 404);
}
