//! A client at the near end of a pipe: what a seed has it do, and what it saw.

use std::time::Duration;

use herald::testkit::{MemoryClient, MemoryGateway};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, sleep, sleep_until},
};

use super::{
    format::{Dialect, Provider},
    wire::{Answer, AnswerReader},
};
use crate::random::Random;

/// What a client does with its one connection.
#[derive(Clone, Debug)]
pub(super) struct ClientPlan {
    /// Which one it is; its key is named so.
    pub(super) number: usize,
    pub(super) arrives: Duration,
    /// Room in its pipe, in bytes.
    pub(super) room: usize,
    /// Requests, one after the other.
    pub(super) asks: Vec<Ask>,
    pub(super) reads: Reads,
    pub(super) leaves: Leaves,
    pub(super) how: How,
}

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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reads {
    Eagerly,
    /// So many bytes, then a pause.
    Slowly(usize, Duration),
    /// Takes so many bytes, then nothing for so long, then the rest.
    Stalls(usize, Duration),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaves {
    Never,
    /// So long after it came.
    After(Duration),
    /// With so many bytes of answers taken.
    With(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    Closes,
    Resets,
    /// Closes the half that sends, and reads on.
    HalfCloses,
}

/// What a client saw.
#[derive(Debug)]
pub(super) struct ClientSeen {
    pub(super) plan: ClientPlan,
    pub(super) exchanges: Vec<Exchange>,
    /// When it left of itself.
    pub(super) left_at: Option<Duration>,
    /// When Herald ended the connection.
    pub(super) ended_at: Option<Duration>,
    /// When it took nothing.
    pub(super) stalled: Option<(Duration, Duration)>,
    /// Every read.
    pub(super) reads: Vec<(Duration, usize)>,
    /// Whether it waited for longer than anything may take.
    pub(super) hangs: bool,
    /// Bytes behind an answer that nobody asked for.
    pub(super) unasked: usize,
}

/// One request and its answer, as far as they came.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) began_at: Duration,
    /// When its head was out, and all of it.
    pub(super) head_sent_at: Option<Duration>,
    pub(super) sent_at: Option<Duration>,
    pub(super) reader: AnswerReader,
}

impl Exchange {
    pub(super) fn answer(&self) -> &Answer {
        &self.reader.answer
    }
}

/// Longer than anything may take.
const PATIENCE: Duration = Duration::from_secs(300);

impl ClientPlan {
    pub(super) fn key_id(&self) -> String {
        format!("key-{}", self.number)
    }

    /// Whether it keeps the gateway waiting.
    pub(super) fn is_slow(&self) -> bool {
        self.reads != Reads::Eagerly
    }

    /// Nobody but the client itself may ever see it.
    pub(super) fn key(&self) -> String {
        key_of(self.number)
    }
}

pub(super) fn key_of(number: usize) -> String {
    format!("hk-of-client-{number}-0123456789")
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
        let (from, to) = (format!("\"{model}\""), format!("\"upstream-{}\"", to.id()));
        self.body().replacen(&from, &to, 1)
    }

    /// Who may be asked for it.
    pub(super) fn targets(&self) -> impl Iterator<Item = Provider> {
        let other = self.other.map(Other::provider);
        std::iter::once(self.provider).chain(other)
    }

    fn bytes(&self, key: &str) -> (Vec<u8>, usize) {
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

impl ClientPlan {
    pub(super) fn draw(random: &mut Random, number: usize) -> Self {
        let asks = if random.percent(25) { 2 } else { 1 };
        let asks = (0..asks).map(|ask| Ask::draw(random, format!("ask-{number}-{ask}")));
        let asks: Vec<_> = asks.collect();
        let millis = |random: &mut Random, most| Duration::from_millis(random.below(most) as u64);
        let reads = match random.below(10) {
            0..7 => Reads::Eagerly,
            7 | 8 => {
                let (most, millis) = random.one_of(&[(50, 1), (300, 10), (5_000, 200)]);
                Reads::Slowly(most, Duration::from_millis(millis))
            }
            _ => Reads::Stalls(
                random.one_of(&[0, 100, 1_000, 20_000]),
                Duration::from_millis(random.one_of(&[2_000, 60_000])),
            ),
        };
        let leaves = match random.below(10) {
            0..6 => Leaves::Never,
            6 | 7 => Leaves::After(millis(random, 2_000)),
            8 => Leaves::After(millis(random, 30_000)),
            _ => Leaves::With(random.below(2_000)),
        };
        Self {
            number,
            arrives: millis(random, 6_000),
            // Who does not read while it asks must find room for an early answer, as sockets have it.
            room: if asks.iter().any(|ask| ask.cut.is_some()) {
                4_096
            } else {
                random.one_of(&[64, 4_096, 4_096, 65_536])
            },
            asks,
            reads,
            leaves,
            how: random.one_of(&[How::Closes, How::Closes, How::Resets, How::HalfCloses]),
        }
    }

    /// Does all that.
    pub(super) async fn play(self, herald: &MemoryGateway, began: Instant) -> ClientSeen {
        sleep_until(began + self.arrives).await;
        let mut visit = Visit {
            began,
            pipe: Some(herald.connect(self.room)),
            seen: ClientSeen {
                plan: self.clone(),
                exchanges: Vec::new(),
                left_at: None,
                ended_at: None,
                stalled: None,
                reads: Vec::new(),
                hangs: false,
                unasked: 0,
            },
            taken: 0,
        };
        let leaves_at = match self.leaves {
            Leaves::After(length) => began + self.arrives + length,
            _ => began + PATIENCE,
        };
        let is_gone = tokio::select! {
            biased;
            () = visit.ask_all() => false,
            () = sleep_until(leaves_at) => true,
        };
        if is_gone && matches!(self.leaves, Leaves::After(_)) {
            visit.leave().await;
        } else if is_gone {
            visit.seen.hangs = true;
        }
        // What is still under way is dropped with the pipe; a client that is done leaves no other way.
        visit.seen
    }
}

struct Visit {
    began: Instant,
    pipe: Option<MemoryClient>,
    seen: ClientSeen,
    taken: usize,
}

impl Visit {
    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    async fn ask_all(&mut self) {
        for ask in self.seen.plan.asks.clone() {
            if !self.ask(&ask).await {
                return;
            }
        }
    }

    /// Whether there can be another.
    async fn ask(&mut self, ask: &Ask) -> bool {
        let (bytes, head) = ask.bytes(&self.seen.plan.key());
        self.seen.exchanges.push(Exchange {
            began_at: self.now(),
            head_sent_at: None,
            sent_at: None,
            reader: AnswerReader::default(),
        });
        let (cut, pause) = ask.cut.unwrap_or((0, Duration::ZERO));
        let cut = bytes.len() * cut / 100;
        for (from, to) in [(0, cut), (cut, bytes.len())] {
            let Some(pipe) = &mut self.pipe else {
                return false;
            };
            if pipe.write_all(&bytes[from..to]).await.is_err() {
                break;
            }
            let now = self.now();
            let exchange = self.seen.exchanges.last_mut().unwrap();
            if to >= head {
                exchange.head_sent_at.get_or_insert(now);
            }
            if to == bytes.len() {
                exchange.sent_at = Some(now);
            } else {
                sleep(pause).await;
            }
        }
        self.read().await
    }

    /// Reads one answer; whether the connection goes on behind it.
    async fn read(&mut self) -> bool {
        let is_whole = self.read_answer().await;
        let answer = self.seen.exchanges.last().unwrap().answer();
        let goes_on = is_whole && answer.header("connection") != Some("close");
        goes_on && self.seen.left_at.is_none() && self.seen.ended_at.is_none()
    }

    async fn read_answer(&mut self) -> bool {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let most = match self.seen.plan.reads {
                Reads::Slowly(most, each) => {
                    sleep(each).await;
                    most
                }
                Reads::Stalls(after, length)
                    if self.taken >= after && self.seen.stalled.is_none() =>
                {
                    let from = self.now();
                    self.seen.stalled = Some((from, from + length));
                    sleep(length).await;
                    buffer.len()
                }
                _ => buffer.len(),
            };
            let Some(pipe) = &mut self.pipe else {
                return false;
            };
            let read = pipe.read(&mut buffer[..most]).await;
            let now = self.now();
            let reader = &mut self.seen.exchanges.last_mut().unwrap().reader;
            let Ok(read @ 1..) = read else {
                reader.end(now);
                self.seen.ended_at = Some(now);
                return reader.is_over();
            };
            self.seen.unasked += reader.push(now, &buffer[..read]);
            let is_over = reader.is_over();
            self.seen.reads.push((now, read));
            self.taken += read;
            if matches!(self.seen.plan.leaves, Leaves::With(bytes) if self.taken >= bytes) {
                self.leave().await;
                return false;
            }
            if is_over {
                return true;
            }
        }
    }

    async fn leave(&mut self) {
        self.seen.left_at = Some(self.now());
        let Some(mut pipe) = self.pipe.take() else {
            return;
        };
        match self.seen.plan.how {
            How::Closes => drop(pipe),
            How::Resets => pipe.reset(),
            How::HalfCloses => {
                let _ = pipe.shutdown().await;
                let mut rest = Vec::new();
                let reading = pipe.read_to_end(&mut rest);
                if tokio::time::timeout(PATIENCE, reading).await.is_err() {
                    self.seen.hangs = true;
                }
                self.seen.ended_at = Some(self.now());
            }
        }
    }
}

/// A value that a body holds, wherever the provider has it.
pub(super) fn value(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or_default()
}
