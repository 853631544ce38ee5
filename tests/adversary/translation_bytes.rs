//! Characters and framings that break careless readers, through the translators.

use herald::testkit::{Script, ScriptedProvider, chat, messages};
use serde_json::{Value, json};

use crate::{
    translation::{
        Dialect, Ended, TRANSLATED, answer_to, ask, assert_none, gateway, judge, refusal_flaw,
    },
    wire::Answer,
};

/// The text of a stream's answer, joined.
fn text(dialect: Dialect, answer: &Answer) -> String {
    let mut all = String::new();
    for data in answer.data() {
        let Ok(data) = serde_json::from_str::<Value>(&data) else {
            continue;
        };
        let piece = match dialect {
            Dialect::Chat => &data["choices"][0]["delta"]["content"],
            Dialect::Responses if data["type"] == "response.output_text.delta" => &data["delta"],
            Dialect::Responses => &Value::Null,
            Dialect::Messages => &data["delta"]["text"],
        };
        all.push_str(piece.as_str().unwrap_or_default());
    }
    all
}

/// The events of an answer of one text, whose text stands as this JSON string.
fn said(kind: &str, json_text: &str) -> Vec<(String, String)> {
    let named = |data: String| {
        let kind: Value = serde_json::from_str(&data).unwrap();
        (kind["type"].as_str().unwrap_or_default().to_owned(), data)
    };
    if kind == "anthropic" {
        vec![
            named(messages::start(3)),
            named(messages::text_block(0)),
            (
                "content_block_delta".to_owned(),
                format!(
                    r#"{{"type":"content_block_delta","index":0,"delta":{{"type":"text_delta","text":{json_text}}}}}"#
                ),
            ),
            named(messages::block_end(0)),
            named(messages::finish("end_turn", 2)),
            named(messages::end()),
        ]
    } else {
        vec![
            (
                String::new(),
                format!(r#"{{"choices":[{{"index":0,"delta":{{"content":{json_text}}}}}]}}"#),
            ),
            (String::new(), chat::finish("stop")),
            (String::new(), "[DONE]".to_owned()),
        ]
    }
}

/// These events with this line end and this behind each data.
fn framed(said: &[(String, String)], before: &str, eol: &str, behind: &str) -> String {
    let mut all = before.to_owned();
    for (name, data) in said {
        if !name.is_empty() {
            all.push_str(&format!("event: {name}{eol}"));
        }
        // Only what is JSON may have white space behind it.
        let behind = if data == "[DONE]" { "" } else { behind };
        all.push_str(&format!("data: {data}{behind}{eol}{eol}"));
    }
    all
}

#[actix_web::test]
async fn every_character_comes_as_it_was_said() {
    let mut flaws = Vec::new();
    for (dialect, kind) in TRANSLATED {
        for (written, wanted) in [
            ("\"a\u{2028}b\u{2029}c\"", "a\u{2028}b\u{2029}c"),
            (r#""a\u2028b""#, "a\u{2028}b"),
            (r#""\ud83d\ude00""#, "\u{1F600}"),
            (r#""\u0000\u0001\u001f\u007f""#, "\0\u{1}\u{1f}\u{7f}"),
            (r#""\n\r\n\t\\\"\/""#, "\n\r\n\t\\\"/"),
            ("\"\u{feff}a\u{feff}\"", "\u{feff}a\u{feff}"),
            (
                r#""data: x\n\nevent: error\ndata: y\n\n""#,
                "data: x\n\nevent: error\ndata: y\n\n",
            ),
            (r#""[DONE]""#, "[DONE]"),
            (r#"" ""#, " "),
            ("\"\u{10ffff}\u{e000}\"", "\u{10ffff}\u{e000}"),
            ("\"\u{85}\u{7f}\"", "\u{85}\u{7f}"),
        ] {
            let script = Script::sse()
                .body(framed(&said(kind, written), "", "\n", ""))
                .finish();
            let answer = answer_to(dialect, kind, true, script, "").await;
            let ended = judge(dialect, &answer);
            if ended != Ok(Ended::Well) || text(dialect, &answer) != wanted {
                flaws.push(format!(
                    "{dialect:?} over {kind}, {written}: {ended:?} {:?}",
                    text(dialect, &answer)
                ));
            }
        }
    }
    assert_none(&flaws);
}

#[actix_web::test]
async fn every_framing_of_event_streams_is_read() {
    let mut flaws = Vec::new();
    for (dialect, kind) in TRANSLATED {
        let said = said(kind, r#""Hello""#);
        for (before, eol, behind) in [
            ("", "\n", " "),
            ("", "\n", "  \t "),
            ("", "\r\n", ""),
            ("", "\r", ""),
            ("\u{feff}", "\n", ""),
            ("\u{feff}", "\r\n", " "),
            (": OPENROUTER PROCESSING\n\n", "\n", ""),
            ("\n\n\n", "\n", ""),
            ("retry: 3\nid: 7\n\n", "\n", ""),
            ("data\n\ndata:\n\n", "\n", ""),
        ] {
            for cut in [1, 7, 100_000] {
                let script = Script::sse()
                    .cut_bytes(cut)
                    .body(framed(&said, before, eol, behind))
                    .finish();
                let answer = answer_to(dialect, kind, true, script, "").await;
                let ended = judge(dialect, &answer);
                if ended != Ok(Ended::Well) || text(dialect, &answer) != "Hello" {
                    flaws.push(format!("{dialect:?} over {kind}, {before:?} {eol:?} {behind:?} by {cut}: {ended:?} {answer:?}"));
                }
            }
        }
    }
    assert_none(&flaws);
}

/// "invalid UTF-8 becomes U+FFFD": what goes out is UTF-8 and ends in one way.
#[actix_web::test]
async fn bytes_that_are_no_text_never_reach_a_client() {
    for (dialect, kind) in TRANSLATED {
        for bytes in [
            &b"\xff"[..],
            b"\xed\xa0\x80",
            b"\xc0\x80",
            b"\xf0\x9f\x98",
            b"\xf4\x90\x80\x80",
        ] {
            let stream = framed(&said(kind, "\"@@\""), "", "\n", "").into_bytes();
            let at = stream.windows(2).position(|pair| pair == b"@@").unwrap();
            let stream = [&stream[..at], bytes, &stream[at + 2..]].concat();
            let answer =
                answer_to(dialect, kind, true, Script::sse().body(stream).finish(), "").await;
            assert_eq!(
                judge(dialect, &answer),
                Ok(Ended::Well),
                "{dialect:?} over {kind}, {bytes:?}"
            );
            assert!(text(dialect, &answer).contains('\u{fffd}'), "{answer:?}");
        }
    }
}

/// Half a surrogate is no character: an answer that can be read, or an error; never silence about it.
#[actix_web::test]
async fn half_a_surrogate_of_a_provider_makes_no_unreadable_stream() {
    for (dialect, kind) in TRANSLATED {
        for written in [
            r#""\ud83d""#,
            r#""a\ude00b""#,
            r#""\ud83dx""#,
            r#""\ud83d\ud83d""#,
        ] {
            let script = Script::sse()
                .body(framed(&said(kind, written), "", "\n", ""))
                .finish();
            let answer = answer_to(dialect, kind, true, script, "").await;
            if answer.status == 200 {
                assert!(
                    judge(dialect, &answer).is_ok(),
                    "{dialect:?} over {kind}, {written}: {:?}",
                    judge(dialect, &answer)
                );
            } else {
                assert_eq!(refusal_flaw(dialect, &answer), None);
            }
        }
    }
}

/// The same characters on the way up: what a client says is what the provider hears.
#[actix_web::test]
async fn every_character_of_a_prompt_comes_to_the_provider() {
    for (dialect, kind) in TRANSLATED {
        let reply = if kind == "anthropic" {
            messages::message("a")
        } else {
            chat::completion("a")
        };
        let provider = ScriptedProvider::start([Script::json(200, reply).repeat()]).await;
        let gateway = gateway(&provider, kind, "", "").await;
        for wanted in [
            "a\u{2028}b",
            "\0x\u{1f}",
            "\u{feff}x",
            "\u{1F600}",
            "\\u0000",
            "\u{10ffff}",
            "\r\n x",
            "x ",
        ] {
            let body = if dialect == Dialect::Responses {
                dialect.with(false, "input", json!(wanted))
            } else {
                dialect.with(
                    false,
                    "messages",
                    json!([{ "role": "user", "content": wanted }]),
                )
            };
            assert_eq!(
                ask(&gateway, dialect, body.to_string(), &[]).await.status,
                200
            );
            let sent = provider.next_request().await.json();
            let content = &sent["messages"][0]["content"];
            let told = content.as_str().or_else(|| content[0]["text"].as_str());
            assert_eq!(told, Some(wanted), "{dialect:?} over {kind}: {sent}");
        }
    }
}

/// A request that is no JSON in UTF-8, or has a member twice whose meaning would differ, is refused.
#[actix_web::test]
async fn a_request_that_two_readers_could_read_differently_is_refused() {
    let mut flaws = Vec::new();
    for (dialect, kind) in TRANSLATED {
        let reply = if kind == "anthropic" {
            messages::message("a")
        } else {
            chat::completion("a")
        };
        let provider = ScriptedProvider::start([Script::json(200, reply).repeat()]).await;
        let gateway = gateway(&provider, kind, "", "").await;
        let plain = dialect.request(false).to_string();
        let with = |more: &str| {
            [
                &plain.as_bytes()[..plain.len() - 1],
                b",",
                more.as_bytes(),
                b"}",
            ]
            .concat()
        };
        let mut broken: Vec<Vec<u8>> = vec![
            with(r#""model":"other""#),
            with(r#""stream":true"#),
            with(r#""mod\u0065l":"other""#),
            with(r#""zzz":"\ud800""#)
                .iter()
                .copied()
                .chain(*b"x")
                .collect(),
            [b"\xef\xbb\xbf", plain.as_bytes()].concat(),
            [plain.as_bytes(), b"{}"].concat(),
            [plain.as_bytes(), b"\0"].concat(),
        ];
        let mut invalid = with(r#""zzz":"@""#);
        let at = invalid.iter().rposition(|byte| *byte == b'@').unwrap();
        invalid[at] = 0xff;
        broken.push(invalid);
        for body in broken {
            let answer = ask(&gateway, dialect, &body, &[]).await;
            if answer.status != 400 || refusal_flaw(dialect, &answer).is_some() {
                flaws.push(format!(
                    "{dialect:?} over {kind}, {}: {answer:?}",
                    String::from_utf8_lossy(&body)
                ));
            }
        }
    }
    assert_none(&flaws);
}
