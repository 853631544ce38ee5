//! Content that is held before the commit: a stream that fails in its first words.

use herald::testkit::{Script, ScriptedProvider, TestGateway, chat as scripted};

use crate::support::{LogLines, Reply, chat, stream_request};

const BUFFER: &str = "[stream]\nbuffer_events = 3\nbuffer = \"1m\"\n";

/// A gateway in front of `a`, which falls back to `b`.
async fn gateway(settings: &str, a: &ScriptedProvider, b: &ScriptedProvider) -> TestGateway {
    TestGateway::with_settings(&format!(
        "{settings}\
         [[providers]]\nid = \"a\"\nkind = \"openai\"\nbase_url = \"{}\"\n\
         [[providers]]\nid = \"b\"\nkind = \"openai\"\nbase_url = \"{}\"\n\
         [[models]]\nid = \"scripted-model\"\ntargets = [\n\
           {{ provider = \"a\", model = \"x\" }}, {{ provider = \"b\", model = \"y\", group = 1 }},\n\
         ]\n",
        a.base_url(),
        b.base_url()
    ))
    .await
}

async fn stream(gateway: &TestGateway) -> Reply {
    chat(gateway.address(), &stream_request()).await
}

/// Each way to break off after two words, and how it is told.
fn breaks() -> [(Script, &'static str); 3] {
    let begun = || {
        Script::sse()
            .event(scripted::text("never"))
            .event(scripted::text("seen"))
    };
    [
        (
            begun()
                .event(r#"{"error":{"message":"hm","code":"503"}}"#)
                .finish(),
            "upstream_error_event",
        ),
        (begun().close(), "upstream_truncated"),
        (begun().finish(), "upstream_truncated"),
    ]
}

#[actix_web::test]
async fn a_stream_that_breaks_within_the_buffer_is_a_real_status() {
    for (script, code) in breaks() {
        let lines = LogLines::collect();
        let provider = ScriptedProvider::start([script]).await;
        let gateway = TestGateway::tuned(&provider, BUFFER).await;
        let mut reply = stream(&gateway).await;
        assert!(reply.status >= 500, "{code}");
        let id = reply.header("x-herald-request-id").unwrap().to_owned();
        assert_eq!(reply.header("x-upstream-status"), Some("200"));
        let body = reply.text().await;
        assert!(body.contains(code), "{body}");
        assert!(!body.contains("never"), "{body}");
        let line = lines.of(&id).await;
        assert_eq!((&*line["events"], &*line["error_code"]), ("0", code));
    }
}

#[actix_web::test]
async fn a_stream_that_breaks_within_the_buffer_falls_back_and_nothing_of_it_is_seen() {
    for (script, code) in breaks() {
        let a = ScriptedProvider::start([script]).await;
        let b = ScriptedProvider::start([Script::chat(["fine", "and", "good", "too"])]).await;
        let gateway = gateway(BUFFER, &a, &b).await;
        let mut reply = stream(&gateway).await;
        assert_eq!(reply.status, 200);
        assert_eq!(reply.header("x-upstream-provider"), Some("b"));
        let told = format!("attempt 1, a: {code}");
        assert!(reply.header("proxy-status").unwrap().contains(&told));
        let events = reply.events().await.concat();
        assert!(events.contains("fine") && events.ends_with("[DONE]"));
        assert!(!events.contains("never") && !events.contains("seen"));
    }
}

#[actix_web::test]
async fn without_a_buffer_the_first_word_commits() {
    let [(script, _), ..] = breaks();
    let a = ScriptedProvider::start([script]).await;
    let b = ScriptedProvider::start([]).await;
    let gateway = gateway("", &a, &b).await;
    let mut reply = stream(&gateway).await;
    assert_eq!(reply.status, 200);
    let events = reply.events().await.concat();
    assert!(events.contains("never") && events.contains("error"));
    assert_eq!(b.requests().len(), 0);
}

#[actix_web::test]
async fn a_stream_shorter_than_the_buffer_passes_whole() {
    let provider = ScriptedProvider::start([Script::chat(["a"])]).await;
    let settings = "[stream]\nbuffer_events = 60\nbuffer = \"1m\"\n";
    let gateway = TestGateway::tuned(&provider, settings).await;
    let events = stream(&gateway).await.events().await;
    assert_eq!(events[0], scripted::role());
    assert_eq!(events[1], scripted::text("a"));
    assert_eq!((events.len(), &*events[3]), (4, "[DONE]"));
}

#[actix_web::test]
async fn what_breaks_within_the_buffer_speaks_against_its_target_every_time() {
    let [(script, _), ..] = breaks();
    let a = ScriptedProvider::start([script.repeat()]).await;
    let b = ScriptedProvider::start([Script::chat(["fine"]).repeat()]).await;
    let settings = format!("{BUFFER}[outliers]\nconsecutive_failures = 2\nfailure_ratio = 0.0\n");
    let gateway = gateway(&settings, &a, &b).await;
    for _ in 0..4 {
        stream(&gateway).await.events().await;
    }
    assert_eq!((a.requests().len(), b.requests().len()), (2, 4));
}
