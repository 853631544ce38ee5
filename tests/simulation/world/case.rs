//! One request with all that belongs to it, put together from what both sides saw.

use std::time::Duration;

use super::{
    ask::Ask,
    client::Reads,
    format::{Format, Provider, format_of},
    heard::{self, Heard},
    outcome::Line,
    play::Run,
    provider::Call,
    tuning::Tuning,
    visit::{ClientSeen, Exchange},
    wire::{Answer, AnswerReader, Event},
};

/// What may pass between two things of one virtual instant: timers count whole milliseconds.
pub(super) const TICK: Duration = Duration::from_millis(5);

/// One request.
pub(super) struct Case<'a> {
    pub(super) run: &'a Run,
    pub(super) client: &'a ClientSeen,
    pub(super) ask: &'a Ask,
    pub(super) exchange: &'a Exchange,
    pub(super) answer: &'a Answer,
    /// What the client heard, and the events of a stream.
    pub(super) heard: Heard,
    pub(super) events: Vec<Event>,
    /// What the provider was asked for it, in order.
    pub(super) calls: Vec<Said<'a>>,
    /// Its line in the log.
    pub(super) outcome: Option<&'a Line>,
}

/// One call, and what its answer says.
pub(super) struct Said<'a> {
    pub(super) call: &'a Call,
    /// When the attempt began of which it is the last call, or one that came too late.
    pub(super) began: Duration,
    pub(super) answer: Answer,
    pub(super) format: Format,
    pub(super) heard: Heard,
    pub(super) events: Vec<Event>,
}

/// All requests of a run; those that never reached Herald as a whole head are none.
pub(super) fn cases(run: &Run) -> Vec<Case<'_>> {
    let said: Vec<_> = run.calls.iter().map(Said::of).collect();
    let mut said: Vec<_> = said.into_iter().map(Some).collect();
    let mut cases = Vec::new();
    for client in &run.clients {
        let key = client.plan.key_id();
        let lines = run.lines.iter().filter(|line| line.is_outcome());
        let mut lines = lines.filter(|line| line.field("key") == Some(&key));
        for (ask, exchange) in client.plan.asks.iter().zip(&client.exchanges) {
            if exchange.head_sent_at.is_none() {
                continue;
            }
            let marker = format!("prompt:{};", ask.marker);
            let is_of_it = |said: &Option<Said<'_>>| {
                let body = said.as_ref().map(|said| &said.call.body[..]);
                body.is_some_and(|body| String::from_utf8_lossy(body).contains(&marker))
            };
            let own = said.iter_mut().filter(|said| is_of_it(said));
            let calls = in_order(own.filter_map(Option::take).collect());
            let answer = exchange.answer();
            let format = ask.dialect.format();
            let (heard, events) = if answer.is_stream() {
                heard::stream(format, answer)
            } else {
                let heard = heard::document(format, &answer.body);
                (heard.unwrap_or_default(), Vec::new())
            };
            cases.push(Case {
                run,
                client,
                ask,
                exchange,
                answer,
                heard,
                events,
                calls,
                outcome: lines.next(),
            });
        }
    }
    cases
}

/// By when an attempt began, whenever its provider read of it. What is sent once more, because the first time
/// it went to a connection about to be closed, is still that attempt: another may stand beside it.
fn in_order(mut calls: Vec<Said<'_>>) -> Vec<Said<'_>> {
    calls.sort_by_key(|said| said.call.at);
    for number in 1..calls.len() {
        let (before, said) = (&calls[..number], &calls[number]);
        let own = |other: &&Said<'_>| other.call.provider == said.call.provider;
        let last = before.iter().rev().find(own);
        let stale = last.filter(|last| last.call.is_stale);
        if let Some(began) = stale.map(|stale| stale.began) {
            calls[number].began = began;
        }
    }
    calls.sort_by_key(|said| said.began);
    calls
}

impl<'a> Said<'a> {
    fn of(call: &'a Call) -> Self {
        let mut reader = AnswerReader::default();
        for (at, bytes) in &call.written {
            reader.push(*at, bytes);
        }
        if let Some(at) = call.closed_at {
            reader.end(at);
        }
        let answer = reader.answer;
        let format = format_of(call.path()).unwrap_or(Format::Chat);
        let (heard, events) = if answer.is_stream() {
            heard::stream(format, &answer)
        } else {
            let heard = heard::document(format, &answer.body);
            (heard.unwrap_or_default(), Vec::new())
        };
        Self {
            call,
            began: call.at,
            answer,
            format,
            heard,
            events,
        }
    }

    /// When it was heard that all was said.
    pub(super) fn ended_at(&self) -> Option<Duration> {
        let at = self.answer.at(self.heard.ended?);
        if self.heard.ended_by_bytes || !self.answer.is_stream() {
            Some(at.max(self.answer.whole_at?))
        } else {
            Some(at)
        }
    }

    pub(super) fn content_at(&self) -> Option<Duration> {
        Some(self.answer.at(*self.heard.content.first()?))
    }

    pub(super) fn error_at(&self) -> Option<Duration> {
        Some(self.answer.at(self.heard.error.as_ref()?.end))
    }

    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.answer.status)
    }

    /// When the call was over for the provider, whoever ended it. A connection whose answer is whole may be
    /// kept for another.
    pub(super) fn over_at(&self) -> Option<Duration> {
        let ended = self.call.left_at.or(self.call.done_at);
        [ended, self.answer.whole_at].into_iter().flatten().min()
    }

    pub(super) fn last_written_at(&self) -> Option<Duration> {
        Some(self.call.written.last()?.0)
    }
}

impl Case<'_> {
    /// Which request it is, for people.
    pub(super) fn name(&self) -> &str {
        &self.ask.marker
    }

    /// The call whose answer the client got: the last, or of two at a time the one that the head names, or
    /// the log. Whether that is the truth is checked by all that is said of it.
    pub(super) fn serving(&self) -> Option<&Said<'_>> {
        let last = self.calls.last()?;
        let Some(beside) = self.beside(self.calls.len() - 1) else {
            return Some(last);
        };
        let told = self.outcome.and_then(|line| line.field("provider"));
        let told = self.answer.header("x-upstream-provider").or(told);
        if told == Some(beside.call.provider.id()) {
            Some(beside)
        } else {
            Some(last)
        }
    }

    /// The call that was still under way when this one came, at another target. Of two that are over and
    /// begun at one instant the log tells whether they were.
    pub(super) fn beside(&self, number: usize) -> Option<&Said<'_>> {
        self.tuning()?.hedge?;
        let at = self.calls[number].call.at;
        let provider = self.calls[number].call.provider;
        let told = self.outcome.and_then(|line| line.field("failed_attempts"));
        let is_told = told.is_some_and(|told| told.contains("gateway_hedged"));
        let mut before = self.calls[..number].iter().rev();
        before.find(|said| {
            // Of one that came too late it was not known before it was closed.
            let is_told = is_told && !said.call.is_stale;
            let is_under_way = |over| over > at || (over == at && is_told);
            said.call.provider != provider && said.over_at().is_none_or(is_under_way)
        })
    }

    /// Who was asked for it at last.
    pub(super) fn provider(&self) -> Provider {
        let served = self.serving().map(|said| said.call.provider);
        served.unwrap_or(self.ask.provider)
    }

    /// When the client left in the midst of it.
    pub(super) fn left_at(&self) -> Option<Duration> {
        let left = self.client.left_at?;
        let is_over = self.answer.whole_at.is_some_and(|whole| whole < left);
        (!is_over).then_some(left)
    }

    /// Whether the client took everything as it came, to the end.
    pub(super) fn is_eager(&self) -> bool {
        self.client.plan.reads == Reads::Eagerly && self.left_at().is_none()
    }

    /// Whether the client spoke its format with the provider, byte for byte.
    pub(super) fn passes(&self) -> bool {
        self.passes_to(self.provider())
    }

    /// Whether it would with this one.
    pub(super) fn passes_to(&self, provider: Provider) -> bool {
        provider.asked_in(self.ask.dialect) == Some(self.ask.dialect.format())
    }

    pub(super) fn generation(&self) -> Option<u64> {
        self.outcome?.field("settings_generation")?.parse().ok()
    }

    pub(super) fn tuning(&self) -> Option<&Tuning> {
        Some(self.run.plan.tuning(self.generation()?))
    }

    pub(super) fn outcome_at(&self) -> Option<Duration> {
        Some(self.outcome?.at(self.run.began))
    }

    pub(super) fn outcome_is(&self, outcome: &str) -> bool {
        let line = self.outcome.and_then(|line| line.field("outcome"));
        line == Some(outcome)
    }

    pub(super) fn code(&self) -> Option<&str> {
        self.outcome?.field("error_code")
    }

    /// From the request to the last event at the most.
    pub(super) fn total(&self) -> Option<Duration> {
        let total = self.tuning()?.total;
        let asked = self.ask.timeout_ms.map(Duration::from_millis);
        Some(asked.map_or(total, |asked| asked.min(total)))
    }
}
