//! Translations of streams under libFuzzer; see `checks/translation.rs` for what is asserted.

#![no_main]

#[path = "../checks/translation.rs"]
#[expect(dead_code, reason = "the other target checks the rest")]
mod translation;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    translation::check_stream(input, input.len() % 16 + 1);
});
