//! An answer begins well, and does not end well.

use herald::testkit::{Framing, Script};

use super::{
    Fault,
    scripts::{begun, good, of_a, spoilt},
};
use crate::{
    dialects::Dialect,
    rules::{Rule, refused},
    wires::{OF_A, Way},
};

/// Documents cannot be cut short before their client's eyes: it gets all or nothing of one.
pub(super) fn cut_short() -> Vec<Fault> {
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
        .with("idle = \"1s\""),
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
