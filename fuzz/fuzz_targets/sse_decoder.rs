//! The SSE decoder under libFuzzer; see `checks/sse_decoder.rs` for what is asserted.

#![no_main]

#[path = "../checks/sse_decoder.rs"]
mod sse_decoder;

libfuzzer_sys::fuzz_target!(|input: &[u8]| sse_decoder::check(input));
