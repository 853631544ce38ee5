//! Plays a plan: Herald between pipes, under a clock that moves when nothing else can.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use herald::{
    Gateway, providers::ProviderId, routing::times::Awaited, settings::VerifiedSettings,
    telemetry::metrics::TextFormat, testkit::MemoryGateway, upstream::http_client::Transport,
};
use tokio::time::{Instant, sleep, sleep_until};

use super::{
    ask::Ask,
    client::{ClientPlan, How, Leaves, Reads},
    format::{Dialect, Provider},
    outcome::{Line, collect},
    plan::{Operation, PROBE, Plan},
    provider::{Call, Providers},
    visit::ClientSeen,
};
use crate::bench::simulate;

/// All that was to be seen of a run from the outside.
pub(super) struct Run {
    pub(super) plan: Plan,
    pub(super) began: Instant,
    pub(super) clients: Vec<ClientSeen>,
    pub(super) calls: Vec<Call>,
    pub(super) lines: Vec<Line>,
    pub(super) oddities: Vec<String>,
    /// When each generation came into force.
    pub(super) generations: Vec<Duration>,
    /// When what operators did was done.
    pub(super) operations: Vec<(Duration, Operation)>,
    pub(super) metrics: String,
    /// What is left although all is over.
    pub(super) leaks: Vec<String>,
}

impl Run {
    /// When an operation was first done.
    pub(super) fn first(&self, operation: Operation) -> Option<Duration> {
        let mut done = self.operations.iter();
        done.find(|(_, other)| *other == operation)
            .map(|(at, _)| *at)
    }
}

/// Long enough for all that may still go on when the last client is gone.
const AFTERWARDS: Duration = Duration::from_secs(5);

pub(super) fn play(plan: &Plan) -> Run {
    let (mut run, lines) = collect(|| simulate(play_out(plan.clone())));
    run.lines = lines;
    run
}

async fn play_out(plan: Plan) -> Run {
    // Herald draws among targets, and how long it waits, with the thread's generator.
    fastrand::seed(plan.chance);
    let began = Instant::now();
    let providers = Providers::new(began, plan.answers.clone());
    let connected = |generation| {
        let settings = plan.settings(generation);
        Provider::ALL.iter().fold(settings, |settings, provider| {
            let transport = Transport::Memory(providers.server(*provider));
            settings.with_transport(provider.id(), transport)
        })
    };
    let mut herald = MemoryGateway::start(Gateway::new(connected(1))).await;
    if !plan.has_user_timeout {
        herald = herald.with_user_timeout(None);
    }
    let gateway = herald.gateway().clone();
    make_known(&gateway);
    let mut world = World {
        in_use: vec![Arc::downgrade(&gateway.settings())],
        gateway,
        connected: &connected,
        generations: vec![Duration::ZERO],
        done: Vec::new(),
        began,
    };
    let visits = plan
        .clients
        .iter()
        .cloned()
        .map(|client| client.play(&herald, began));
    let visits = futures_util::future::join_all(visits);
    let operating = async {
        world.operate(&plan.operations).await;
    };
    let (mut clients, ()) = tokio::join!(visits, operating);
    sleep(AFTERWARDS + plan.longest_read_on()).await;
    clients.push(probe().play(&herald, began).await);
    sleep(AFTERWARDS).await;
    let metrics = world.gateway.metrics_text(TextFormat::Prometheus);
    let leaks = world.leaks(&herald, &providers).await;
    Run {
        clients,
        calls: providers.calls(),
        lines: Vec::new(),
        oddities: providers.oddities(),
        generations: world.generations,
        operations: world.done,
        metrics,
        leaks,
        began,
        plan: plan.clone(),
    }
}

/// Has all targets known for as little as possible, so that `attempts.hedge_min` alone says when another
/// attempt begins beside one that is slow: a percentile takes more requests than a run has.
fn make_known(gateway: &Gateway) {
    for provider in Provider::SERVING {
        let id = ProviderId::new(provider.id());
        let target = gateway.targets().state(&id, &provider.upstream_model());
        for awaited in [Awaited::Content, Awaited::Head] {
            (0..20).for_each(|_| target.note_time(awaited, Duration::from_millis(1)));
        }
    }
}

/// Whoever asks when all others are gone must be served as if they had never been there.
fn probe() -> ClientPlan {
    ClientPlan {
        number: PROBE,
        arrives: Duration::ZERO,
        room: 65_536,
        asks: vec![Ask {
            dialect: Dialect::Chat,
            provider: Provider::Probe,
            other: None,
            stream: true,
            wants_usage: false,
            wants_metadata: false,
            timeout_ms: None,
            cut: None,
            marker: "probe".to_owned(),
        }],
        reads: Reads::Eagerly,
        leaves: Leaves::Never,
        how: How::Closes,
    }
}

struct World<'a, F> {
    gateway: Gateway,
    connected: &'a F,
    /// The settings that have been in force.
    in_use: Vec<Weak<VerifiedSettings>>,
    generations: Vec<Duration>,
    done: Vec<(Duration, Operation)>,
    began: Instant,
}

impl<F: Fn(u64) -> VerifiedSettings> World<'_, F> {
    async fn operate(&mut self, operations: &[(Duration, Operation)]) {
        for (at, operation) in operations {
            sleep_until(self.began + *at).await;
            match operation {
                Operation::Reload => self.reload(),
                Operation::Cancel => {
                    let mut open = self.gateway.streams().list();
                    // Of two that are as old, the one that is first by name.
                    open.sort_by_key(|stream| (stream.began(), stream.details().key.clone()));
                    let Some(oldest) = open.first() else { continue };
                    // One that is ending already is left alone, and nobody is the wiser.
                    if self.gateway.streams().cancel(&oldest.details().id).is_err() {
                        continue;
                    }
                }
                Operation::Drain => self.gateway.drain().begin(),
                Operation::End => self.gateway.drain().end(),
            }
            self.done.push((self.began.elapsed(), *operation));
        }
    }

    fn reload(&mut self) {
        let next = self.gateway.settings().generation + 1;
        self.gateway.replace_settings((self.connected)(next));
        self.in_use.push(Arc::downgrade(&self.gateway.settings()));
        self.generations.push(self.began.elapsed());
    }

    /// What is left of requests that are all over.
    async fn leaks(&mut self, herald: &MemoryGateway, providers: &Providers) -> Vec<String> {
        // Lets the worker's client go, with the connections that it keeps.
        self.reload();
        self.generations.pop();
        sleep(AFTERWARDS).await;
        let mut leaks = Vec::new();
        let mut count = |what: &str, left: usize| {
            if left > 0 {
                leaks.push(format!("{left} {what} left"));
            }
        };
        count("clients' connections", herald.connections());
        count("providers' connections", providers.open_connections());
        count("open completions", self.gateway.streams().list().len());
        count("running requests", self.gateway.drain().running());
        let level = self.gateway.limits().level();
        count("permits", level.open + level.waiting);
        // Actors, handlers and bodies hold the settings that they began with.
        let kept = self.in_use.iter().rev().skip(1);
        count(
            "holders of settings that are gone",
            kept.map(Weak::strong_count).sum(),
        );
        leaks
    }
}
