//! Event streams that are odd and right, and what must come of each.

use herald::testkit::{Gate, Happened, Script, ScriptedProvider, TestGateway, chat};
use serde_json::json;

use crate::wire::{Event, Wire, answer_to, ask, parse, post, stream};

/// A delta of this shape.
fn delta(delta: &serde_json::Value) -> String {
    json!({ "id": "c", "object": "chat.completion.chunk", "model": "m", "choices": [{ "index": 0, "delta": delta, "finish_reason": null }] })
        .to_string()
}

/// What a client that follows the WHATWG rules sees behind Herald, less what promise 8 takes away:
/// events with empty data.
fn promised(sent: &str) -> Vec<Event> {
    let mut events = parse(sent);
    events.retain(|event| !event.data.is_empty());
    events
}

#[actix_web::test]
async fn a_client_sees_the_same_events_as_straight_from_the_provider() {
    let (a, b) = (chat::text("a"), chat::text("b"));
    let end = format!("data: {}\n\ndata: [DONE]\n\n", chat::finish("stop"));
    let (front, back) = a.split_at(a.find(',').unwrap() + 1);
    let streams = [
        format!("\u{feff}data: {a}\n\n{end}"),
        format!("data: {a}\n\n\u{feff}data: {b}\n\n{end}"),
        format!("data:{a}\n\ndata:  {b}\n\ndata:\t{b}\n\n{end}"),
        format!("data: {front}\ndata: {back}\n\n{end}"),
        format!("data: {front}\rdata: {back}\r\r{end}"),
        format!("data: {front}\r\ndata: {back}\r\n\r\n{end}"),
        format!("data: {front}\r\ndata: {back}\n\r\n{end}"),
        format!("\n\n\n\r\r\r\n\r\ndata: {a}\n\n\n\n\n{end}"),
        format!(":\n:x\n: data: {b}\ndata: {a}\n:y\n\n{end}"),
        format!("data\n\ndata:\n\ndata: \n\ndata: {a}\n\n{end}"),
        format!("data\ndata: {a}\ndata\n\n{end}"),
        format!("Data: {b}\nDATA: {b}\n data: {b}\ndata : {b}\ndatax: {b}\ndata: {a}\n\n{end}"),
        format!("nonsense\nfield: x\n\nretry: 1\n\nretry: x\n\ndata: {a}\n\n{end}"),
        format!("event: one\nevent: two\ndata: {a}\n\ndata: {b}\n\n{end}"),
        format!("event:\ndata: {a}\n\nevent\ndata: {b}\n\n{end}"),
        format!("event: lost\n\ndata: {a}\n\n{end}"),
        format!("event:  two spaces \u{2028} é😀\ndata: {a}\n\n{end}"),
        format!("id: 1\ndata: {a}\n\ndata: {b}\n\nid\ndata: {b}\n\n{end}"),
        format!("id: a\0b\ndata: {a}\n\n{end}"),
        format!("id: 1\nid: a\0b\ndata: {a}\n\n{end}"),
        format!("id: é😀\u{2029}\ndata: {a}\n\n{end}"),
        format!(
            "data: {}\n\n{end}",
            chat::text("\u{2028}\u{2029}\u{85}\u{feff}\u{7f}\\")
        ),
        format!("data: {}\n\n{end}", chat::text("<script>&\"'")),
        format!("id: 7\ndata: {a}\n\n{end}id: 8\ndata: behind the end\n\n"),
    ];
    let provider = ScriptedProvider::start([]).await;
    let gateway = TestGateway::in_front_of(&provider).await;
    let mut flaws = Vec::new();
    for sent in &streams {
        provider.push(Script::sse().body(sent).finish());
        let answer = ask(gateway.address(), stream().to_string()).await;
        let mut expected = promised(sent);
        // What comes behind the end marker is nobody's.
        let end = expected
            .iter()
            .position(|event| event.data == "[DONE]")
            .unwrap();
        expected.truncate(end + 1);
        if answer.status != 200 || answer.events() != expected {
            flaws.push(format!("{sent:?}\n  came as {:?}", answer.text()));
        }
        if answer.text().contains("retry") {
            flaws.push(format!("retry went through: {:?}", answer.text()));
        }
    }
    assert!(flaws.is_empty(), "{}", flaws.join("\n"));
}

/// WHATWG HTML section 9.2.6: an id is set by an event whose data is empty as well.
#[actix_web::test]
async fn an_id_without_data_is_the_id_of_the_events_behind_it() {
    let sent = format!(
        "id: 1\ndata: {0}\n\nid: 2\n\ndata: {0}\n\nid\n\ndata: {0}\n\ndata: [DONE]\n\n",
        chat::text("a")
    );
    let answer = answer_to(Script::sse().body(&sent).finish(), "", &stream()).await;
    assert_eq!(answer.events(), promised(&sent));
}

#[actix_web::test]
async fn a_stream_cut_at_every_byte_is_the_same_stream() {
    let body = format!(
        "\u{feff}: hi\r\nid: é\r\nevent: e\r\ndata: {}\r\ndata:\r\n\r\ndata: {}\r\rdata:[DONE]\n\n",
        chat::text("h\u{e9}😀"),
        chat::finish("stop")
    );
    let provider = ScriptedProvider::start([]).await;
    let gateway = TestGateway::in_front_of(&provider).await;
    let expected = promised(&body);
    for cut in 1..body.len() {
        let (front, back) = body.as_bytes().split_at(cut);
        // Two chunks, and for some also two writes apart.
        let script = Script::sse().body(front).body(back).finish();
        provider.push(script);
        let answer = ask(gateway.address(), stream().to_string()).await;
        assert_eq!(answer.events(), expected, "cut at {cut}");
    }
    provider.push(Script::sse().cut_bytes(1).body(&body).finish());
    let answer = ask(gateway.address(), stream().to_string()).await;
    assert_eq!(answer.events(), expected);
    let singles = body
        .bytes()
        .fold(Script::sse(), |script, byte| script.body([byte]));
    provider.push(singles.finish());
    let answer = ask(gateway.address(), stream().to_string()).await;
    assert_eq!(answer.events(), expected);
}

#[actix_web::test]
async fn names_and_ids_of_a_megabyte_neither_break_nor_stop_the_stream() {
    let long = "n".repeat(1 << 20);
    let script = Script::sse()
        .body(format!(
            "event: {long}\nid: {long}\ndata: {}\n\n",
            chat::text("a")
        ))
        .event(chat::finish("stop"))
        .done()
        .finish();
    let answer = answer_to(script, "", &stream()).await;
    assert_eq!(answer.status, 200);
    let events = answer.events();
    assert_eq!(events.len(), 3);
    assert_eq!(
        (events[0].name.len(), events[0].last_id.len()),
        (1 << 20, 1 << 20)
    );
}

#[actix_web::test]
async fn invalid_utf8_anywhere_becomes_the_replacement_character() {
    for bytes in [
        b"event: a\xffb\nid: c\xc3\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\xed\xa0\x80\"}}]}\n\ndata: [DONE]\n\n".as_slice(),
        b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\xf0\x9f\x98\"}}]}\n\ndata: [DONE]\n\n",
        b"\xff\xfe\xffdata: {\"choices\":[]}\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\ndata: [DONE]\n\n",
    ] {
        let answer = answer_to(Script::sse().body(bytes).finish(), "", &stream()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let expected = promised(&String::from_utf8_lossy(bytes));
        assert_eq!(answer.events(), expected);
    }
}

#[actix_web::test]
async fn ten_thousand_events_come_in_order_and_none_is_lost() {
    let script = (0..10_000).fold(Script::sse(), |script, n| {
        script.event(chat::text(&n.to_string()))
    });
    let script = script.event(chat::finish("stop")).done().finish();
    let answer = answer_to(script, "", &stream()).await;
    let data = answer.data();
    assert_eq!(data.len(), 10_002);
    for (n, data) in data[..10_000].iter().enumerate() {
        assert_eq!(*data, chat::text(&n.to_string()));
    }
}

#[actix_web::test]
async fn ten_thousand_events_in_one_chunk_come_too() {
    let events = (0..10_000).map(|n| format!("data: {}\n\n", chat::text(&n.to_string())));
    let body = events.collect::<String>() + "data: [DONE]\n\n";
    let answer = answer_to(Script::sse().body(body).finish(), "", &stream()).await;
    assert_eq!(answer.data().len(), 10_001);
}

#[actix_web::test]
async fn a_million_comments_and_empty_lines_are_no_events_and_no_load() {
    let script = Script::sse()
        .event(chat::text("a"))
        .body(":\n".repeat(300_000))
        .body("\n".repeat(300_000))
        .body("data:\n\n".repeat(100_000))
        .event(chat::finish("stop"))
        .done()
        .finish();
    let answer = answer_to(script, "", &stream()).await;
    assert_eq!(answer.data().len(), 3);
}

#[actix_web::test]
async fn an_event_over_the_limit_before_any_content_is_502() {
    let huge = chat::text(&"x".repeat(70_000));
    for body in [
        format!("data: {huge}\n\n"),
        format!("data: {huge}"),
        format!("event: {huge}"),
        "data: x\n".repeat(100_000),
        ":\n".repeat(200_000) + &format!("data: {huge}"),
    ] {
        let script = Script::sse().body(&body).stall();
        let answer = answer_to(
            script,
            "[upstream]\nmax_event_bytes = \"64KiB\"\n[clocks]\nhold = \"5s\"\nfirst_event = \"5s\"\n",
            &stream(),
        )
        .await;
        assert_eq!(
            (answer.status, answer.refusal_flaw()),
            (502, None),
            "{body:.40}"
        );
    }
}

/// "A stream commits at the first content event": each of these is one, so the head comes although
/// `hold` is a minute and the provider says nothing more.
#[actix_web::test]
async fn each_sort_of_content_commits_at_once() {
    let mut late = Vec::new();
    for content in [
        json!({ "content": "a" }),
        json!({ "content": " " }),
        json!({ "role": "assistant", "content": "a" }),
        json!({ "reasoning_content": "hm" }),
        json!({ "reasoning": "hm" }),
        json!({ "refusal": "no" }),
        json!({ "tool_calls": [{ "index": 0, "id": "t", "type": "function", "function": { "name": "f", "arguments": "" } }] }),
        json!({ "function_call": { "name": "f", "arguments": "" } }),
        json!({ "audio": { "id": "a", "data": "AA==" } }),
        json!({ "content": [{ "type": "text", "text": "a" }] }),
        json!({ "content": null, "reasoning_details": [{ "text": "hm" }] }),
    ] {
        let gate = Gate::new();
        let script = Script::sse()
            .event(chat::role())
            .event(delta(&content))
            .wait(&gate)
            .event(chat::finish("stop"))
            .done()
            .finish();
        let provider = ScriptedProvider::start([script]).await;
        let gateway = TestGateway::tuned(&provider, "[clocks]\nhold = \"1m\"\n").await;
        let mut wire = Wire::connect(gateway.address()).await;
        wire.send(post(stream().to_string(), &[])).await;
        let head = tokio::time::timeout(std::time::Duration::from_millis(500), wire.head()).await;
        match head {
            Ok(Some(head)) => assert_eq!(head.status, 200),
            _ => late.push(content.to_string()),
        }
        gate.open();
    }
    assert!(
        late.is_empty(),
        "not taken for content:\n{}",
        late.join("\n")
    );
}

/// And none of these is: they are kept in order until the content comes.
#[actix_web::test]
async fn what_is_no_content_does_not_commit() {
    let quiet = [
        chat::role(),
        delta(&json!({ "role": "assistant" })),
        delta(&json!({ "role": "assistant", "content": null })),
        delta(&json!({ "content": "" })),
        delta(&json!({ "content": null, "tool_calls": null, "refusal": null })),
        delta(&json!({ "tool_calls": [] })),
        delta(&json!({})),
        chat::usage(1, 0),
        json!({ "choices": [] }).to_string(),
        json!({ "choices": [], "prompt_filter_results": [] }).to_string(),
    ];
    for event in &quiet {
        let gate = Gate::new();
        let script = Script::sse()
            .event(event)
            .wait(&gate)
            .event(r#"{"error":{"message":"m","code":429}}"#)
            .finish();
        let provider = ScriptedProvider::start([script]).await;
        let gateway = TestGateway::tuned(&provider, "[clocks]\nhold = \"1m\"\n").await;
        let mut wire = Wire::connect(gateway.address()).await;
        wire.send(post(stream().to_string(), &[])).await;
        provider
            .wait_for("the gate", |what| *what == Happened::Waiting)
            .await;
        gate.open();
        // Had it been committed, the status could no longer be told.
        assert_eq!(wire.answer().await.status, 429, "{event}");
    }
}

/// "Each event's data goes through byte for byte, unknown fields included. The exceptions are few":
/// that it is no JSON, or JSON of another shape, is not among them.
#[actix_web::test]
async fn data_of_another_shape_passes_as_it_came() {
    let mut flaws = Vec::new();
    for (name, data) in [
        ("", "{}"),
        ("", "{\"choices\":null}"),
        ("", "{\"choices\":{}}"),
        ("", "{\"choices\":[null]}"),
        ("", "{\"choices\":[{}]}"),
        ("", "{\"choices\":\"x\"}"),
        (
            "",
            "{\"choices\":[{\"index\":\"0\",\"delta\":[],\"finish_reason\":7}],\"usage\":\"x\"}",
        ),
        (
            "",
            "{\"choices\":[{\"index\":-1,\"delta\":\"x\"}],\"model\":1,\"usage\":{\"prompt_tokens\":-1.5}}",
        ),
        ("", "{\"choices\":[],\"choices\":[]}"),
        ("ping", "{\"type\":\"ping\"}"),
    ] {
        if let Some(flaw) = passes_as_it_came(name, data).await {
            flaws.push(flaw);
        }
    }
    assert!(flaws.is_empty(), "{}", flaws.join("\n"));
}

async fn passes_as_it_came(name: &str, data: &str) -> Option<String> {
    let script = Script::sse()
        .event(chat::text("a"))
        .body(if name.is_empty() {
            format!("data: {data}\n\n")
        } else {
            format!("event: {name}\ndata: {data}\n\n")
        })
        .event(chat::finish("stop"))
        .done()
        .finish();
    let answer = answer_to(script, "", &stream()).await;
    let came = answer.data();
    let is_right = came.len() == 4 && came[1] == data && came[3] == "[DONE]";
    (!is_right).then(|| format!("{name}: {data} became {:?}", came.get(1)))
}

/// "Head never later than upstream head + hold."
#[actix_web::test]
async fn pings_do_not_push_the_head_back_behind_hold() {
    let pings = (0..300).fold(Script::sse().head(), |script, _| {
        script
            .pause(std::time::Duration::from_millis(10))
            .comment("ping")
            .event(chat::role())
    });
    let provider = ScriptedProvider::start([pings]).await;
    let gateway = TestGateway::tuned(
        &provider,
        "[clocks]\nhold = \"100ms\"\n[stream]\nheld_events = 4096\n",
    )
    .await;
    let mut wire = Wire::connect(gateway.address()).await;
    wire.send(post(stream().to_string(), &[])).await;
    let head = wire.head().await.unwrap();
    let headed = tokio::time::Instant::now();
    assert_eq!(head.status, 200);
    assert_eq!(head.header("x-upstream-time-to-first-token"), None);
    let sent = provider
        .wait_for("the head", |what| *what == Happened::HeadSent)
        .await;
    let late = headed.saturating_duration_since(sent.at);
    assert!(late < std::time::Duration::from_millis(600), "{late:?}");
}
