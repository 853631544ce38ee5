//! Herald on one thread, in memory, under a clock that only moves when nothing else can.
//!
//! In most files the gateway is mounted in an actix app that is called in the process, and its provider
//! is a script at the far end of a pipe. So each answer and each clock has an exact virtual instant.
//! `bench` is that setting; the other files ask it for one thing each, and `seeds` for a few hundred at
//! random. `world` is for all at once: pipes on both sides, HTTP between them, and everybody at random.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod bench;
mod buffer;

mod commit;
mod drain;
mod hedge;
mod idle;
mod leaving;
mod metadata_event;
mod opening;
mod random;
mod read_on;
mod seeds;
mod slow_reader;
mod total;
mod world;
