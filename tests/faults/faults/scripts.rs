//! What those providers play.

use herald::testkit::{Framing, Script};

use crate::wires::{OF_A, Way, Wire};

/// Marks the head as the first target's.
pub(super) fn of_a(script: Script) -> Script {
    script.header("x-request-id", OF_A)
}

pub(super) fn good(wire: Wire, way: Way) -> Script {
    of_a(wire.answer(way, OF_A))
}

pub(super) fn refusal(wire: Wire, status: u16) -> Script {
    of_a(Script::json(status, wire.refusal()))
}

/// A head, and what may stand before any content.
pub(super) fn silent_body(wire: Wire, way: Way) -> Script {
    let head = match way {
        Way::Stream => wire.begin(Script::sse()).head(),
        Way::Document => Script::json(200, " ").framing(Framing::Declared(100)),
    };
    of_a(head).stall()
}

/// A stream with some content, or half of a document that says it is longer.
pub(super) fn begun(wire: Wire, way: Way) -> Script {
    of_a(match way {
        Way::Stream => wire.text(wire.begin(Script::sse()), OF_A),
        Way::Document => Script::json(200, wire.half_document()).framing(Framing::Declared(10_000)),
    })
}

/// The same with a byte amid its text that is no UTF-8.
pub(super) fn spoilt(text: String) -> Vec<u8> {
    let place = text.find(OF_A).unwrap() + OF_A.len();
    let mut bytes = text.into_bytes();
    bytes.insert(place, 0xff);
    bytes
}
