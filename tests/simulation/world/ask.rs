//! One request: what a seed has a client ask for, and the bytes that it comes to.

use std::time::Duration;

use serde_json::json;

use super::format::{Dialect, Provider};
use crate::random::Random;

/// One request.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub(super) dialect: Dialect,
    pub(super) provider: Provider,
    /// Who is asked beside it.
    pub(super) other: Option<Other>,
    pub(super) stream: bool,
    pub(super) wants_usage: bool,
    pub(super) wants_metadata: bool,
    pub(super) timeout_ms: Option<u64>,
    /// Where its bytes are cut, in hundredths, and the pause there.
    pub(super) cut: Option<(usize, Duration)>,
    /// Tells it from all others, and stands in its prompt.
    pub(super) marker: String,
}

/// Another target of the same model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Other {
    /// In the next group.
    Behind(Provider),
    /// In the same one.
    Beside(Provider),
}

impl Other {
    pub(super) fn provider(self) -> Provider {
        let (Self::Behind(provider) | Self::Beside(provider)) = self;
        provider
    }
}

/// The model's name: who serves it.
pub(super) fn model(provider: Provider, other: Option<Other>) -> String {
    let id = provider.id();
    match other {
        None => id.to_owned(),
        Some(Other::Behind(other)) => format!("{id}-then-{}", other.id()),
        Some(Other::Beside(other)) => format!("{id}-or-{}", other.id()),
    }
}

/// What no log, metric or error may hold, nor what the provider is told beside the body.
pub(super) const COOKIE: &str = "cookie-of-a-client";

impl Ask {
    pub(super) fn draw(random: &mut Random, marker: String) -> Self {
        let dialect = match random.below(10) {
            0..3 => Dialect::Chat,
            3 => Dialect::LlmChat,
            4 => Dialect::Completions,
            5 => Dialect::Responses,
            6..8 => Dialect::Messages,
            _ => Dialect::Cody(
                random.one_of(&[None, Some(1), Some(2), Some(8)]),
                random.percent(20),
            ),
        };
        let provider = random.one_of(&[
            Provider::OpenAi,
            Provider::OpenAi,
            Provider::OpenAiResponses,
            Provider::Anthropic,
            Provider::Anthropic,
            Provider::Herald,
        ]);
        let other = random.percent(40).then(|| {
            let other = random.one_of(&Provider::SERVING);
            if random.percent(60) {
                Other::Behind(other)
            } else {
                Other::Beside(other)
            }
        });
        Self {
            dialect,
            provider,
            other: other.filter(|other| other.provider() != provider),
            stream: random.percent(75),
            wants_usage: random.percent(40),
            wants_metadata: random.percent(15),
            timeout_ms: random
                .percent(12)
                .then(|| random.one_of(&[1, 500, 3_000, 60_000_000])),
            cut: random.percent(20).then(|| {
                let pause = Duration::from_millis(random.one_of(&[0, 1, 700, 2_500]));
                (random.below(100), pause)
            }),
            marker,
        }
    }

    /// The prompt: nobody but the provider may ever see it.
    pub(super) fn prompt(&self) -> String {
        format!("prompt:{}; say something", self.marker)
    }

    /// The body, with a member that nobody knows where it passes as it is.
    pub(super) fn body(&self) -> String {
        let prompt = self.prompt();
        let model = model(self.provider, self.other);
        let stream = self.stream;
        let mut body = match self.dialect {
            Dialect::Chat | Dialect::LlmChat => json!({
                "messages": [{ "role": "user", "content": prompt }], "x_unknown": 1.50,
            }),
            Dialect::Completions => json!({ "prompt": prompt, "x_unknown": 1.50 }),
            Dialect::Responses => json!({ "input": prompt, "store": false }),
            Dialect::Messages => json!({
                "max_tokens": 100, "messages": [{ "role": "user", "content": prompt }],
            }),
            Dialect::Cody(..) => json!({
                "maxTokensToSample": 100, "messages": [{ "speaker": "human", "text": prompt }],
            }),
        };
        if self.wants_usage && self.asks_for_usage() {
            body["stream_options"] = json!({ "include_usage": true });
        }
        let body = body.to_string();
        // By hand, so that the place of both is known and nothing is written twice.
        format!(
            "{{ \"model\" : \"{model}\",\"stream\":{stream}, {}",
            &body[1..]
        )
    }

    /// Whether the dialect has a word for it.
    pub(super) fn asks_for_usage(&self) -> bool {
        let has_word = matches!(
            self.dialect,
            Dialect::Chat | Dialect::LlmChat | Dialect::Completions
        );
        has_word && self.stream
    }

    /// The body that a provider of the same format must get.
    pub(super) fn passed_body(&self, to: Provider) -> String {
        let model = model(self.provider, self.other);
        let (from, to) = (
            format!("\"{model}\""),
            format!("\"{}\"", to.upstream_model()),
        );
        self.body().replacen(&from, &to, 1)
    }

    /// Who may be asked for it.
    pub(super) fn targets(&self) -> impl Iterator<Item = Provider> {
        let other = self.other.map(Other::provider);
        std::iter::once(self.provider).chain(other)
    }

    /// All of it, and how many bytes of that are its head.
    pub(super) fn bytes(&self, key: &str) -> (Vec<u8>, usize) {
        let body = self.body();
        let mut head = format!(
            "POST {} HTTP/1.1\r\nhost: herald\r\nauthorization: Bearer {key}\r\ncookie: {COOKIE}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n",
            self.dialect.path(),
            body.len()
        );
        if self.wants_metadata {
            head.push_str("x-herald-metadata: event\r\n");
        }
        if let Some(timeout) = self.timeout_ms {
            head.push_str(&format!("x-timeout-ms: {timeout}\r\n"));
        }
        head.push_str("\r\n");
        let length = head.len();
        ((head + &body).into_bytes(), length)
    }
}
