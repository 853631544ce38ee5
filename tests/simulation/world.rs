//! Whole Heralds between pipes, each with what a seed draws on both sides, each held to the promises.
//!
//! A seed decides on clients, providers, operators and settings (`plan`). `play` mounts Herald as
//! production does and plays it all on one thread, under a clock that moves when nothing else can;
//! `checks` holds what was to be seen from the outside against the ten promises of the design. A run
//! that breaks one is played again with less and less in it, until nothing more can be left out
//! (`shrink`), and told as a script of events (`transcript`).
//!
//! `HERALD_SIM_SEEDS=N` plays the first N seeds, `HERALD_SIM_SEED=N` that one alone.

mod answer;
mod ask;
mod case;
mod checks;
mod client;
mod due;
mod format;
mod heard;
mod outcome;
mod plan;
mod play;
mod provider;
mod shrink;
mod speech;
mod transcript;
mod tuning;
mod visit;
mod wire;

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    thread,
};

use self::{
    checks::{Broken, judge},
    plan::Plan,
    play::play,
};

/// How many seeds an ordinary run of the tests takes.
const SEEDS: u64 = 300;

#[test]
fn whatever_happens_on_both_sides_the_promises_hold() {
    let number = |name| Some(std::env::var(name).ok()?.parse::<u64>().unwrap());
    let (first, last) = match number("HERALD_SIM_SEED") {
        Some(seed) => (seed, seed + 1),
        None => (0, number("HERALD_SIM_SEEDS").unwrap_or(SEEDS)),
    };
    if let Some((seed, broken)) = first_broken(first, last) {
        let all: Vec<_> = broken.iter().map(ToString::to_string).collect();
        let (least, run) = shrink::shrink(Plan::draw(seed), &broken[0]);
        panic!(
            "seed {seed} breaks\n{}\n\nreplay: HERALD_SIM_SEED={seed} cargo test --test simulation world\n\n\
             {least}\nis broken by no more than this:\n{}",
            all.join("\n"),
            transcript::tell(&run),
        );
    }
}

/// Plays seeds on all cores, each on a thread's own clock, and gives the first that breaks anything.
fn first_broken(first: u64, last: u64) -> Option<(u64, Vec<Broken>)> {
    let (next, end) = (AtomicU64::new(first), AtomicU64::new(last));
    let search = || {
        loop {
            let seed = next.fetch_add(1, Relaxed);
            if seed >= end.load(Relaxed) {
                return None;
            }
            let broken = judge(&play(&Plan::draw(seed)));
            if !broken.is_empty() {
                // Those before it are still looked at.
                end.fetch_min(seed, Relaxed);
                return Some((seed, broken));
            }
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let searches: Vec<_> = (0..threads).map(|_| scope.spawn(search)).collect();
        let found = searches
            .into_iter()
            .filter_map(|search| search.join().unwrap());
        found.min_by_key(|(seed, _)| *seed)
    })
}

#[test]
fn a_seed_is_played_the_same_way_each_time() {
    for seed in 0..30 {
        let plan = Plan::draw(seed);
        let [first, second] = [play(&plan), play(&plan)].map(|run| transcript::tell_all(&run));
        for (first, second) in first.lines().zip(second.lines()) {
            assert_eq!(first, second, "seed {seed}");
        }
        assert_eq!(first.len(), second.len(), "seed {seed}");
    }
}
