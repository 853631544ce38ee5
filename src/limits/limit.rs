//! One limit, and what it measures.

use std::{fmt, sync::Arc, time::Duration};

use humantime::format_duration;

use super::window::Cut;

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Measure {
    /// Requests in any window of some length.
    Requests,
    /// Tokens, of prompts and answers, in any window of some length.
    Tokens,
    /// Requests of one day in UTC.
    RequestsPerDay,
    /// Tokens of one day in UTC.
    TokensPerDay,
    /// Completions that run at once.
    Concurrent,
}

impl Measure {
    /// Each of them, in the order in which they are counted.
    pub const ALL: [Self; 5] = [
        Self::Requests,
        Self::Tokens,
        Self::RequestsPerDay,
        Self::TokensPerDay,
        Self::Concurrent,
    ];

    /// As metrics, headers and settings call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Tokens => "tokens",
            Self::RequestsPerDay => "requests_per_day",
            Self::TokensPerDay => "tokens_per_day",
            Self::Concurrent => "concurrent",
        }
    }

    /// Whether it counts tokens, so that the end of a completion corrects it.
    #[must_use]
    pub fn counts_tokens(self) -> bool {
        matches!(self, Self::Tokens | Self::TokensPerDay)
    }

    /// Whether it is a day's quota.
    #[must_use]
    pub fn is_daily(self) -> bool {
        matches!(self, Self::RequestsPerDay | Self::TokensPerDay)
    }
}

/// Whom a limit is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All requests. Settings `[limits]`.
    All,
    /// Requests for one model, by its id. Settings `models.limits`.
    Model(String),
    /// Requests with one key, by its id. Settings `keys.limits`.
    Key(String),
}

impl Scope {
    /// As headers call it; the id is left out.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Model(_) => "model",
            Self::Key(_) => "key",
        }
    }

    /// Where its settings stand.
    fn settings(&self) -> &'static str {
        match self {
            Self::All => "limits",
            Self::Model(_) => "models.limits",
            Self::Key(_) => "keys.limits",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("this gateway"),
            Self::Model(id) => write!(f, "the model `{id}`"),
            Self::Key(id) => write!(f, "the key `{id}`"),
        }
    }
}

/// One limit of the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Under which name its counts are kept. It holds whom it is for, what it measures and the length
    /// of its window, so that the counts outlast a reload unless one of these changes.
    pub id: Arc<str>,
    /// Whom it is for.
    pub scope: Scope,
    /// What it measures.
    pub measure: Measure,
    /// How much of it there may be, at least 1.
    pub most: u64,
    /// The length of its window; zero for what runs at once.
    pub per: Duration,
}

impl Limit {
    /// A limit of `most` in any window of `per`; `per` is not looked at for days and for what runs at
    /// once.
    #[must_use]
    pub fn new(scope: Scope, measure: Measure, most: u64, per: Duration) -> Self {
        let per = match measure {
            Measure::Requests | Measure::Tokens => per,
            Measure::RequestsPerDay | Measure::TokensPerDay => DAY,
            Measure::Concurrent => Duration::ZERO,
        };
        let name = measure.name();
        let millis = per.as_millis();
        let id = match &scope {
            Scope::All => format!("all:{name}:{millis}"),
            Scope::Model(id) => format!("model:{id}:{name}:{millis}"),
            Scope::Key(id) => format!("key:{id}:{name}:{millis}"),
        };
        Self {
            id: id.into(),
            scope,
            measure,
            most,
            per,
        }
    }

    /// How its window is cut; `None` for what runs at once.
    #[must_use]
    pub fn cut(&self) -> Option<Cut> {
        match self.measure {
            Measure::Requests | Measure::Tokens => Some(Cut::rolling(self.per)),
            Measure::RequestsPerDay | Measure::TokensPerDay => Some(Cut::day()),
            Measure::Concurrent => None,
        }
    }

    /// How much it allows, whomever it is for: `600 requests in 1m`.
    #[must_use]
    pub fn allowance(&self) -> String {
        let (most, per) = (self.most, format_duration(self.per));
        let plural = if most == 1 { "" } else { "s" };
        match self.measure {
            Measure::Requests => format!("{most} request{plural} in {per}"),
            Measure::Tokens => format!("{most} token{plural} in {per}"),
            Measure::RequestsPerDay => format!("{most} request{plural} a day (UTC)"),
            Measure::TokensPerDay => format!("{most} token{plural} a day (UTC)"),
            Measure::Concurrent => format!("{most} completion{plural} at once"),
        }
    }

    /// What a request with this estimate asks of it: of a limit that the estimate exceeds, all.
    #[must_use]
    pub fn cost(&self, estimated_tokens: u64) -> u64 {
        if self.measure.counts_tokens() {
            estimated_tokens.min(self.most)
        } else {
            1
        }
    }
}

/// Says it as an error does: `the key \`team-a\` may send 600 requests in 1m (keys.limits.requests)`.
impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scope = &self.scope;
        let verb = match scope {
            Scope::All => "takes",
            Scope::Model(_) => "is given",
            Scope::Key(_) => "may use",
        };
        let (much, measure) = (self.allowance(), self.measure.name());
        write!(f, "{scope} {verb} {much} ({}.{measure})", scope.settings())
    }
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
