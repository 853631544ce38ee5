//! Of all that is wrong with a request the first check tells, from the method to the limits.

use herald::testkit::{Script, ScriptedProvider, TestGateway};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::*;

/// A request, and what is still wrong with it.
#[derive(Clone)]
struct Wrong {
    method: &'static str,
    key: &'static str,
    version: &'static str,
    client: &'static str,
    timeout: Option<&'static str>,
    body: String,
}

impl Wrong {
    /// All of it is wrong.
    fn everywhere() -> Self {
        Self {
            method: "PUT",
            key: "sgp_other",
            version: "99",
            client: "0.0.1",
            timeout: Some("soon"),
            body: "{".to_owned(),
        }
    }

    async fn asks(&self, gateway: &TestGateway, path: &str) -> Reply {
        let Self {
            method,
            key,
            version,
            client,
            body,
            ..
        } = self;
        let timeout = self
            .timeout
            .map(|value| format!("x-timeout-ms: {value}\r\n"));
        let request = format!(
            "{method} {path}?api-version={version}&client-name=vscode&client-version={client} HTTP/1.1\r\n\
             host: h\r\nauthorization: token {key}\r\n{}content-length: {}\r\n\r\n{body}",
            timeout.unwrap_or_default(),
            body.len()
        );
        let mut connection = Client::connect(gateway.address()).await;
        connection.send(request).await;
        connection.reply().await
    }
}

#[actix_web::test]
async fn each_check_comes_before_all_that_come_after_it() {
    let hash = hex::encode(Sha256::digest("sgp_client"));
    let settings = format!(
        "[sourcegraph.client_versions]\nvscode = \"1.20.0\"\n\
         [[keys]]\nid = \"a\"\nsha256 = \"{hash}\"\nlimits.requests = {{ most = 1, per = \"1h\" }}\n"
    );
    for path in [STREAM, CODE] {
        let provider = ScriptedProvider::start([Script::chat(["ok"])]).await;
        let draining = TestGateway::tuned(&provider, &settings).await;
        draining.gateway().drain().begin();
        let gateway = TestGateway::tuned(&provider, &settings).await;
        // Its only request of the hour is spent.
        let spent = ask(
            &gateway,
            &at(path, 8),
            &question_with(json!({ "stream": true })),
        )
        .await;
        assert_eq!(spent.status, 200);

        let unknown = json!({ "model": "none", "messages": 7 }).to_string();
        let no_messages = json!({ "model": "scripted-model", "messages": 7 }).to_string();
        type Mend = Box<dyn FnOnce(&mut Wrong)>;
        let steps: [(u16, &str, Mend); 10] = [
            (405, path, Box::new(|wrong| wrong.method = "POST")),
            (401, "key", Box::new(|wrong| wrong.key = "sgp_client")),
            (503, "shutting down", Box::new(|_| ())),
            (
                406,
                "Unsupported API Version",
                Box::new(|wrong| wrong.version = "8"),
            ),
            (
                406,
                "ClientCodyIgnoreCompatibilityError: vscode",
                Box::new(|wrong| wrong.client = "1.60.0"),
            ),
            (400, "JSON", Box::new(|wrong| wrong.body = unknown)),
            (
                400,
                "the model `none`",
                Box::new(|wrong| wrong.body = no_messages),
            ),
            (
                400,
                "x-timeout-ms",
                Box::new(|wrong| wrong.timeout = Some("60000")),
            ),
            (
                400,
                "`messages`",
                Box::new(|wrong| wrong.body = question().to_string()),
            ),
            (429, "limit", Box::new(|_| ())),
        ];
        let mut wrong = Wrong::everywhere();
        for (status, told, mend) in steps {
            let is_before_the_shutdown = matches!(status, 405 | 401 | 503);
            let asked = if is_before_the_shutdown {
                &draining
            } else {
                &gateway
            };
            let mut reply = wrong.asks(asked, path).await;
            assert_eq!(reply.status, status, "{path}: {told}");
            assert_eq!(
                reply.header("content-type"),
                Some("text/plain; charset=utf-8")
            );
            let text = reply.text().await;
            assert!(
                text.contains(told) && text.ends_with('\n'),
                "{told}: {text}"
            );
            mend(&mut wrong);
        }
        assert_eq!(provider.requests().len(), 1);
    }
}

#[actix_web::test]
async fn a_deadline_that_is_no_number_is_refused_and_none_is_too_short_to_be_told_of() {
    let provider = ScriptedProvider::start([Script::new().stall().repeat()]).await;
    let gateway = TestGateway::in_front_of(&provider).await;
    for (value, status) in [
        ("-1", 400),
        ("1.5", 400),
        ("1e3", 400),
        ("soon", 400),
        ("", 400),
        ("0", 504),
        ("1", 504),
    ] {
        for stream in [true, false] {
            let mut client = Client::connect(gateway.address()).await;
            let headers = [("x-timeout-ms", value)];
            let body = question_with(json!({ "stream": stream }));
            client.post_to(&at(STREAM, 8), &body, &headers).await;
            let mut reply = client.reply().await;
            assert_eq!(reply.status, status, "{value:?}");
            let text = reply.text().await;
            // A clock of 1 ms, as the shortest is, is named with its length.
            let told = if status == 400 { "x-timeout-ms" } else { "1ms" };
            assert!(text.contains(told), "{value:?}: {text}");
        }
    }
}

#[actix_web::test]
async fn a_body_that_is_too_large_is_a_413_in_words() {
    let provider = ScriptedProvider::start([]).await;
    let settings = "[server]\nmax_body_bytes = \"1KiB\"\n";
    let gateway = TestGateway::tuned(&provider, settings).await;
    let long = "x".repeat(2000);
    let body = question_with(json!({ "messages": [{ "speaker": "human", "text": long }] }));
    let mut reply = ask(&gateway, &at(STREAM, 8), &body).await;
    assert_eq!(reply.status, 413);
    assert!(!reply.text().await.starts_with('{'));
}

#[actix_web::test]
async fn who_has_paid_is_told_at_a_providers_limit_too_and_at_no_other_failure() {
    let hash = hex::encode(Sha256::digest("sgp_client"));
    let key =
        format!("[[keys]]\nid = \"a\"\nsha256 = \"{hash}\"\nlabels = {{ cody_pro = \"false\" }}\n");
    let refused = |status| Script::json(status, r#"{"error":{"message":"no"}}"#);
    let provider = ScriptedProvider::start([refused(429), refused(500)]).await;
    let gateway = TestGateway::tuned(&provider, &key).await;
    for (status, told) in [(429, Some("false")), (502, None)] {
        let reply = ask(&gateway, &at(STREAM, 8), &question()).await;
        assert_eq!(reply.status, status);
        assert_eq!(reply.header("x-is-cody-pro-user"), told, "{status}");
    }
}
