//! Providers that say aloud what they were told in confidence.

use std::path::PathBuf;

use herald::testkit::{Framing, Script, ScriptedProvider, TestGateway, chat};

use crate::{
    log::Log,
    wire::{Wire, document, post, stream},
};

/// Has no look of a key: only who knows it can find it.
const KEY: &str = "hunter2hunter2hunter2";

struct KeyFile(PathBuf);

impl KeyFile {
    fn new(key: &str) -> Self {
        let name = format!(
            "herald-adversary-{}-{:?}",
            std::process::id(),
            std::thread::current().id()
        );
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, key).unwrap();
        Self(path)
    }
}

impl Drop for KeyFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

async fn gateway(provider: &ScriptedProvider, key: &str) -> TestGateway {
    let file = KeyFile::new(key);
    TestGateway::with_settings(&format!(
        "[[providers]]\nid = \"p\"\nkind = \"openai\"\nbase_url = \"{}\"\napi_key = {{ file = {:?} }}\n\
         [[models]]\nid = \"scripted-model\"\ntargets = [{{ provider = \"p\", model = \"m\" }}]\n",
        provider.base_url(),
        file.0.display().to_string(),
    ))
    .await
}

#[actix_web::test]
async fn the_providers_key_is_in_no_error_and_no_line_wherever_the_provider_repeats_it() {
    let log = Log::collect();
    let said = |text: &str| {
        format!(
            r#"{{"error":{{"message":"{text}","type":"{text}","param":"{text}","code":"{text}","{text}":1}}}}"#
        )
    };
    let escaped: String = KEY
        .chars()
        .map(|c| format!("\\u{:04x}", c as u32))
        .collect();
    let texts = [
        KEY.to_owned(),
        format!("Incorrect API key provided: {KEY}."),
        format!("authorization: Bearer {KEY}"),
        format!("Bearer{KEY}x"),
        escaped.clone(),
    ];
    let mut scripts = Vec::new();
    for text in &texts {
        for status in [400, 401, 403, 404, 429, 500, 503] {
            scripts.push(Script::json(status, said(text)));
        }
        scripts.push(Script::json(200, said(text)));
        scripts.push(Script::sse().event(said(text)).finish());
        scripts.push(
            Script::sse()
                .event(chat::text("a"))
                .event(said(text))
                .finish(),
        );
        scripts.push(
            Script::sse()
                .event(chat::text("a"))
                .named_event("error", text)
                .finish(),
        );
        scripts.push(
            Script::sse()
                .event(chat::text("a"))
                .event(format!(r#"{{"error":"{text}"}}"#))
                .finish(),
        );
        scripts.push(
            Script::sse()
                .event(chat::text("a"))
                .event(format!(
                    r#"{{"error":{{"message":"m","debug":{{"key":"{text}"}}}}}}"#
                ))
                .finish(),
        );
        scripts.push(Script::sse().event(text).finish());
    }
    for status in [200, 401, 500] {
        scripts.push(
            Script::new()
                .status(status)
                .header("content-type", "text/html")
                .body(format!("<b>{KEY}</b>")),
        );
        scripts.push(
            Script::new()
                .status(status)
                .header("content-type", format!("text/{KEY}"))
                .body("x"),
        );
        scripts.push(
            Script::new()
                .status(status)
                .header("content-encoding", KEY)
                .body(KEY),
        );
        scripts.push(Script::raw().bytes(format!(
            "HTTP/1.1 {status} Your {KEY}\r\ncontent-length: 0\r\n\r\n"
        )));
    }
    scripts.push(Script::raw().bytes(format!("{KEY}\r\n\r\n")).close());
    scripts.push(
        Script::raw()
            .bytes(format!("HTTP/1.1 200 OK\r\n{KEY}\r\n\r\n"))
            .close(),
    );
    scripts.push(
        Script::raw()
            .bytes(format!(
                "HTTP/1.1 200 OK\r\ntransfer-encoding: {KEY}\r\n\r\n"
            ))
            .close(),
    );
    scripts.push(Script::raw().bytes(format!(
        "HTTP/1.1 302 Found\r\nlocation: http://h/{KEY}\r\ncontent-length: 0\r\n\r\n"
    )));
    scripts.push(Script::json(503, "{}").header("retry-after", KEY));
    scripts.push(Script::json(200, KEY));
    scripts.push(
        Script::json(200, "{")
            .framing(Framing::Declared(100))
            .body(KEY)
            .close(),
    );
    scripts.push(
        Script::sse()
            .event(chat::text("a"))
            .body(format!("data: {KEY}\n\n"))
            .finish(),
    );

    let provider = ScriptedProvider::start([]).await;
    let gateway = gateway(&provider, KEY).await;
    let mut flaws = Vec::new();
    for script in scripts {
        let shown = format!("{script:?}");
        let request = if shown.contains("Chunked") {
            stream()
        } else {
            document()
        };
        provider.push(script);
        let mut wire = Wire::connect(gateway.address()).await;
        wire.send(post(request.to_string(), &[])).await;
        let answer = wire.answer().await;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        let decoded = text.replace(&escaped, KEY);
        let headers = format!("{:?}", answer.headers);
        if decoded.contains(KEY) || headers.contains(KEY) {
            flaws.push(format!("{} {text:.200}", answer.status));
        }
        log.end_of(answer.header("x-herald-request-id").unwrap())
            .await;
    }
    // It was sent where it belongs.
    let sent = provider.requests();
    assert_eq!(
        sent[0].header("authorization"),
        Some(format!("Bearer {KEY}").as_str())
    );
    flaws.extend(log.with(KEY));
    assert!(
        flaws.is_empty(),
        "{} leaks:\n{}",
        flaws.len(),
        flaws.join("\n")
    );
}

#[actix_web::test]
async fn the_providers_key_is_in_no_header_wherever_the_provider_repeats_it() {
    let provider = ScriptedProvider::start([]).await;
    let gateway = gateway(&provider, KEY).await;
    let mut flaws = Vec::new();
    for name in [
        "x-request-id",
        "x-ratelimit-key",
        "retry-after",
        "openai-version",
        "x-api-warning",
    ] {
        for script in [
            Script::chat(["a"]),
            Script::json(401, "{}"),
            Script::json(429, "{}"),
        ] {
            provider.push(script.header(name, format!("for {KEY}")));
            let mut wire = Wire::connect(gateway.address()).await;
            wire.send(post(stream().to_string(), &[])).await;
            let answer = wire.answer().await;
            if format!("{:?}", answer.headers).contains(KEY) {
                flaws.push(format!("{name} with {}", answer.status));
            }
        }
    }
    assert!(flaws.is_empty(), "the key stands in {}", flaws.join(", "));
}

/// "Free of anything that looks like a key."
#[actix_web::test]
async fn what_looks_like_a_key_is_in_no_error() {
    let log = Log::collect();
    let keys = [
        "sk-abcdefghijklmnopqrstuvwxyz012345",
        "sk-proj-AbC_dEf-0123456789abcdefghij",
        "sk-ant-api03-abcdefghijklmnop-qrstuv",
        "gsk_abcdefghijklmnopqrstuvwxyz012345",
        "fw_abcdefghijklmnopqrstuvwx",
        "AIzaSyA-abcdefghijklmnopqrstuvwxyz012345",
        "AKIAIOSFODNN7EXAMPLE",
        "hf_abcdefghijklmnopqrstuvwxyz012345",
        "xai-abcdefghijklmnopqrstuvwxyz0123456789",
        "sgp_0123456789abcdef0123456789abcdef01234567",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
        "Bearer abcdef0123456789abcdef0123456789",
    ];
    let mut flaws = Vec::new();
    for key in keys {
        let said = format!(
            r#"{{"error":{{"message":"Incorrect key {key}, see (\"{key}\").","type":"t","code":"{key}"}}}}"#
        );
        for script in [
            Script::json(400, &said),
            Script::json(401, &said),
            Script::sse().event(&said).finish(),
            Script::sse().event(chat::text("a")).event(&said).finish(),
        ] {
            let provider = ScriptedProvider::start([script]).await;
            let gateway = TestGateway::in_front_of(&provider).await;
            let mut wire = Wire::connect(gateway.address()).await;
            wire.send(post(stream().to_string(), &[])).await;
            let answer = wire.answer().await;
            let secret = key.trim_start_matches("Bearer ");
            if String::from_utf8_lossy(&answer.body).contains(secret) {
                flaws.push(format!("{key} with {}", answer.status));
            }
            log.end_of(answer.header("x-herald-request-id").unwrap())
                .await;
            flaws.extend(log.with(secret));
        }
    }
    assert!(flaws.is_empty(), "{}", flaws.join("\n"));
}

/// "No prompts, no keys": and no completions.
#[actix_web::test]
async fn nothing_that_was_said_is_in_any_line() {
    let log = Log::collect();
    let word = "my-dear-diary";
    let good = || Script::chat([word]).header("x-request-id", "r");
    let provider = ScriptedProvider::start([
        good(),
        Script::json(200, chat::completion(word)),
        Script::json(200, format!("{{\"{word}\"")),
        Script::json(400, chat::error(word, word)),
        Script::sse().event(chat::text(word)).close(),
        Script::sse().event(chat::text(word)).event(word).finish(),
        Script::sse()
            .event(chat::text(word))
            .event(format!("{{\"error\":\"{word}\"}}"))
            .finish(),
        Script::sse()
            .named_event(word, chat::text(word))
            .done()
            .finish(),
        Script::raw().bytes(format!("{word}\r\n\r\n")).close(),
        Script::new().header("content-type", "text/html").body(word),
    ])
    .await;
    let gateway = TestGateway::in_front_of(&provider).await;
    let body = stream().to_string().replace("Hi", word);
    for n in 0..10 {
        let mut wire = Wire::connect(gateway.address()).await;
        let request = if n == 1 || n == 2 {
            body.replace("true", "false")
        } else {
            body.clone()
        };
        let request = String::from_utf8(post(
            request,
            &[
                ("authorization", &format!("Bearer {word}")),
                ("cookie", word),
                ("user-agent", word),
                ("x-client-request-id", "x"),
            ],
        ))
        .unwrap();
        wire.send(request.replacen("/completions", &format!("/completions?key={word}"), 1))
            .await;
        let answer = wire.answer().await;
        log.end_of(answer.header("x-herald-request-id").unwrap())
            .await;
    }
    assert_eq!(log.with(word), Vec::<String>::new());
}
