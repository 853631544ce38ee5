//! The SSE decoder against a naive one: on generated streams, on arbitrary bytes, on the fuzz corpus.

use std::{fs, path::Path};

use proptest::{collection::vec, prelude::*, sample::select};

#[path = "../fuzz/checks/sse_decoder.rs"]
mod checks;

/// Pieces that matter to the grammar, so that generated streams come near its edges.
const PIECES: &[&[u8]] = &[
    b"data",
    b"data: ",
    b"data:",
    b"event: ",
    b"id: ",
    b"retry: 1",
    b"da",
    b":",
    b" ",
    b"\n",
    b"\n\n",
    b"\r",
    b"\r\n",
    b"\r\n\r\n",
    b"\0",
    b"x",
    b"\xEF\xBB\xBF",
    b"\xEF\xBB",
    b"\xE2\x80\xA8",
    b"\xC2\x85",
    b"\xF0\x9F\xA6\x80",
    b"\xE2\x82",
    b"\xFF",
];

fn streams() -> impl Strategy<Value = Vec<u8>> {
    vec(select(PIECES), 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn generated_streams_give_what_the_specification_says_however_they_are_cut(
        stream in streams(),
        sizes in vec(0_usize..12, 0..8),
    ) {
        checks::check_stream(&stream, &sizes);
    }

    #[test]
    fn arbitrary_bytes_give_what_the_specification_says_however_they_are_cut(
        stream in vec(any::<u8>(), 0..200),
        sizes in vec(0_usize..50, 0..8),
    ) {
        checks::check_stream(&stream, &sizes);
    }
}

#[test]
fn every_input_of_the_fuzz_corpus_passes_its_check() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/sse_decoder");
    let mut inputs = 0;
    for entry in fs::read_dir(corpus).unwrap() {
        checks::check(&fs::read(entry.unwrap().path()).unwrap());
        inputs += 1;
    }
    assert!(inputs > 0, "the corpus is empty");
}
