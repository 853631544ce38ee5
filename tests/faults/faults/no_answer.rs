//! A head comes, and no answer behind it that could be told.

use herald::testkit::Script;

use super::{
    Fault,
    scripts::{good, of_a, refusal, silent_body},
};
use crate::{
    rules::{Rule, refused},
    wires::{OF_A, Way},
};

/// An interim answer, whose headers are nobody's.
const INTERIM: &str = "HTTP/1.1 103 Early Hints\r\nx-request-id: interim\r\n\r\n";

/// The head says so.
pub(super) fn statuses() -> Vec<Fault> {
    vec![
        Fault::answers(
            "307",
            |wire, _| refusal(wire, 307).header("location", "http://127.0.0.1:1/v1"),
            refused(502, "upstream_redirect")
                .answered(307)
                .saying_why()
                .told_at_once(),
        ),
        Fault::answers(
            "400",
            |wire, _| refusal(wire, 400),
            refused(400, "upstream_rejected")
                .answered(400)
                .saying_why()
                .told_at_once(),
        ),
        Fault::answers(
            "401",
            |wire, _| refusal(wire, 401),
            refused(502, "upstream_auth")
                .answered(401)
                .saying_why()
                .told_at_once(),
        ),
        Fault::answers(
            "429 with `retry-after: 7`",
            |wire, _| refusal(wire, 429).header("retry-after", "7"),
            refused(429, "upstream_rate_limited")
                .answered(429)
                .saying_why()
                .retry_after("7")
                .mended(),
        ),
        Fault::answers(
            "429 without",
            |wire, _| refusal(wire, 429),
            refused(429, "upstream_rate_limited")
                .answered(429)
                .saying_why()
                .mended(),
        ),
        Fault::answers(
            "500",
            |wire, _| refusal(wire, 500),
            refused(502, "upstream_error")
                .answered(500)
                .saying_why()
                .mended(),
        ),
        Fault::answers(
            "503",
            |wire, _| refusal(wire, 503),
            refused(503, "upstream_overloaded")
                .answered(503)
                .saying_why()
                .retry_after("5")
                .mended(),
        ),
    ]
}

/// The head says that all is well.
pub(super) fn no_answer() -> Vec<Fault> {
    let ok = |code| refused(502, code).answered(200);
    vec![
        Fault::answers(
            "103, then 200",
            |wire, way| match way {
                Way::Stream => wire.stream(of_a(Script::sse()).bytes(INTERIM), OF_A),
                Way::Document => of_a(Script::new())
                    .header("content-type", "application/json")
                    .bytes(INTERIM)
                    .body(wire.document(OF_A)),
            },
            Rule::Whole,
        ),
        Fault::answers(
            "HTML under 200",
            |_, _| of_a(Script::json(200, "<h1>Hi</h1>")).header("content-type", "text/html"),
            ok("upstream_not_a_stream")
                .token("http_protocol_error")
                .mended(),
        )
        .but_documents(
            ok("upstream_not_json")
                .token("http_protocol_error")
                .mended(),
        ),
        Fault::answers(
            "gzip, unasked",
            |wire, way| good(wire, way).header("content-encoding", "gzip"),
            ok("upstream_content_encoding")
                .token("http_response_content_coding")
                .mended(),
        ),
        Fault::answers(
            "an error in place of content",
            |wire, way| match way {
                Way::Stream => wire.error_event(wire.begin(of_a(Script::sse()))).finish(),
                Way::Document => of_a(Script::json(200, wire.error_document())),
            },
            ok("upstream_error_event").saying_why().mended(),
        ),
        Fault::answers(
            "an event or a document too large",
            |wire, way| {
                let long = "x".repeat(20_000);
                match way {
                    Way::Stream => wire.text(wire.begin(of_a(Script::sse())), &long).finish(),
                    Way::Document => of_a(Script::json(200, wire.document(&long))),
                }
            },
            ok("upstream_event_too_large")
                .token("http_response_body_size")
                .told_at_once(),
        )
        .but_documents(
            ok("upstream_body_too_large")
                .token("http_response_body_size")
                .told_at_once(),
        )
        .with("[upstream]\nmax_event_bytes = \"8KiB\"\nmax_body_bytes = \"8KiB\""),
        Fault::answers(
            "silence after the head",
            silent_body,
            refused(504, "upstream_idle")
                .answered(200)
                .token("http_response_timeout")
                .told_at_once(),
        )
        .with("idle = \"1s\""),
        Fault::answers(
            "silence after the head, `first_event` in `attempts.on`",
            silent_body,
            refused(504, "upstream_idle")
                .answered(200)
                .token("http_response_timeout")
                .mended(),
        )
        .with("idle = \"1s\"\n[attempts]\non = [\"first_event\"]"),
    ]
}
