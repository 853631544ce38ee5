//! All that a seed decides.

use std::time::Duration;

use herald::settings::{Settings, VerifiedSettings};

use super::{
    answer::AnswerPlan,
    ask::{Other, model},
    client::{ClientPlan, key_of},
    format::Provider,
};
use crate::random::Random;

/// A run, before it is played.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) clients: Vec<ClientPlan>,
    /// What each provider answers, in the order in which it is asked.
    pub(super) answers: Vec<(Provider, Vec<AnswerPlan>)>,
    /// What operators do, in the order of time.
    pub(super) operations: Vec<(Duration, Operation)>,
    /// Decides what Herald itself leaves to chance.
    pub(super) chance: u64,
    /// Whether the listening socket drops readers that take nothing, as it does where Herald has it for
    /// itself.
    pub(super) has_user_timeout: bool,
    /// The settings of odd generations, and of even ones.
    pub(super) tunings: [Tuning; 2],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// The other settings come into force.
    Reload,
    /// The oldest open completion is ended.
    Cancel,
    /// A shutdown begins.
    Drain,
    /// What is left must end.
    End,
}

/// What differs between two generations.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tuning {
    pub(super) hold: Duration,
    pub(super) head: Duration,
    pub(super) first_event: Duration,
    pub(super) idle: Duration,
    pub(super) total: Duration,
    pub(super) client_write: Duration,
    pub(super) heartbeat: Option<Duration>,
    pub(super) drain_after_end: Duration,
    pub(super) queue_events: usize,
    pub(super) queue_bytes: usize,
    pub(super) per_target: u32,
}

/// Bounds that all runs share.
pub(super) const MAX_EVENT: usize = 16 * 1024;
pub(super) const MAX_BODY: usize = 64 * 1024;
pub(super) const ERROR_BODY: Duration = Duration::from_millis(1_500);
pub(super) const HELD_EVENTS: usize = 16;
pub(super) const CONCURRENT: usize = 50;
const MOST_CLIENTS: usize = 4;
/// Whose client asks after all others.
pub(super) const PROBE: usize = MOST_CLIENTS;

impl Plan {
    pub(super) fn draw(seed: u64) -> Self {
        let random = &mut Random::new(seed);
        let clients = match random.below(10) {
            0..6 => 1,
            6..9 => 2,
            _ => MOST_CLIENTS,
        };
        let clients: Vec<_> = (0..clients)
            .map(|number| ClientPlan::draw(random, number))
            .collect();
        let mut number = 0;
        let mut answers = Vec::new();
        for provider in Provider::ALL {
            let mut plans = Vec::new();
            if provider != Provider::Probe {
                for client in &clients {
                    let asks = client.asks.iter();
                    let asks = asks.filter(|ask| ask.targets().any(|target| target == provider));
                    for _ in asks {
                        number += 1;
                        plans.push(AnswerPlan::draw(random, number, client.is_slow()));
                    }
                }
            }
            answers.push((provider, plans));
        }
        Self {
            clients,
            answers,
            operations: draw_operations(random),
            chance: random.next(),
            has_user_timeout: random.percent(50),
            tunings: [Tuning::draw(random), Tuning::draw(random)],
        }
    }

    /// The settings of a generation, without the providers' transport.
    pub(super) fn settings(&self, generation: u64) -> VerifiedSettings {
        thread_local! {
            static BASES: [VerifiedSettings; 2] = [base(1), base(2)];
        }
        let which = which(generation);
        let mut settings = BASES.with(|bases| bases[which].clone());
        let tuning = self.tunings[which];
        settings.clocks.hold = tuning.hold;
        settings.clocks.head = tuning.head;
        settings.clocks.first_event = tuning.first_event;
        settings.clocks.idle = tuning.idle;
        settings.clocks.total = tuning.total;
        settings.clocks.client_write = tuning.client_write;
        settings.heartbeat = tuning.heartbeat;
        settings.attempts.per_target = tuning.per_target;
        settings.upstream.drain_after_end = tuning.drain_after_end;
        settings.stream.queue_events = tuning.queue_events;
        settings.stream.queue_bytes = tuning.queue_bytes;
        settings
    }

    pub(super) fn tuning(&self, generation: u64) -> &Tuning {
        &self.tunings[which(generation)]
    }
}

/// Two sorts of settings take turns.
fn which(generation: u64) -> usize {
    usize::from(generation.is_multiple_of(2))
}

/// Whether the settings of this generation let `x-acme-cost` out.
pub(super) fn allows_acme(generation: u64) -> bool {
    which(generation) == 0
}

fn base(generation: u64) -> VerifiedSettings {
    let mut toml = format!(
        "[limits]\nconcurrent = {CONCURRENT}\n\
         [upstream]\nproxy = \"none\"\nmax_event_bytes = \"{MAX_EVENT}B\"\n\
         max_body_bytes = \"{MAX_BODY}B\"\nerror_body = \"{}ms\"\n[stream]\nheld_events = {HELD_EVENTS}\n",
        ERROR_BODY.as_millis()
    );
    for number in 0..=PROBE {
        use sha2::Digest as _;
        let hash = sha2::Sha256::digest(key_of(number));
        let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        toml.push_str(&format!(
            "[[keys]]\nid = \"key-{number}\"\nsha256 = \"{hash}\"\n"
        ));
    }
    let mut secrets = std::collections::HashMap::new();
    for provider in Provider::ALL {
        let id = provider.id();
        let kind = match provider {
            Provider::Anthropic => "anthropic",
            Provider::Herald => "herald",
            _ => "openai",
        };
        let name = format!("KEY_OF_{id}");
        toml.push_str(&format!(
            "[[providers]]\nid = \"{id}\"\nkind = \"{kind}\"\nbase_url = \"http://in.memory/v1\"\n\
             api_key = {{ env = \"{name}\" }}\n"
        ));
        if provider == Provider::OpenAiResponses {
            toml.push_str("responses = true\n");
        }
        if allows_acme(generation) {
            // Broad, so that nothing but the set of what is never forwarded stands in the way.
            let allow = r#"["x-acme-*", "se*", "st*", "lo*", "ww*", "x-up*", "x-her*"]"#;
            toml.push_str(&format!(
                "metadata.allow = {allow}\nmetadata.request_allow = [\"au*\", \"co*\"]\n"
            ));
        }
        secrets.insert(name, provider.key());
    }
    for provider in Provider::ALL {
        let beside = Provider::SERVING.map(|other| Some(Other::Beside(other)));
        let behind = Provider::SERVING.map(|other| Some(Other::Behind(other)));
        for other in beside.into_iter().chain(behind).chain([None]) {
            if other.is_some_and(|other| other.provider() == provider) {
                continue;
            }
            let target = |provider: Provider, group: u8| {
                let id = provider.id();
                format!("{{ provider = \"{id}\", model = \"upstream-{id}\", group = {group} }}")
            };
            let mut targets = vec![target(provider, 0)];
            targets.extend(other.map(|other| match other {
                Other::Behind(other) => target(other, 1),
                Other::Beside(other) => target(other, 0),
            }));
            toml.push_str(&format!(
                "[[models]]\nid = \"{}\"\ntargets = [{}]\n",
                model(provider, other),
                targets.join(", ")
            ));
        }
    }
    let settings = Settings::from_toml(&toml).unwrap_or_else(|error| panic!("{error}"));
    settings
        .verify(&secrets)
        .unwrap_or_else(|found| panic!("{found}"))
}

impl Tuning {
    fn draw(random: &mut Random) -> Self {
        let mut one_of = |lengths: &[u64]| Duration::from_millis(random.one_of(lengths));
        Self {
            hold: one_of(&[0, 50, 250, 250, 2_000]),
            head: one_of(&[3_000, 5_000]),
            first_event: one_of(&[5_000, 8_000]),
            idle: one_of(&[2_000, 4_000, 6_000]),
            total: one_of(&[9_000, 20_000, 60_000]),
            client_write: one_of(&[3_000, 5_000]),
            heartbeat: Some(one_of(&[0, 700, 15_000])).filter(|length| !length.is_zero()),
            drain_after_end: one_of(&[0, 1_000]),
            queue_events: random.one_of(&[1, 4, 32]),
            queue_bytes: random.one_of(&[1_024, 16_384, 1 << 20]),
            per_target: random.one_of(&[1, 1, 2]),
        }
    }
}

fn draw_operations(random: &mut Random) -> Vec<(Duration, Operation)> {
    let mut operations = Vec::new();
    let at = |random: &mut Random| Duration::from_millis(random.below(12_000) as u64);
    for _ in 0..random.one_of(&[0, 0, 0, 1, 1, 3]) {
        operations.push((at(random), Operation::Reload));
    }
    if random.percent(10) {
        operations.push((at(random), Operation::Cancel));
    }
    if random.percent(15) {
        let begins = at(random);
        operations.push((begins, Operation::Drain));
        let lasts = random.one_of(&[0, 500, 4_000, 25_000]);
        operations.push((begins + Duration::from_millis(lasts), Operation::End));
    }
    operations.sort_by_key(|(at, _)| *at);
    operations
}
