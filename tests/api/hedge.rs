//! A second attempt beside one that is slow: only one serves, and the other one's connection closes.

use std::time::Duration;

use herald::testkit::{Gate, Script, ScriptedProvider, TestGateway, chat as scripted};
use serde_json::Value;
use tokio::time::Instant;

use crate::support::{Client, LogLines, Reply, chat, completion_request, stream_request};

/// From how many times on a target's times say something.
const ENOUGH: usize = 20;

fn good(text: &str) -> Script {
    Script::chat([text])
}

fn slow(gate: &Gate, text: &str) -> Script {
    Script::sse()
        .head()
        .wait(gate)
        .event(scripted::text(text))
        .event(scripted::finish("stop"))
        .done()
        .finish()
}

/// Two providers, of which the second is a fallback alone, and a gateway that has asked the first so often
/// that it knows its times.
struct Pair {
    a: ScriptedProvider,
    b: ScriptedProvider,
    gateway: TestGateway,
}

impl Pair {
    async fn new(request: &Value, usual: Script) -> Self {
        let a = ScriptedProvider::start(vec![usual; ENOUGH]).await;
        let b = ScriptedProvider::start([]).await;
        let gateway = TestGateway::with_settings(&format!(
            "[clocks]\nhold = \"1m\"\n\
             [attempts]\nhedge = \"p50\"\nhedge_min = \"1ms\"\nhedge_budget = 1.0\n\
             [[providers]]\nid = \"a\"\nkind = \"openai\"\nbase_url = \"{}\"\n\
             [[providers]]\nid = \"b\"\nkind = \"openai\"\nbase_url = \"{}\"\n\
             [[models]]\nid = \"scripted-model\"\ntargets = [\n\
               {{ provider = \"a\", model = \"x\" }}, {{ provider = \"b\", model = \"y\", group = 1 }},\n\
             ]\n",
            a.base_url(),
            b.base_url()
        ))
        .await;
        for _ in 0..ENOUGH {
            let mut reply = chat(gateway.address(), request).await;
            assert_eq!(reply.header("x-upstream-provider"), Some("a"));
            if request["stream"] == true {
                reply.events().await;
            } else {
                reply.text().await;
            }
            a.next_request().await;
        }
        assert_eq!(b.requests().len(), 0, "so few times say nothing");
        Self { a, b, gateway }
    }

    async fn of_streams() -> Self {
        Self::new(&stream_request(), good("usual")).await
    }

    /// Asks, until both providers have been asked.
    async fn ask(&self, request: &Value) -> Client {
        let mut client = Client::connect(self.gateway.address()).await;
        client.post_chat(request).await;
        self.a.next_request().await;
        self.b.next_request().await;
        client
    }

    fn in_flight(&self) -> usize {
        let targets = self.gateway.gateway().targets();
        let all = targets.snapshots(Instant::now());
        all.iter().map(|target| target.in_flight).sum()
    }
}

fn told(reply: &Reply) -> (&str, &str, &str) {
    let header = |name| reply.header(name).unwrap_or_default();
    (
        header("x-upstream-provider"),
        header("x-herald-attempts"),
        header("proxy-status"),
    )
}

#[actix_web::test]
async fn the_second_serves_where_it_is_ready_first_and_the_first_is_let_go() {
    let lines = LogLines::collect();
    let pair = Pair::of_streams().await;
    let gate = Gate::new();
    pair.a.push(slow(&gate, "never"));
    pair.b.push(good("fine"));
    let client = pair.ask(&stream_request()).await;
    let mut reply = client.reply().await;
    assert_eq!(
        told(&reply),
        (
            "b",
            "2",
            r#"herald;details="attempt 1, a: gateway_hedged", herald;received-status=200"#
        )
    );
    let timing = reply.header("server-timing").unwrap();
    assert!(timing.starts_with("attempt1;dur="), "{timing}");
    let id = reply.header("x-herald-request-id").unwrap().to_owned();
    pair.a.caller_left().await;
    gate.open();
    let events = reply.events().await.concat();
    assert!(events.contains("fine") && !events.contains("never"));
    let line = lines.of(&id).await;
    assert_eq!((&*line["provider"], &*line["outcome"]), ("b", "completed"));
    assert_eq!(line["failed_attempts"], "a:gateway_hedged");
    assert_eq!(pair.in_flight(), 0);
    let metrics = pair
        .gateway
        .gateway()
        .metrics_text(herald::telemetry::metrics::TextFormat::Prometheus);
    for row in [
        r#"herald_attempts_total{provider="a",model="scripted-model"} 21"#,
        r#"herald_attempts_total{provider="b",model="scripted-model"} 1"#,
        r#"herald_failed_attempts_total{provider="a",model="scripted-model",code="gateway_hedged",origin="gateway"} 1"#,
    ] {
        assert!(metrics.contains(row), "{row}\n{metrics}");
    }
}

#[actix_web::test]
async fn the_first_serves_where_it_is_ready_first_after_all_and_the_second_is_let_go() {
    let pair = Pair::of_streams().await;
    let (gate, other) = (Gate::new(), Gate::new());
    pair.a.push(slow(&gate, "late"));
    pair.b.push(slow(&other, "never"));
    let client = pair.ask(&stream_request()).await;
    gate.open();
    let mut reply = client.reply().await;
    assert_eq!(
        told(&reply),
        (
            "a",
            "2",
            r#"herald;details="attempt 2, b: gateway_hedged", herald;received-status=200"#
        )
    );
    pair.b.caller_left().await;
    other.open();
    let events = reply.events().await.concat();
    assert!(events.contains("late") && !events.contains("never"));
    assert_eq!(pair.in_flight(), 0);
}

#[actix_web::test]
async fn a_document_is_hedged_as_a_stream_is() {
    let document = |text: &str| Script::json(200, scripted::completion(text));
    let request = completion_request();
    let pair = Pair::new(&request, document("usual")).await;
    let gate = Gate::new();
    pair.a.push(Script::new().wait(&gate));
    pair.b.push(document("fine"));
    let client = pair.ask(&request).await;
    let mut reply = client.reply().await;
    assert_eq!((told(&reply).0, told(&reply).1), ("b", "2"));
    pair.a.caller_left().await;
    assert_eq!(reply.text().await, scripted::completion("fine"));
    gate.open();
}

#[actix_web::test]
async fn where_the_first_fails_the_second_goes_on_alone_and_the_other_way_round() {
    let pair = Pair::of_streams().await;
    let (gate, other) = (Gate::new(), Gate::new());
    pair.a.push(Script::sse().head().wait(&gate).close());
    pair.b.push(slow(&other, "fine"));
    let client = pair.ask(&stream_request()).await;
    gate.open();
    // It has left the target when the failure was taken in.
    while pair.in_flight() > 1 {
        tokio::task::yield_now().await;
    }
    other.open();
    let mut reply = client.reply().await;
    assert_eq!(
        told(&reply),
        (
            "b",
            "2",
            concat!(
                r#"herald;received-status=200;error=http_response_incomplete;"#,
                r#"details="attempt 1, a: upstream_empty", herald;received-status=200"#
            )
        )
    );
    assert!(reply.events().await.concat().contains("fine"));

    let gate = Gate::new();
    pair.a.push(slow(&gate, "late"));
    pair.b.push(Script::json(404, "{}"));
    let client = pair.ask(&stream_request()).await;
    while pair.in_flight() > 1 {
        tokio::task::yield_now().await;
    }
    gate.open();
    let mut reply = client.reply().await;
    assert_eq!(
        told(&reply),
        (
            "a",
            "2",
            concat!(
                r#"herald;received-status=404;details="attempt 2, b: upstream_not_found", "#,
                r#"herald;received-status=200"#
            )
        )
    );
    assert!(reply.events().await.concat().contains("late"));
    assert_eq!(pair.in_flight(), 0);
}

#[actix_web::test]
async fn where_both_fail_the_last_one_speaks() {
    let pair = Pair::of_streams().await;
    let (gate, other) = (Gate::new(), Gate::new());
    pair.a.push(Script::sse().head().wait(&gate).close());
    pair.b.push(Script::new().status(503).wait(&other));
    let client = pair.ask(&stream_request()).await;
    gate.open();
    while pair.in_flight() > 1 {
        tokio::task::yield_now().await;
    }
    other.open();
    let mut reply = client.reply().await;
    assert_eq!(
        (reply.status, told(&reply).0, told(&reply).1),
        (503, "b", "2")
    );
    reply.text().await;
    assert_eq!(pair.in_flight(), 0);
}

#[actix_web::test]
async fn the_refusal_of_a_request_is_told_at_once_though_a_second_attempt_runs() {
    let pair = Pair::of_streams().await;
    let (gate, other) = (Gate::new(), Gate::new());
    pair.a.push(Script::new().status(400).wait(&gate));
    pair.b.push(slow(&other, "never"));
    let client = pair.ask(&stream_request()).await;
    gate.open();
    let mut reply = client.reply().await;
    assert_eq!((reply.status, told(&reply).0), (400, "a"));
    pair.b.caller_left().await;
    reply.text().await;
    other.open();
}

#[actix_web::test]
async fn a_client_that_leaves_while_both_run_stops_both_within_a_second() {
    let lines = LogLines::collect();
    let pair = Pair::of_streams().await;
    let (gate, other) = (Gate::new(), Gate::new());
    pair.a.push(slow(&gate, "never"));
    pair.b.push(slow(&other, "never"));
    let client = pair.ask(&stream_request()).await;
    let left = Instant::now();
    drop(client);
    let second = Duration::from_secs(1);
    let of_a = pair.a.caller_left().await.at;
    let of_b = pair.b.caller_left().await.at;
    assert!(of_a.max(of_b).saturating_duration_since(left) < second);
    let hedged = |line: &crate::support::Line| {
        line.get("failed_attempts")
            .is_some_and(|failed| failed == "b:gateway_hedged")
            && line["outcome"] == "cancelled"
    };
    let line = lines.wait(hedged).await;
    assert_eq!((&*line[0]["provider"], &*line[0]["attempts"]), ("a", "2"));
    assert_eq!(pair.in_flight(), 0);
}

#[actix_web::test]
async fn an_operator_ends_both() {
    let pair = Pair::of_streams().await;
    let (gate, other) = (Gate::new(), Gate::new());
    pair.a.push(slow(&gate, "never"));
    pair.b.push(slow(&other, "never"));
    let client = pair.ask(&stream_request()).await;
    let streams = pair.gateway.gateway().streams();
    streams.cancel(&streams.list()[0].details().id).unwrap();
    let mut reply = client.reply().await;
    let body = reply.json().await;
    assert_eq!(body["error"]["code"], "gateway_cancelled");
    pair.a.caller_left().await;
    pair.b.caller_left().await;
}
