//! The first versions of Sourcegraph's API repeat all of the text in each event. What that costs Herald
//! beyond the bytes on the wire grows with the answer, and not with its square.
//!
//! A suite of its own, because it counts what its whole process allocates: each byte that is copied, is
//! copied into something.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::{alloc::System, collections::HashMap};

use bytes::Bytes;
use herald::{
    completion::EventKind,
    dialects::{AnswerContext, Dialect, sourcegraph::Completions},
    settings::Settings,
    testkit::chat,
    translation::Passage,
    upstream::sse_decoder::SseDecoder,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Bytes on the wire, and bytes that were allocated beside them, for an answer of so many pieces.
fn costs(version: u8, pieces: usize) -> (usize, usize) {
    let toml = "[[providers]]\nid = \"p\"\nkind = \"openai\"\nbase_url = \"http://127.0.0.1:1\"\n\
                [[models]]\nid = \"m\"\ntargets = [{ provider = \"p\", model = \"up\" }]\n";
    let settings = Settings::from_toml(toml).unwrap();
    let settings = settings.verify(&HashMap::new()).unwrap();
    let dialect = Completions::chat(version).unwrap();
    let body = r#"{"model":"m","messages":[{"speaker":"human","text":"Hi"}]}"#;
    let request = dialect.parse_completion(Bytes::from_static(body.as_bytes()));
    let request = request.unwrap();
    let about = AnswerContext {
        id: "id",
        model: "up",
        created: 0,
    };
    let target = settings.models.get("m").unwrap().first_target();
    let passage = Passage::find(dialect, &request, target, about).unwrap();
    let mut reader = passage.api.event_reader(&request);
    let mut translation = passage.translation.unwrap();
    // A text that is longer as it is written.
    let event = Bytes::from(format!("data: {}\n\n", chat::text("Zwölf Boxkämpfer\n")));
    let mut decoder = SseDecoder::new(1 << 20);

    let region = Region::new(ALLOCATOR);
    let mut wire = 0;
    for _ in 0..pieces {
        decoder.push(event.clone());
        let raw = decoder.next_event().unwrap().unwrap();
        let event = reader.read(raw).unwrap();
        assert!(matches!(event.kind, EventKind::Content));
        let events = translation.event(&event.raw).unwrap();
        wire += events.iter().map(|event| event.data.len()).sum::<usize>();
    }
    // What a buffer grows by is among them.
    let allocated = region.change().bytes_allocated;
    (wire, allocated.checked_sub(wire).unwrap())
}

#[test]
fn a_cumulative_answer_costs_its_bytes_on_the_wire_and_beside_them_no_more_than_its_length() {
    // What is lazily made once is made before anything is counted.
    costs(1, 1);
    let (short_wire, short_beside) = costs(1, 1000);
    let (long_wire, long_beside) = costs(1, 4000);
    assert!(long_wire > 15 * short_wire, "the wire demands a square");
    // Four times the length is four times the cost; a fifth is left to how buffers grow.
    assert!(
        long_beside < 5 * short_beside,
        "{short_beside} bytes beside {short_wire} became {long_beside} beside {long_wire}"
    );
    // It is what a version that repeats nothing costs, and a little of its own.
    let (_, increments) = costs(8, 4000);
    assert!(
        long_beside < 2 * increments,
        "{long_beside} and {increments}"
    );
}
