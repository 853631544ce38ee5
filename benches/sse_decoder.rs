//! What the SSE decoder costs an event, counted in instructions rather than timed.
//!
//! Decodes a stream of 200 typical OpenAI events of 314 bytes in chunks of 4 KiB, over and over. Run it
//! twice under callgrind; the difference in instructions, divided by 20,000, is the cost of an event:
//!
//! ```text
//! cargo bench --bench sse_decoder --no-run     # prints the path of the program
//! valgrind --tool=callgrind <program> data 100
//! valgrind --tool=callgrind <program> data 200
//! ```
//!
//! `data` is a frame of one `data` line, `event` has an `event` line before it. A third number sets other
//! chunk sizes, in bytes.

use std::{env, hint::black_box};

use bytes::Bytes;
use herald::upstream::sse_decoder::SseDecoder;

const EVENTS: usize = 200;

const DATA: &str = concat!(
    r#"data: {"id":"chatcmpl-AbCdEfGhIjKlMnOpQrStUvWxYz012","object":"chat.completion.chunk","#,
    r#""created":1764000000,"model":"gpt-4.1-2025-04-14","service_tier":"default","#,
    r#""system_fingerprint":"fp_0123456789","choices":[{"index":0,"delta":{"content":" hello"},"#,
    r#""logprobs":null,"finish_reason":null}],"obfuscation":"abcdefg"}"#,
    "\n\n"
);

fn main() {
    let words: Vec<String> = env::args().skip(1).collect();
    let mut numbers = words.iter().filter_map(|word| word.parse::<usize>().ok());
    let rounds = numbers.next().unwrap_or(1);
    let chunk_bytes = numbers.next().unwrap_or(4096);
    let name = if words.iter().any(|word| word == "event") {
        "event: content_block_delta\n"
    } else {
        ""
    };

    let stream = Bytes::from([name, DATA].concat().repeat(EVENTS));
    let chunks: Vec<Bytes> = (0..stream.len())
        .step_by(chunk_bytes)
        .map(|start| stream.slice(start..stream.len().min(start + chunk_bytes)))
        .collect();

    let mut decoder = SseDecoder::new(8 << 20);
    let mut events = 0;
    for _ in 0..rounds {
        for chunk in &chunks {
            decoder.push(black_box(chunk.clone()));
            while let Some(event) = decoder.next_event().expect("the events are small") {
                black_box(event);
                events += 1;
            }
        }
    }
    assert_eq!(events, rounds * EVENTS);
}
