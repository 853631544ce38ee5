//! No head comes, or none that can be read.

use herald::testkit::Script;

use super::{Fault, Reach, scripts::good};
use crate::{
    nowhere::Nowhere,
    rules::refused,
    wires::{Way, Wire},
};

/// Nobody is there who speaks HTTP.
pub(super) fn no_connection() -> Vec<Fault> {
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
        .with("connect = \"1s\""),
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

/// Somebody is, and says nothing or nonsense.
pub(super) fn no_head() -> Vec<Fault> {
    let late = refused(504, "upstream_head").token("http_response_timeout");
    let bad = refused(502, "upstream_bad_head").token("http_protocol_error");
    let silence: fn(Wire, Way) -> Script = |_, _| Script::raw().stall();
    vec![
        Fault::answers("slow head", silence, late.told_at_once()).with("head = \"1s\""),
        Fault::answers("slow head, `head` in `attempts.on`", silence, late.mended())
            .with("head = \"1s\"\n[attempts]\non = [\"head\"]"),
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
