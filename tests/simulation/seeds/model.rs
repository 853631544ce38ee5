//! What a client that reads at once must get, to the instant: the rules of `docs/architecture.md`
//! once more, over a plan that lies open.

use std::time::Duration;

use herald::testkit::Framing;

use super::{
    plan::{Ending, FIRST_EVENT, HEAD, IDLE, Plan},
    said::{Kind, Said},
};

/// What the client gets.
#[derive(Debug)]
pub(super) struct Expected {
    /// When the head is there.
    pub(super) head_at: Duration,
    /// The status and error code of an answer that is no stream.
    pub(super) refusal: Option<(u16, &'static str)>,
    /// The items and the end of a stream.
    pub(super) items: Vec<(Duration, Item)>,
    /// When the answer is over.
    pub(super) ended_at: Duration,
    /// Whether the provider ended well.
    pub(super) is_complete: bool,
}

impl Expected {
    /// The provider's events of a stream.
    pub(super) fn events(&self) -> Vec<&Item> {
        let items = self.items.iter().map(|(_, item)| item);
        items
            .filter(|item| matches!(item, Item::Event(_)))
            .collect()
    }

    /// The error event that ends a stream.
    pub(super) fn error(&self) -> Option<&Item> {
        let mut items = self.items.iter().map(|(_, item)| item);
        items.find(|item| matches!(item, Item::Error(_)))
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item {
    Event(String),
    /// An error event of Herald's own.
    Error(String),
    Heartbeat,
    End,
}

struct Failure {
    at: Duration,
    status: u16,
    code: &'static str,
}

enum Due {
    Commit,
    Expired(&'static str),
}

struct Model<'a> {
    plan: &'a Plan,
    /// Whether the clocks that wait for the provider stand still.
    is_patient: bool,
    head_at: Duration,
    heard_at: Duration,
    committed_at: Option<Duration>,
    has_content: bool,
    has_finished: bool,
    held: Vec<&'a Said>,
    items: Vec<(Duration, Item)>,
}

/// What comes of the plan.
pub(super) fn expect(plan: &Plan) -> Expected {
    play(plan, false)
}

/// What comes of it where no clock runs out, because a reader's slowness moves them on.
pub(super) fn expect_patiently(plan: &Plan) -> Expected {
    play(plan, true)
}

fn play(plan: &Plan, is_patient: bool) -> Expected {
    let mut model = Model {
        plan,
        is_patient,
        head_at: Duration::ZERO,
        heard_at: Duration::ZERO,
        committed_at: None,
        has_content: false,
        has_finished: false,
        held: Vec::new(),
        items: Vec::new(),
    };
    let (ended_at, failure) = match model.play() {
        Ok(at) => (at, None),
        Err(failure) => (failure.at, Some(failure)),
    };
    let is_complete = failure.is_none() && !model.told_error(plan);
    let refusal = match (&failure, model.committed_at) {
        (Some(failure), None) => Some((failure.status, failure.code)),
        (Some(failure), Some(_)) => {
            let error = Item::Error(failure.code.to_owned());
            model.items.push((failure.at, error));
            None
        }
        (None, _) => None,
    };
    if refusal.is_none() {
        model.items.push((ended_at, Item::End));
    }
    let head_at = model.committed_at.unwrap_or(ended_at);
    Expected {
        head_at,
        refusal,
        items: with_heartbeats(model.items, head_at, plan.heartbeat),
        ended_at,
        is_complete,
    }
}

impl<'a> Model<'a> {
    /// To the provider's own end, or what happens before.
    fn play(&mut self) -> Result<Duration, Failure> {
        let plan = self.plan;
        self.open()?;
        let mut now = self.head_at;
        for (index, chunk) in plan.chunks.iter().enumerate() {
            now += chunk.after;
            self.run_clocks(now)?;
            self.heard_at = now;
            for said in &plan.said[chunk.completes.clone()] {
                if self.hear(said, now)? {
                    return Ok(now);
                }
            }
            if plan.framing == Framing::ContentLength && index + 1 == plan.chunks.len() {
                return self.end_of_bytes(now);
            }
        }
        if plan.ending == Ending::Stall {
            self.run_clocks(Duration::MAX)?;
        }
        now += plan.ending_after;
        self.run_clocks(now)?;
        self.end_of_bytes(now)
    }

    fn open(&mut self) -> Result<(), Failure> {
        let (comes_at, comes) = match self.plan.head {
            Some(at) => (at, true),
            None if self.plan.ending == Ending::Stall => (Duration::MAX, false),
            None => (self.plan.ending_after, false),
        };
        let failure = |at, status, code| Err(Failure { at, status, code });
        if comes_at > HEAD.min(self.plan.total) {
            return match self.plan.total < HEAD {
                true => failure(self.plan.total, 504, "upstream_total"),
                false => failure(HEAD, 504, "upstream_head"),
            };
        }
        if !comes {
            return failure(comes_at, 502, "upstream_reset");
        }
        (self.head_at, self.heard_at) = (comes_at, comes_at);
        Ok(())
    }

    /// Sees to all that is due by `now`.
    fn run_clocks(&mut self, now: Duration) -> Result<(), Failure> {
        loop {
            let mut dues = Vec::new();
            if !self.is_patient || now == Duration::MAX {
                dues.push((self.plan.total, Due::Expired("upstream_total")));
                dues.push((self.heard_at + IDLE, Due::Expired("upstream_idle")));
                if !self.has_content {
                    let at = self.head_at + FIRST_EVENT;
                    dues.push((at, Due::Expired("upstream_first_event")));
                }
            }
            if self.committed_at.is_none() {
                dues.push((self.head_at + self.plan.hold, Due::Commit));
            }
            match dues.into_iter().min_by_key(|(at, _)| *at) {
                Some((at, Due::Commit)) if at <= now => self.commit(at),
                Some((at, Due::Expired(code))) if at <= now => {
                    return Err(Failure {
                        at,
                        status: 504,
                        code,
                    });
                }
                _ => return Ok(()),
            }
        }
    }

    /// Takes an event in; true if it is the last.
    fn hear(&mut self, said: &'a Said, now: Duration) -> Result<bool, Failure> {
        let failure = |status, code| {
            Err(Failure {
                at: now,
                status,
                code,
            })
        };
        match said.kind {
            Kind::Nothing => return Ok(false),
            Kind::Garbage => return failure(502, "upstream_bad_event"),
            Kind::Error(status) if self.committed_at.is_none() => {
                return failure(status, "upstream_error_event");
            }
            Kind::Done | Kind::Error(_) => {
                self.commit(now);
                self.pass(said, now);
                return Ok(true);
            }
            Kind::Content | Kind::Finish => {
                self.has_content = true;
                self.has_finished |= said.kind == Kind::Finish;
                self.commit(now);
                self.pass(said, now);
            }
            Kind::Preamble if self.committed_at.is_some() => self.pass(said, now),
            Kind::Preamble => {
                self.held.push(said);
                let bytes: usize = self.held.iter().map(|said| said.data.len()).sum();
                if self.held.len() >= self.plan.held_events || bytes >= self.plan.held_bytes {
                    self.commit(now);
                }
            }
        }
        Ok(false)
    }

    fn commit(&mut self, now: Duration) {
        if self.committed_at.is_none() {
            self.committed_at = Some(now);
            for said in std::mem::take(&mut self.held) {
                self.pass(said, now);
            }
        }
    }

    fn pass(&mut self, said: &Said, now: Duration) {
        self.items.push((now, Item::Event(said.item.clone())));
    }

    fn end_of_bytes(&mut self, now: Duration) -> Result<Duration, Failure> {
        if self.plan.ends_whole() && self.has_finished {
            self.commit(now);
            return Ok(now);
        }
        let code = if self.has_content {
            "upstream_truncated"
        } else {
            "upstream_empty"
        };
        Err(Failure {
            at: now,
            status: 502,
            code,
        })
    }

    /// Whether the last that passed is the provider's own error.
    fn told_error(&self, plan: &Plan) -> bool {
        let Some((_, Item::Event(last))) = self.items.last() else {
            return false;
        };
        let is_error = |said: &&Said| matches!(said.kind, Kind::Error(_));
        plan.said
            .iter()
            .filter(is_error)
            .any(|said| said.item == *last)
    }
}

/// Fills each silence of a committed stream.
fn with_heartbeats(
    items: Vec<(Duration, Item)>,
    head_at: Duration,
    every: Option<Duration>,
) -> Vec<(Duration, Item)> {
    let Some(every) = every else { return items };
    let mut filled = Vec::new();
    let mut last = head_at;
    for (at, item) in items {
        while last + every < at {
            last += every;
            filled.push((last, Item::Heartbeat));
        }
        filled.push((at, item));
        last = at;
    }
    filled
}
