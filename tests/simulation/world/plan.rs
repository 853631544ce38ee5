//! All that a seed decides.

use std::time::Duration;

use herald::settings::{Settings, VerifiedSettings};

use super::{
    answer::AnswerPlan,
    ask::{Other, model},
    client::{ClientPlan, key_of},
    format::Provider,
    tuning::Tuning,
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
        let mut plan = Self {
            answers: draw_answers(random, &clients),
            clients,
            operations: draw_operations(random),
            chance: random.next(),
            has_user_timeout: random.percent(50),
            tunings: [Tuning::draw(random), Tuning::draw(random)],
        };
        for tuning in &mut plan.tunings {
            tuning.draw_optional(random);
        }
        if plan.tunings[0].ejection.is_some() {
            plan.crowd(random);
        }
        plan
    }

    /// Has many ask for the same, since only then it is seen who is left out.
    fn crowd(&mut self, random: &mut Random) {
        for number in self.clients.len()..MOST_CLIENTS {
            self.clients.push(ClientPlan::draw(random, number));
        }
        let provider = self.clients[0].asks[0].provider;
        let mut others = Provider::SERVING.to_vec();
        others.retain(|other| *other != provider);
        let other = random.one_of(&others);
        let other = random.one_of(&[Other::Behind(other), Other::Beside(other)]);
        for ask in self.clients.iter_mut().flat_map(|client| &mut client.asks) {
            (ask.provider, ask.other) = (provider, Some(other));
        }
        self.answers = draw_answers(random, &self.clients);
    }

    /// The settings of a generation, without the providers' transport.
    pub(super) fn settings(&self, generation: u64) -> VerifiedSettings {
        thread_local! {
            static BASES: [VerifiedSettings; 2] = [base(1), base(2)];
        }
        let which = which(generation);
        let mut settings = BASES.with(|bases| bases[which].clone());
        self.tunings[which].apply(&mut settings);
        settings
    }

    /// For how long a stream whose client left may be read on at the most.
    pub(super) fn longest_read_on(&self) -> Duration {
        let tunings = self.tunings.iter();
        let times = tunings.filter_map(|tuning| Some(tuning.read_on?.time));
        times.max().unwrap_or_default()
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
         max_body_bytes = \"{MAX_BODY}B\"\nerror_body = \"{}ms\"\n[stream]\nheld_events = {HELD_EVENTS}\n\
         [attempts]\nhedge = \"p50\"\n",
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
                let model = provider.upstream_model();
                format!("{{ provider = \"{id}\", model = \"{model}\", group = {group} }}")
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

/// An answer of each target for each request that may come to it.
fn draw_answers(random: &mut Random, clients: &[ClientPlan]) -> Vec<(Provider, Vec<AnswerPlan>)> {
    let mut number = 0;
    let mut answers = Vec::new();
    for provider in Provider::ALL {
        let mut plans = Vec::new();
        if provider != Provider::Probe {
            for client in clients {
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
    answers
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
