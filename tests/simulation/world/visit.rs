//! A client at the near end of a pipe: does what its plan says, and keeps account of what it sees.

use std::time::Duration;

use herald::testkit::{MemoryClient, MemoryGateway};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, sleep, sleep_until},
};

use super::{
    ask::Ask,
    client::{ClientPlan, How, Leaves, Reads},
    wire::{Answer, AnswerReader},
};

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
