//! Streams, faults, leaving clients and reloads, for as long as it takes to show what leaks.

use std::{
    io,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    task::JoinSet,
    time::{Instant, interval, sleep, sleep_until},
};

use crate::{
    client,
    herald::Herald,
    plan::{Outcome, Plan},
    provider::Provider,
    table::Table,
};

/// Between two reloads; each fifth has settings that must be refused.
const RELOAD: Duration = Duration::from_secs(5);

/// Most problems that are printed.
const SHOWN: usize = 20;

/// What a run is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run<'a> {
    pub(crate) binary: &'a Path,
    pub(crate) length: Duration,
    pub(crate) at_once: u64,
    pub(crate) seed: u64,
}

/// What became of the streams.
#[derive(Debug, Default)]
struct Tally {
    begun: AtomicU64,
    completed: AtomicU64,
    failed: AtomicU64,
    cancelled: AtomicU64,
    problems: Mutex<Vec<String>>,
}

impl Tally {
    fn count(&self, outcome: Outcome) {
        let count = match outcome {
            Outcome::Completed => &self.completed,
            Outcome::Failed => &self.failed,
            Outcome::Cancelled => &self.cancelled,
        };
        count.fetch_add(1, Relaxed);
    }

    fn problems(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.problems.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn settings(provider: &Provider, queue_events: u64) -> String {
    format!(
        "stream.queue_events = {queue_events}\nreload.debounce = \"50ms\"\n\
         server.listen = \"127.0.0.1:0\"\nadmin.listen = \"127.0.0.1:0\"\nlog.format = \"json\"\n\
         [clocks]\nhead = \"20s\"\nfirst_event = \"20s\"\nidle = \"3s\"\ntotal = \"5m\"\n\
         [upstream]\nproxy = \"none\"\n\
         [[providers]]\nid = \"soak\"\nkind = \"openai\"\nbase_url = \"http://{}/v1\"\n\
         [[models]]\nid = \"m\"\ntargets = [{{ provider = \"soak\", model = \"m\" }}]\n",
        provider.address()
    )
}

/// Runs it, and fills the table.
pub(crate) async fn run(run: Run<'_>, table: &mut Table) -> io::Result<()> {
    let provider = Provider::start(run.seed).await?;
    let herald = Herald::start(run.binary, &settings(&provider, 32))?;
    let files_at_start = herald.holds_at_start().await?.files;
    let tally = Arc::new(Tally::default());
    let begun = Instant::now();
    let until = begun + run.length;

    let mut streams = JoinSet::new();
    for _ in 0..run.at_once {
        let (provider, tally) = (Arc::clone(&provider), Arc::clone(&tally));
        let gateway = herald.address;
        streams.spawn(async move {
            while Instant::now() < until {
                let number = tally.begun.fetch_add(1, Relaxed);
                let plan = Plan::of(run.seed, number);
                match client::run(gateway, &provider, number, plan).await {
                    Ok(outcome) => tally.count(outcome),
                    Err(problem) => tally.problems().push(problem),
                }
            }
        });
    }
    // The level that the end is compared with: after two minutes, or the first quarter of a short run.
    let settled = begun + Duration::from_secs(120).min(run.length / 4);
    let mut reloads = Reloads::default();
    reloads.go_on_until(settled, &herald, &provider).await?;
    let level = memory(&herald).await?;
    let last = until - SAMPLING;
    reloads.go_on_until(last, &herald, &provider).await?;
    let end = memory(&herald).await?;
    sleep_until(until).await;
    while let Some(ended) = streams.join_next().await {
        ended?;
    }
    report(&tally, table);
    let growth = (end as f64 - level as f64) / level as f64 * 100.0;
    table.tell("memory when settled", format!("{level} KiB"));
    let found = format!("{end} KiB, {growth:+.1} %");
    table.hold("memory at the end, at most 5 % more", found, growth <= 5.0);

    herald.metric_is("herald_open_streams", "", 0).await?;
    // Workers let go of the connections that they keep under earlier settings.
    herald.rewrite(&settings(&provider, 1000))?;
    reloads.taken += 1;
    let metric = "herald_reloads_total";
    herald
        .metric_is(metric, "result=\"taken\"", reloads.taken)
        .await?;
    let refused = herald.metric(metric, "result=\"refused\"").await?;
    let found = format!("{} and {refused}", reloads.taken);
    table.hold(
        "settings taken and refused",
        found,
        refused == reloads.refused,
    );
    let files = herald.files_down_to(files_at_start).await?;
    let found = format!("{files}, at the start {files_at_start}");
    table.hold(
        "open descriptors, back to the start",
        found,
        files <= files_at_start,
    );
    outcomes(herald, &tally, table).await
}

fn report(tally: &Tally, table: &mut Table) {
    let problems = tally.problems();
    for problem in problems.iter().take(SHOWN) {
        println!("{problem}");
    }
    table.tell("streams", tally.begun.load(Relaxed));
    table.hold(
        "streams that hung, or came to something else than planned",
        problems.len(),
        problems.is_empty(),
    );
}

/// Compares what each side has counted.
async fn outcomes(herald: Herald, tally: &Tally, table: &mut Table) -> io::Result<()> {
    let mut counted = Vec::new();
    for outcome in ["completed", "failed", "cancelled", "stalled"] {
        let labels = format!("outcome=\"{outcome}\"");
        counted.push((
            outcome,
            herald.metric("herald_requests_total", &labels).await?,
        ));
    }
    let (code, log) = herald.stop().await?;
    let seen = [&tally.completed, &tally.failed, &tally.cancelled].map(|count| count.load(Relaxed));
    // A client that was woken late may leave when all has been sent already; it cannot know.
    let late = counted[0].1.saturating_sub(seen[0]);
    let expected = [seen[0] + late, seen[1], seen[2].saturating_sub(late), 0];
    for ((outcome, metric), expected) in counted.iter().zip(expected) {
        let lines = log.outcomes.get(*outcome).copied().unwrap_or_default();
        table.hold(
            &format!("`{outcome}` by clients, metrics and log"),
            format!("{expected}, {metric}, {lines}"),
            expected == *metric && expected == lines,
        );
    }
    let found = format!("{late} of {}", seen[2]);
    table.hold(
        "clients that left too late, at most 1 of 100",
        found,
        late * 100 <= seen[2],
    );
    let (requests, streams) = (log.requests.len() as u64, tally.begun.load(Relaxed));
    table.hold(
        "requests in the log, one for each stream",
        requests,
        requests == streams,
    );
    for panic in log.panics.iter().take(SHOWN) {
        println!("{panic}");
    }
    table.hold("panics", log.panics.len(), log.panics.is_empty());
    table.hold("exit code", format!("{code:?}"), code == Some(0));
    Ok(())
}

/// How often the settings were changed.
#[derive(Debug, Default)]
struct Reloads {
    taken: u64,
    refused: u64,
}

impl Reloads {
    /// Changes them again and again.
    async fn go_on_until(
        &mut self,
        until: Instant,
        herald: &Herald,
        provider: &Provider,
    ) -> io::Result<()> {
        while Instant::now() + RELOAD < until {
            sleep(RELOAD).await;
            if (self.taken + self.refused) % 5 == 4 {
                herald.rewrite(&settings(provider, 0))?;
                self.refused += 1;
            } else {
                self.taken += 1;
                // Each unlike the one before, which would be no change.
                herald.rewrite(&settings(provider, 32 + self.taken % 900))?;
            }
        }
        sleep_until(until).await;
        Ok(())
    }
}

/// How long memory is looked at; it breathes with the streams.
const SAMPLING: Duration = Duration::from_secs(10);

/// Resident memory in KiB, the mean of some seconds.
async fn memory(herald: &Herald) -> io::Result<u64> {
    let until = Instant::now() + SAMPLING;
    let (mut sum, mut samples) = (0, 0);
    let mut ticks = interval(Duration::from_millis(500));
    while Instant::now() < until {
        ticks.tick().await;
        sum += herald.holds()?.memory_kib;
        samples += 1;
    }
    Ok(sum / samples)
}
