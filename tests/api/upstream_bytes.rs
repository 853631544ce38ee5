//! Whatever bytes a provider sends, each is understood or a clear 502: never a wrong or empty success.

use herald::testkit::{Framing, Script, ScriptedProvider, TestGateway, chat as scripted};

use crate::support::{chat, completion_request, stream_request};

fn sse_text(events: &[&str]) -> String {
    events
        .iter()
        .map(|data| format!("data: {data}\n\n"))
        .collect()
}

#[actix_web::test]
async fn an_interim_answer_is_not_taken_for_the_final_one_and_each_caller_gets_its_own() {
    let hinted = |text: &str| {
        let head = "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n";
        Script::sse()
            .bytes(head)
            .event(scripted::role())
            .event(scripted::text(text))
            .event(scripted::finish("stop"))
            .done()
            .finish()
    };
    let scripts = || [hinted("first"), Script::chat(["second"]), hinted("third")];
    let plain = ScriptedProvider::start(scripts()).await;
    let tls = ScriptedProvider::start_tls(scripts()).await;
    let folder = std::env::temp_dir().join(format!("herald-roots-{}", std::process::id()));
    std::fs::write(&folder, tls.root_pem()).unwrap();
    for (provider, roots) in [
        (&plain, String::new()),
        (&tls, format!("ca_file = {folder:?}\n")),
    ] {
        let gateway = TestGateway::with_settings(&format!(
            "[[providers]]\nid = \"p\"\nkind = \"openai\"\nbase_url = \"{}\"\n{roots}\
             [[models]]\nid = \"scripted-model\"\ntargets = [{{ provider = \"p\", model = \"m\" }}]\n",
            provider.base_url()
        ))
        .await;
        for expected in ["first", "second", "third"] {
            let mut reply = chat(gateway.address(), &stream_request()).await;
            assert_eq!(reply.status, 200);
            assert_eq!(reply.events().await[1], scripted::text(expected));
        }
        let connections: Vec<_> = provider
            .requests()
            .iter()
            .map(|request| request.connection)
            .collect();
        assert_eq!(connections, [1, 1, 1], "one kept-alive connection");
    }
    std::fs::remove_file(folder).unwrap();
}

#[actix_web::test]
async fn every_framing_of_a_stream_is_understood() {
    for framing in [
        Framing::Chunked,
        Framing::ContentLength,
        Framing::CloseDelimited,
        Framing::Http10,
    ] {
        let script = Script::new()
            .header("content-type", "text/event-stream; charset=utf-8")
            .framing(framing)
            .event(scripted::text("a"))
            .event(scripted::finish("stop"))
            .done()
            .finish();
        let provider = ScriptedProvider::start([script]).await;
        let gateway = TestGateway::in_front_of(&provider).await;
        let mut reply = chat(gateway.address(), &stream_request()).await;
        assert_eq!(reply.status, 200, "{framing:?}");
        assert_eq!(reply.events().await.len(), 3, "{framing:?}");
    }
}

#[actix_web::test]
async fn chunk_extensions_and_trailers_are_understood() {
    let body = sse_text(&[&scripted::text("a"), &scripted::finish("stop"), "[DONE]"]);
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n{:x};name=value\r\n{body}\r\n0\r\nx-trailer: 1\r\n\r\n",
        body.len()
    );
    let provider = ScriptedProvider::start([Script::raw().bytes(answer)]).await;
    let gateway = TestGateway::in_front_of(&provider).await;
    assert_eq!(
        chat(gateway.address(), &stream_request())
            .await
            .events()
            .await
            .len(),
        3
    );
}

#[actix_web::test]
async fn what_is_no_event_stream_is_502_and_says_what_came() {
    for (script, code) in [
        (
            Script::json(200, scripted::completion("a")),
            "upstream_not_a_stream",
        ),
        (
            Script::new()
                .header("content-type", "text/html")
                .body("<html>"),
            "upstream_not_a_stream",
        ),
        (Script::new().body("data: x\n\n"), "upstream_not_a_stream"),
        (Script::new().status(204), "upstream_not_a_stream"),
        (
            Script::sse()
                .header("content-encoding", "gzip")
                .event("x")
                .finish(),
            "upstream_content_encoding",
        ),
        (
            Script::raw().bytes("HTTP/1.1 200\x01\r\n\r\n").close(),
            "upstream_bad_head",
        ),
        (
            Script::raw().bytes("nonsense\r\n\r\n").close(),
            "upstream_bad_head",
        ),
        (
            Script::raw()
                .bytes("HTTP/1.1 200 OK\r\nx: \x01\r\n\r\n")
                .close(),
            "upstream_bad_head",
        ),
        (
            Script::raw().bytes("HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\n\r\n"),
            "upstream_bad_head",
        ),
        (Script::raw().close(), "upstream_reset"),
        (Script::raw().reset(), "upstream_reset"),
    ] {
        let provider = ScriptedProvider::start([script.clone()]).await;
        let gateway = TestGateway::in_front_of(&provider).await;
        let mut reply = chat(gateway.address(), &stream_request()).await;
        assert_eq!(reply.status, 502, "{script:?}");
        assert_eq!(reply.json().await["error"]["code"], code, "{script:?}");
    }
}

#[actix_web::test]
async fn a_json_error_under_200_gets_the_status_that_it_names() {
    let script = Script::json(200, r#"{"error":{"message":"slow","code":429}}"#);
    let provider = ScriptedProvider::start([script]).await;
    let gateway = TestGateway::in_front_of(&provider).await;
    let mut reply = chat(gateway.address(), &stream_request()).await;
    assert_eq!(
        (reply.status, reply.header("x-upstream-status")),
        (429, Some("200"))
    );
    assert_eq!(reply.json().await["error"]["message"], "slow");
}

#[actix_web::test]
async fn what_is_no_json_document_is_502() {
    for (script, code) in [
        (
            Script::new()
                .header("content-type", "text/html")
                .body("<html>"),
            "upstream_not_json",
        ),
        (Script::chat(["a"]), "upstream_not_json"),
        (Script::json(200, "{} {}"), "upstream_not_json"),
        (
            Script::json(200, "{}").header("content-encoding", "br"),
            "upstream_content_encoding",
        ),
        (Script::new().status(204), "upstream_truncated"),
    ] {
        let provider = ScriptedProvider::start([script]).await;
        let gateway = TestGateway::in_front_of(&provider).await;
        let mut reply = chat(gateway.address(), &completion_request()).await;
        assert_eq!(reply.status, 502);
        assert_eq!(reply.json().await["error"]["code"], code);
    }
}

#[actix_web::test]
async fn invalid_utf8_becomes_the_replacement_character_and_the_stream_goes_on() {
    let mut bad = scripted::text("a?b").into_bytes();
    let at = bad.iter().position(|byte| *byte == b'?').unwrap();
    bad[at] = 0xff;
    let script = Script::sse()
        .body([b"data: ".as_slice(), &bad, b"\n\n"].concat())
        .event(scripted::finish("stop"))
        .done()
        .finish();
    let provider = ScriptedProvider::start([script]).await;
    let gateway = TestGateway::in_front_of(&provider).await;
    let events = chat(gateway.address(), &stream_request())
        .await
        .events()
        .await;
    assert_eq!(events[0], scripted::text("a\u{FFFD}b"));
}

#[actix_web::test]
async fn streams_are_read_whatever_their_line_ends_and_splits() {
    for line_end in ["\r\n", "\r", "\n"] {
        let body = format!(
            "\u{FEFF}: hello{line_end}data:{}{line_end}{line_end}data: {}{line_end}{line_end}data: [DONE]{line_end}{line_end}",
            scripted::text("é\u{2028}"),
            scripted::finish("stop"),
        );
        for cut in [1, 2, 3, 100] {
            let script = Script::sse().cut_bytes(cut).body(&body).finish();
            let provider = ScriptedProvider::start([script]).await;
            let gateway = TestGateway::in_front_of(&provider).await;
            let events = chat(gateway.address(), &stream_request())
                .await
                .events()
                .await;
            assert_eq!(events[0], scripted::text("é\u{2028}"), "{line_end:?} {cut}");
            assert_eq!(events.len(), 3);
        }
    }
}
