//! Good bytes made bad by chance, from a seed that the failure names.

use futures_util::future::join_all;
use herald::testkit::{Script, ScriptedProvider, TestGateway, chat};

use crate::wire::{Wire, ask, document, parse, post, stream};

/// xorshift64*: the same numbers for the same seed, everywhere.
struct Chance(u64);

impl Chance {
    fn of(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % bound
    }

    fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }

    /// One to three bytes changed, removed, doubled, or the rest cut off.
    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(3) {
            if bytes.is_empty() {
                return;
            }
            let at = self.below(bytes.len());
            match self.below(6) {
                0 => bytes[at] ^= 1 << self.below(8),
                1 => bytes[at] = self.pick(&[b"\r", b"\n", b"\0", b":", b" ", b"\xff"])[0],
                2 => {
                    bytes.remove(at);
                }
                3 => bytes.insert(at, bytes[at]),
                4 => {
                    let end = (at + 1 + self.below(40)).min(bytes.len());
                    let piece = bytes[at..end].to_vec();
                    bytes.splice(at..at, piece);
                }
                _ => bytes.truncate(at),
            }
        }
    }
}

/// "Complete against the WHATWG EventSource parsing rules": whatever the lines, line ends and cuts.
#[actix_web::test]
async fn any_lines_with_any_ends_in_any_chunks_are_the_same_events() {
    let provider = ScriptedProvider::start([]).await;
    let gateway = TestGateway::in_front_of(&provider).await;
    let text = chat::text("é😀\u{2028}");
    let (front, back) = text.split_at(text.find(',').unwrap() + 1);
    let (data, data_front, data_back) = (
        format!("data: {text}"),
        format!("data:{front}"),
        format!("data: {back}"),
    );
    let two = format!("{data_front}\n{data_back}");
    let (with_id, without_id) = (format!("id: 7\n{data}"), format!("{data}\nid"));
    for seed in 0..250 {
        let mut chance = Chance::of(seed);
        let mut body = String::from(chance.pick(&["", "\u{feff}", "\n"]));
        for _ in 0..chance.below(12) {
            let block = [
                chance.pick(&[
                    "",
                    ":\n",
                    ": note\n",
                    "retry: 5\n",
                    "x: y\n",
                    "id: a\0\n",
                    "event: é\n",
                    "event\n",
                    " data: no\n",
                ]),
                chance.pick(&[
                    &data,
                    &two,
                    &with_id,
                    &without_id,
                    "",
                    ":",
                    "data:",
                    "event: lost",
                ]),
            ]
            .concat();
            for line in block.split('\n') {
                body.push_str(line);
                body.push_str(chance.pick(&["\n", "\r", "\r\n"]));
            }
            body.push_str(chance.pick(&["\n", "\r\n", "\n\n", "\r\r"]));
        }
        body.push_str(&format!(
            "\n\ndata: {}\n\ndata: [DONE]\n\n",
            chat::finish("stop")
        ));
        // A CR and the LF of the next line would make one end of two: parse what is really sent.
        let mut expected = parse(&body);
        expected.retain(|event| !event.data.is_empty());
        // What runs together that way is no JSON, and another test's matter.
        let is_json = |data: &str| serde_json::from_str::<serde_json::Value>(data).is_ok();
        if !expected
            .iter()
            .all(|event| event.data == "[DONE]" || is_json(&event.data))
        {
            continue;
        }
        let mut script = Script::sse();
        let mut left = body.as_bytes();
        while !left.is_empty() {
            let (piece, rest) = left.split_at(1 + chance.below(left.len().min(60)));
            script = script.body(piece);
            left = rest;
        }
        provider.push(script.finish());
        let answer = ask(gateway.address(), stream().to_string()).await;
        assert_eq!(answer.events(), expected, "seed {seed}: {body:?}");
    }
}

/// "Each understood or a clear 502, never a wrong or empty success."
#[actix_web::test]
async fn a_providers_answer_with_bytes_gone_wrong_is_a_truthful_answer_or_a_truthful_failure() {
    let provider = ScriptedProvider::start([]).await;
    let gateway = TestGateway::tuned(
        &provider,
        "[clocks]\nhead = \"250ms\"\nfirst_event = \"250ms\"\nidle = \"250ms\"\n",
    )
    .await;
    let events = [
        chat::role(),
        chat::text("a"),
        chat::text("b"),
        chat::finish("stop"),
        "[DONE]".to_owned(),
    ];
    let events = events.map(|data| format!("data: {data}\n\n"));
    let chunks: String = events
        .iter()
        .map(|event| format!("{:x}\r\n{event}\r\n", event.len()))
        .collect();
    let streamed = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\nx-request-id: r\r\n\r\n{chunks}0\r\n\r\n"
    );
    let body = chat::completion("a");
    let whole = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let error = chat::error("slow down", "rate_limit_error");
    let refused = format!(
        "HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/json\r\nretry-after: 7\r\ncontent-length: {}\r\n\r\n{error}",
        error.len()
    );
    for seed in 0..300 {
        let mut chance = Chance::of(seed);
        let (good, request) = match seed % 3 {
            0 => (&streamed, stream()),
            1 => (&whole, document()),
            _ => (&refused, stream()),
        };
        let mut bytes = good.clone().into_bytes();
        chance.mutate(&mut bytes);
        provider.push(Script::raw().bytes(&bytes).close());
        let answer = ask(gateway.address(), request.to_string()).await;
        let shown = String::from_utf8_lossy(&bytes).into_owned();
        let why = format!("seed {seed}: {shown:?} became {answer:?}");
        assert!(answer.whole, "{why}");
        if answer.status >= 400 {
            assert_eq!(answer.refusal_flaw(), None, "{why}");
        } else if answer.is_stream() {
            let data = answer.data();
            let is_done = data.last().is_some_and(|data| data == "[DONE]");
            let has_error = data.last().is_some_and(|data| data.contains("\"error\""));
            let has_finished = answer.text().contains("\"finish_reason\":\"stop\"");
            assert!(is_done || has_error || has_finished, "{why}");
        } else {
            let text = String::from_utf8_lossy(&answer.body);
            assert!(
                serde_json::from_str::<serde_json::Value>(&text).is_ok(),
                "{why}"
            );
        }
    }
    provider.push(Script::chat(["alive"]));
    assert!(
        ask(gateway.address(), stream().to_string())
            .await
            .text()
            .contains("alive")
    );
}

#[actix_web::test]
async fn a_clients_request_with_bytes_gone_wrong_is_answered_or_refused_and_harms_nobody() {
    let provider = ScriptedProvider::start([Script::chat(["served"]).repeat()]).await;
    // A head that was cut off is given up by its clock, all at once.
    let settings = "[server]\nrequest_head = \"1s\"\nrequest_body = \"1s\"\n";
    let gateway = TestGateway::tuned(&provider, settings).await;
    let address = gateway.address();
    join_all((0..300).map(|seed| async move {
        let mut chance = Chance::of(seed);
        let mut bytes = post(
            stream().to_string(),
            &[("connection", "close"), ("x-timeout-ms", "5000")],
        );
        chance.mutate(&mut bytes);
        let mut wire = Wire::connect(address).await;
        wire.send(&bytes).await;
        let Some(answer) = wire.try_answer().await else {
            return;
        };
        let shown = String::from_utf8_lossy(&bytes).into_owned();
        let why = format!("seed {seed}: {shown:?} became {answer:?}");
        assert!(answer.whole && answer.status < 600, "{why}");
        if answer.header("x-herald-request-id").is_some() && answer.status >= 400 {
            assert_eq!(answer.refusal_flaw(), None, "{why}");
        }
        if answer.status == 200 {
            assert!(answer.text().contains("[DONE]"), "{why}");
        }
    }))
    .await;
    let answer = ask(gateway.address(), stream().to_string()).await;
    assert!(answer.text().contains("served"), "{answer:?}");
}

#[actix_web::test]
async fn limits_are_met_to_the_byte() {
    let provider = ScriptedProvider::start([]).await;
    let settings = "[server]\nmax_body_bytes = \"1KiB\"\n[upstream]\nmax_body_bytes = \"1KiB\"\n";
    let gateway = TestGateway::tuned(&provider, settings).await;
    let padded = |base: String, length: usize| {
        let pad = " ".repeat(length - base.len());
        base + &pad
    };
    for (length, status) in [(1024, 200), (1025, 413)] {
        if status == 200 {
            provider.push(Script::chat(["a"]));
        }
        let answer = ask(gateway.address(), padded(stream().to_string(), length)).await;
        assert_eq!(answer.status, status, "a request of {length} bytes");
    }
    for (length, status) in [(1024, 200), (1025, 502)] {
        provider.push(Script::json(200, padded(chat::completion("a"), length)));
        let answer = ask(gateway.address(), document().to_string()).await;
        assert_eq!(
            answer.status, status,
            "a document of {length} bytes: {answer:?}"
        );
    }
}
