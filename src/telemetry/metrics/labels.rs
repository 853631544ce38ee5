//! The labels, each from a closed set.

use std::{fmt::Write as _, sync::Arc};

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};

use crate::{
    error::Origin,
    streams::Phase,
    telemetry::{finished_request::FinishedRequest, request_record::Outcome},
    upstream::hold::HoldEnd,
};

/// What stands for a provider and a model where none was asked: the request was refused before, or
/// was for something else.
const UNKNOWN: &str = "unknown";

/// Who was asked for what: ids of the settings, never a word of a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Target {
    pub(super) provider: Arc<str>,
    pub(super) model: Arc<str>,
}

impl Target {
    pub(super) fn of(request: &FinishedRequest<'_>) -> Self {
        match request.served {
            Some(served) => Self {
                provider: Arc::clone(&served.provider),
                model: Arc::clone(&served.model),
            },
            None => Self {
                provider: UNKNOWN.into(),
                model: UNKNOWN.into(),
            },
        }
    }

    /// The same, with one label set more.
    pub(super) fn with<Labels>(&self, more: Labels) -> (Self, Labels) {
        (self.clone(), more)
    }
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Ended {
    outcome: &'static str,
}

impl Ended {
    pub(super) fn new(outcome: Outcome) -> Self {
        let outcome = outcome.name();
        Self { outcome }
    }
}

/// Why a request failed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Failure {
    code: &'static str,
    origin: &'static str,
}

impl Failure {
    pub(super) fn new(code: &'static str, origin: Origin) -> Self {
        let origin = origin.name();
        Self { code, origin }
    }
}

/// Herald's status, and the provider's own.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct StatusPair {
    pub(super) provider: Arc<str>,
    pub(super) status: Status,
    pub(super) upstream_status: Status,
}

/// A status: one of HTTP's, another number, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Status {
    Code(u16),
    Other,
    None,
}

impl Status {
    pub(super) fn of(code: u16) -> Self {
        match code {
            100..=599 => Self::Code(code),
            _ => Self::Other,
        }
    }

    pub(super) fn received(code: Option<u16>) -> Self {
        code.map_or(Self::None, Self::of)
    }
}

impl EncodeLabelValue for Status {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        match self {
            Self::Code(code) => write!(encoder, "{code}"),
            Self::Other => encoder.write_str("other"),
            Self::None => encoder.write_str("none"),
        }
    }
}

/// A clock that ran out, by the last word of its setting.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Clock {
    clock: &'static str,
}

impl Clock {
    /// The clock that ended a request, if one did: its error code says which.
    pub(super) fn that_ended(outcome: Outcome) -> Option<Self> {
        let clock = match outcome {
            Outcome::Stalled => "client_write",
            Outcome::Failed { code, .. } => match code {
                "upstream_connect" => "connect",
                "upstream_head" => "head",
                "upstream_first_event" => "first_event",
                "upstream_idle" => "idle",
                "upstream_total" => "total",
                "request_timeout" => "request_body",
                _ => return None,
            },
            _ => return None,
        };
        Some(Self { clock })
    }
}

/// How the hold of a head ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct HoldEnded {
    ended: &'static str,
}

impl HoldEnded {
    pub(super) fn new(ended: HoldEnd) -> Self {
        let ended = ended.name();
        Self { ended }
    }
}

/// How far an answer had come.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct PhaseLabel {
    phase: &'static str,
}

impl PhaseLabel {
    pub(super) fn new(phase: Phase) -> Self {
        let phase = phase.name();
        Self { phase }
    }

    /// Before its model is known a request has no phase: it is still being read.
    pub(super) fn of_request(phase: Option<Phase>) -> Self {
        let phase = phase.map_or("reading_request", Phase::name);
        Self { phase }
    }
}

/// What was done to an event.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Change {
    change: &'static str,
}

impl Change {
    pub(super) const EMPTY_DROPPED: Self = Self {
        change: "empty_dropped",
    };
    pub(super) const UTF8_REPLACED: Self = Self {
        change: "utf8_replaced",
    };
}

/// Which tokens.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct TokenKind {
    kind: &'static str,
}

impl TokenKind {
    pub(super) const PROMPT: Self = Self { kind: "prompt" };
    pub(super) const COMPLETION: Self = Self { kind: "completion" };
}

/// Why a header value was kept back.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Withheld {
    pub(super) provider: Arc<str>,
    pub(super) reason: &'static str,
}

/// Why the admin listener refused a request, by the code of its answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Reason {
    pub(super) reason: &'static str,
}

/// Which Herald this is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Version {
    version: &'static str,
}

impl Version {
    pub(super) fn ours() -> Self {
        let version = env!("CARGO_PKG_VERSION");
        Self { version }
    }
}

/// What came of a reload of the settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReloadResult {
    /// They were taken whole.
    Taken,
    /// They were taken but for what needs a restart.
    TakenInPart,
    /// They are those that are in force.
    Unchanged,
    /// They were refused; the last good ones serve on.
    Refused,
}

/// A reload, by its result.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Reloaded {
    result: &'static str,
}

impl Reloaded {
    pub(super) fn new(result: ReloadResult) -> Self {
        let result = match result {
            ReloadResult::Taken => "taken",
            ReloadResult::TakenInPart => "taken_in_part",
            ReloadResult::Unchanged => "unchanged",
            ReloadResult::Refused => "refused",
        };
        Self { result }
    }
}

/// Whose limit refused a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitScope {
    /// That of a client's key.
    Key,
    /// That of a model.
    Model,
    /// That of a provider.
    Provider,
    /// That of all requests together.
    Global,
}

/// What a limit bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitKind {
    /// Requests in a period.
    Requests,
    /// Tokens in a period.
    Tokens,
    /// Streams that are open at once.
    Concurrent,
    /// Streams that wait for a connection to a provider.
    Waiting,
    /// How late a worker is.
    Lag,
}

/// A limit that refused a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Limited {
    scope: &'static str,
    limit: &'static str,
}

impl Limited {
    pub(super) fn new(scope: LimitScope, kind: LimitKind) -> Self {
        Self {
            scope: match scope {
                LimitScope::Key => "key",
                LimitScope::Model => "model",
                LimitScope::Provider => "provider",
                LimitScope::Global => "global",
            },
            limit: match kind {
                LimitKind::Requests => "requests",
                LimitKind::Tokens => "tokens",
                LimitKind::Concurrent => "concurrent",
                LimitKind::Waiting => "waiting",
                LimitKind::Lag => "lag",
            },
        }
    }
}
