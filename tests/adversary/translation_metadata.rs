//! The event `metadata` and heartbeats in each dialect, and what travels upstream.

use std::time::Duration;

use herald::testkit::{Script, ScriptedProvider, chat, messages};

use crate::{
    translation::{
        DIALECTS, Dialect, Ended, KINDS, answer_to, ask, assert_none, events, gateway, judge, pairs,
    },
    wire::Answer,
};

fn said(kind: &str) -> Vec<String> {
    if kind == "anthropic" {
        vec![
            messages::start(3),
            messages::text_block(0),
            messages::text(0, "a"),
            messages::block_end(0),
            messages::finish("end_turn", 2),
            messages::end(),
        ]
    } else {
        vec![
            chat::role(),
            chat::text("a"),
            chat::finish("stop"),
            "[DONE]".to_owned(),
        ]
    }
}

/// "asks for the event `metadata` at the beginning of a stream", "In Anthropic's dialect it is not looked at".
#[actix_web::test]
async fn the_event_metadata_is_first_and_once_and_never_in_a_message() {
    let mut flaws = Vec::new();
    for (dialect, kind) in pairs() {
        let provider = ScriptedProvider::start([events(kind, &said(kind))]).await;
        let gateway = gateway(&provider, kind, "", "").await;
        let mut answer = ask(
            &gateway,
            dialect,
            dialect.request(true).to_string(),
            &[("x-herald-metadata", "event")],
        )
        .await;
        let told = answer.events();
        let at: Vec<_> = told
            .iter()
            .enumerate()
            .filter(|(_, event)| event.name == "metadata")
            .map(|(at, _)| at)
            .collect();
        let wanted: &[usize] = if dialect == Dialect::Messages {
            &[]
        } else {
            &[0]
        };
        if at != wanted {
            flaws.push(format!("{dialect:?} over {kind}: at {at:?}"));
        }
        // Without it the stream is what it would have been.
        if dialect != Dialect::Messages {
            let text = answer.text();
            let end = text.find("\n\n").unwrap() + 2;
            answer.body.drain(..end);
        }
        if judge(dialect, &answer) != Ok(Ended::Well) {
            flaws.push(format!(
                "{dialect:?} over {kind}: {:?}",
                judge(dialect, &answer)
            ));
        }
        let asked = provider.next_request().await;
        assert_eq!(asked.header("x-herald-metadata"), None);
    }
    assert_none(&flaws);
}

/// "Another value, or a second such header, is 400": but not where it is not looked at.
#[actix_web::test]
async fn a_wrong_wish_for_metadata_is_a_400_where_it_is_looked_at() {
    for dialect in DIALECTS {
        for kind in KINDS {
            let provider = ScriptedProvider::start([events(kind, &said(kind))]).await;
            let gateway = gateway(&provider, kind, "", "").await;
            let answer = ask(
                &gateway,
                dialect,
                dialect.request(true).to_string(),
                &[("x-herald-metadata", "yes")],
            )
            .await;
            let wanted = if dialect == Dialect::Messages {
                200
            } else {
                400
            };
            assert_eq!(answer.status, wanted, "{dialect:?} over {kind}: {answer:?}");
        }
    }
}

fn without_heartbeats(answer: &mut Answer) -> usize {
    let text = answer.text();
    let beats = text.split('\n').filter(|line| *line == ":").count();
    answer.body = text
        .replace("\n:\n", "\n")
        .replace("\n:\n", "\n")
        .into_bytes();
    beats
}

#[actix_web::test]
async fn heartbeats_break_no_stream_of_any_dialect() {
    let mut flaws = Vec::new();
    for (dialect, kind) in pairs() {
        let script = said(kind).iter().fold(Script::sse(), |script, data| {
            let script = if kind == "anthropic" {
                script.typed_event(data)
            } else {
                script.event(data)
            };
            script.pause(Duration::from_millis(80))
        });
        let settings = "[clocks]\nheartbeat = \"20ms\"\nhold = \"0ms\"\n";
        let mut answer = answer_to(dialect, kind, true, script.finish(), settings).await;
        let before = answer.events();
        let beats = without_heartbeats(&mut answer);
        if beats == 0 || judge(dialect, &answer) != Ok(Ended::Well) || answer.events() != before {
            flaws.push(format!(
                "{dialect:?} over {kind}: {beats} beats, {:?}",
                judge(dialect, &answer)
            ));
        }
    }
    assert_none(&flaws);
}

/// "No client credential or cookie travels upstream", in any dialect; the key's text is nowhere in the request.
#[actix_web::test]
async fn nothing_that_a_client_keeps_secret_travels_upstream_in_any_dialect() {
    use sha2::{Digest as _, Sha256};
    let hash = hex::encode(Sha256::digest("sesame"));
    let settings = format!("[[keys]]\nid = \"k\"\nsha256 = \"{hash}\"\n");
    for (dialect, kind) in pairs() {
        for name in ["authorization", "x-api-key", "api-key"] {
            let provider = ScriptedProvider::start([events(kind, &said(kind))]).await;
            let gateway = gateway(&provider, kind, "", &settings).await;
            let key = if name == "authorization" {
                "Bearer sesame"
            } else {
                "sesame"
            };
            let headers = [
                (name, key),
                ("cookie", "c=SECRET"),
                ("x-goog-api-key", "SECRET"),
                ("proxy-authorization", "SECRET"),
                ("openai-organization", "SECRET"),
                ("openai-project", "SECRET"),
                ("x-amz-security-token", "SECRET"),
                ("x-forwarded-for", "SECRET"),
                ("referer", "SECRET"),
                ("anthropic-organization-id", "SECRET"),
            ];
            let answer = ask(
                &gateway,
                dialect,
                dialect.request(true).to_string(),
                &headers,
            )
            .await;
            assert_eq!(answer.status, 200, "{answer:?}");
            let sent = format!("{:?}", provider.next_request().await);
            assert!(
                !sent.contains("sesame") && !sent.contains("SECRET"),
                "{dialect:?} over {kind}: {sent}"
            );
        }
    }
}

/// "`x-api-key` and Bearer, `anthropic-version` and `anthropic-beta` passed"; one version always.
#[actix_web::test]
async fn an_anthropic_provider_is_always_told_one_version() {
    for dialect in DIALECTS {
        for (sent, wanted) in [(None, "2023-06-01"), (Some("2099-01-01"), "2099-01-01")] {
            let provider = ScriptedProvider::start([events("anthropic", &said("anthropic"))]).await;
            let gateway = gateway(&provider, "anthropic", "", "").await;
            let mut headers = vec![("anthropic-beta", "one-2025-01-01,two-2025-01-01")];
            headers.extend(sent.map(|version| ("anthropic-version", version)));
            ask(
                &gateway,
                dialect,
                dialect.request(true).to_string(),
                &headers,
            )
            .await;
            let asked = provider.next_request().await;
            assert_eq!(asked.path, "/v1/messages");
            assert_eq!(
                asked.header_values("anthropic-version"),
                [wanted],
                "{dialect:?}"
            );
            assert_eq!(
                asked.header_values("anthropic-beta"),
                ["one-2025-01-01,two-2025-01-01"],
                "{dialect:?}"
            );
        }
    }
}
