//! What goes wrong, and the one rule for each.

use herald::testkit::{Framing, Script};

use crate::{
    dialects::Dialect,
    nowhere::Nowhere,
    rules::{Rule, Seen, refused},
    wires::{OF_A, Way, Wire},
    world::Cell,
};

/// One thing that goes wrong with a provider.
pub(crate) struct Fault {
    /// The row of the table.
    pub(crate) name: &'static str,
    /// What the gateway's settings have beside, in TOML behind `[clocks]`.
    pub(crate) settings: &'static str,
    /// How it is met.
    pub(crate) reach: Reach,
    stream: Rule,
    document: Rule,
    /// Dialects whose streams have another rule.
    except: Vec<(Dialect, Rule)>,
}

/// Where a request to such a provider gets to.
pub(crate) enum Reach {
    /// Nowhere.
    At(fn(&Nowhere) -> String),
    /// To somebody whose certificate nobody has signed that is trusted.
    Untrusted,
    /// To somebody who is asked for TLS and does not speak it.
    WithoutTls,
    /// To somebody who answers.
    Answers(fn(Wire, Way) -> Script),
}

impl Fault {
    /// A fault that is told alike of streams and documents.
    fn new(name: &'static str, reach: Reach, rule: Rule) -> Self {
        Self {
            name,
            settings: "",
            reach,
            stream: rule,
            document: rule,
            except: Vec::new(),
        }
    }

    fn at(name: &'static str, place: fn(&Nowhere) -> String, rule: Rule) -> Self {
        Self::new(name, Reach::At(place), rule)
    }

    fn answers(name: &'static str, script: fn(Wire, Way) -> Script, rule: Rule) -> Self {
        Self::new(name, Reach::Answers(script), rule)
    }

    fn but_documents(self, document: Rule) -> Self {
        Self { document, ..self }
    }

    fn but_streams_of(mut self, dialects: &[Dialect], rule: Rule) -> Self {
        let rules = dialects.iter().map(|dialect| (*dialect, rule));
        self.except.extend(rules);
        self
    }

    fn with(self, settings: &'static str) -> Self {
        Self { settings, ..self }
    }

    /// What its rule asks of a cell.
    pub(crate) fn expects(&self, cell: Cell) -> Seen {
        let excepted = self
            .except
            .iter()
            .find(|(dialect, _)| *dialect == cell.dialect);
        let rule = match (cell.way, excepted) {
            (Way::Document, _) => self.document,
            (Way::Stream, Some((_, rule))) => *rule,
            (Way::Stream, None) => self.stream,
        };
        rule.expects(cell)
    }
}

/// Everything that goes wrong, in the order of a request's way.
pub(crate) fn faults() -> Vec<Fault> {
    let mut faults = no_connection();
    faults.extend(no_head());
    faults.extend(statuses());
    faults.extend(no_answer());
    faults.extend(cut_short());
    faults
}

fn no_connection() -> Vec<Fault> {
    vec![
        Fault::at(
            "connection refused",
            Nowhere::refusing,
            refused(502, "upstream_refused")
                .token("connection_refused")
                .mended(),
        ),
        Fault::at(
            "no route to it",
            Nowhere::without_route,
            refused(502, "upstream_unreachable")
                .token("destination_unavailable")
                .mended(),
        ),
        Fault::at(
            "its address is silent",
            Nowhere::silent,
            refused(504, "upstream_connect")
                .token("connection_timeout")
                .mended(),
        )
        .with("connect = \"500ms\""),
        Fault::at(
            "its name is gone",
            Nowhere::without_address,
            refused(502, "upstream_dns").token("dns_error").mended(),
        ),
        Fault::new(
            "TLS: certificate not trusted",
            Reach::Untrusted,
            refused(502, "upstream_tls_certificate")
                .token("tls_certificate_error")
                .mended(),
        ),
        Fault::new(
            "TLS: it speaks none",
            Reach::WithoutTls,
            refused(502, "upstream_tls")
                .token("tls_protocol_error")
                .mended(),
        ),
    ]
}

fn no_head() -> Vec<Fault> {
    let late = refused(504, "upstream_head").token("http_response_timeout");
    let bad = refused(502, "upstream_bad_head").token("http_protocol_error");
    let silence: fn(Wire, Way) -> Script = |_, _| Script::raw().stall();
    vec![
        Fault::answers("slow head", silence, late.told_at_once()).with("head = \"500ms\""),
        Fault::answers("slow head, `head` in `attempts.on`", silence, late.mended())
            .with("head = \"500ms\"\n[attempts]\non = [\"head\"]"),
        Fault::answers(
            "reset before the head",
            |_, _| Script::raw().reset(),
            refused(502, "upstream_reset")
                .token("connection_terminated")
                .mended(),
        ),
        Fault::answers(
            "97 headers",
            |wire, way| {
                // The type and the framing are two.
                let names = (0..95).map(|number| format!("x-{number}"));
                names.fold(good(wire, way), |script, name| script.header(&name, "1"))
            },
            bad.mended(),
        ),
        Fault::answers(
            "a control byte in a header",
            |wire, way| good(wire, way).header("x-odd", b"a\x01b"),
            bad.mended(),
        ),
    ]
}

fn statuses() -> Vec<Fault> {
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

fn no_answer() -> Vec<Fault> {
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
        .with("idle = \"500ms\""),
        Fault::answers(
            "silence after the head, `first_event` in `attempts.on`",
            silent_body,
            refused(504, "upstream_idle")
                .answered(200)
                .token("http_response_timeout")
                .mended(),
        )
        .with("idle = \"500ms\"\n[attempts]\non = [\"first_event\"]"),
    ]
}

/// An interim answer, whose headers are nobody's.
const INTERIM: &str = "HTTP/1.1 103 Early Hints\r\nx-request-id: interim\r\n\r\n";

/// Documents cannot be cut short before their client's eyes: it gets all or nothing of one.
fn cut_short() -> Vec<Fault> {
    let ok = |status, code| refused(status, code).answered(200);
    vec![
        Fault::answers(
            "silence amid the answer",
            |wire, way| begun(wire, way).stall(),
            Rule::CutShort("upstream_idle"),
        )
        .but_documents(
            ok(504, "upstream_idle")
                .token("http_response_timeout")
                .told_at_once(),
        )
        .with("idle = \"500ms\""),
        Fault::answers(
            "truncated",
            |wire, way| begun(wire, way).close(),
            Rule::CutShort("upstream_truncated"),
        )
        .but_documents(
            ok(502, "upstream_truncated")
                .token("http_response_incomplete")
                .mended(),
        ),
        Fault::answers(
            "reset amid the answer",
            |wire, way| begun(wire, way).reset(),
            Rule::CutShort("upstream_reset"),
        )
        .but_documents(
            ok(502, "upstream_reset")
                .token("connection_terminated")
                .mended(),
        ),
        Fault::answers(
            "broken chunks",
            |wire, way| {
                let begun = match way {
                    Way::Stream => wire.text(wire.begin(Script::sse()), OF_A),
                    Way::Document => {
                        Script::json(200, wire.half_document()).framing(Framing::Chunked)
                    }
                };
                of_a(begun).bytes("what?\r\n").stall()
            },
            Rule::CutShort("upstream_reset"),
        )
        .but_documents(
            ok(502, "upstream_reset")
                .token("connection_terminated")
                .mended(),
        ),
        // A document that only the close ends has no marker either, but its syntax tells that it is whole.
        Fault::answers(
            "no end marker",
            |wire, way| match way {
                Way::Stream => wire.reason(begun(wire, way)).finish(),
                Way::Document => good(wire, way).framing(Framing::CloseDelimited),
            },
            Rule::CutShort("upstream_truncated"),
        )
        .but_documents(Rule::Whole)
        // Chunks with a reason for each choice to end are complete without `[DONE]`.
        .but_streams_of(&[Dialect::Chat, Dialect::Completions], Rule::Unmarked)
        .but_streams_of(
            &[Dialect::Sourcegraph(8), Dialect::Sourcegraph(0)],
            Rule::Whole,
        ),
        Fault::answers(
            "an error amid the answer",
            |wire, way| match way {
                Way::Stream => wire.error_event(begun(wire, way)).finish(),
                Way::Document => {
                    let both = wire.half_document() + &wire.refusal();
                    of_a(Script::json(200, both))
                }
            },
            Rule::Failed("upstream_error_event"),
        )
        .but_documents(
            ok(502, "upstream_not_json")
                .token("http_protocol_error")
                .mended(),
        ),
        Fault::answers(
            "invalid UTF-8",
            |wire, way| match way {
                Way::Stream => {
                    let begun = wire.begin(of_a(Script::sse()));
                    let begun = begun.body(spoilt(wire.text_event(OF_A)));
                    wire.marker(wire.reason(begun)).finish()
                }
                Way::Document => of_a(Script::json(200, spoilt(wire.document(OF_A)))),
            },
            Rule::Whole,
        )
        .but_documents(
            ok(502, "upstream_not_json")
                .token("http_protocol_error")
                .mended(),
        ),
    ]
}

/// Marks the head as the first target's.
fn of_a(script: Script) -> Script {
    script.header("x-request-id", OF_A)
}

fn good(wire: Wire, way: Way) -> Script {
    of_a(wire.answer(way, OF_A))
}

fn refusal(wire: Wire, status: u16) -> Script {
    of_a(Script::json(status, wire.refusal()))
}

/// A head, and what may stand before any content.
fn silent_body(wire: Wire, way: Way) -> Script {
    let head = match way {
        Way::Stream => wire.begin(Script::sse()).head(),
        Way::Document => Script::json(200, " ").framing(Framing::Declared(100)),
    };
    of_a(head).stall()
}

/// A stream with some content, or half of a document that says it is longer.
fn begun(wire: Wire, way: Way) -> Script {
    of_a(match way {
        Way::Stream => wire.text(wire.begin(Script::sse()), OF_A),
        Way::Document => Script::json(200, wire.half_document()).framing(Framing::Declared(10_000)),
    })
}

/// The same with a byte amid its text that is no UTF-8.
fn spoilt(text: String) -> Vec<u8> {
    let place = text.find(OF_A).unwrap() + OF_A.len();
    let mut bytes = text.into_bytes();
    bytes.insert(place, 0xff);
    bytes
}
