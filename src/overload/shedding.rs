//! What share of new completions a worker refuses. It only computes: every moment is handed in.

use std::time::Duration;

use tokio::time::Instant;

/// For how long each measurement must be late before anybody is refused.
///
/// It is the smallest lag of a window that tells a queue that stands from a hiccup, however long that
/// one is (Nichols and Jacobson, "Controlling Queue Delay", ACM Queue 10(5), 2012).
const WINDOW: Duration = Duration::from_millis(500);

/// By how much the share grows in a second in which the lag is twice what is tolerated.
const INTEGRAL: f64 = 0.1;

/// What a lag of twice what is tolerated adds to the share at once.
const PROPORTIONAL: f64 = 0.25;

/// Most of an excess that counts, in lags that are tolerated: from there on all are refused.
const MOST: f64 = 4.0;

/// A held share that is as good as none.
const NONE: f64 = 0.01;

/// How a worker stands.
///
/// ```text
/// Calm ──late──▶ Late ──late for all of a window──▶ Refusing ──nothing held any more──▶ Calm
///                 └────────────not late──▶ Calm
/// ```
///
/// While it refuses, a proportional-integral controller holds the lag at what is tolerated, as PIE does
/// with the delay of a router's queue (RFC 8033, section 4.2): the integral finds the share that has to go for
/// the rest to fit, the proportional part keeps it from swinging. Refusing all until the queue is empty
/// would let the worker run dry, and a share by the lag alone would let the lag grow with the load.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Shedding {
    #[default]
    Calm,
    Late {
        /// The first measurement of those that were all late.
        since: Instant,
    },
    Refusing {
        /// The integral.
        held: f64,
        /// What is refused, 0 to 1.
        share: f64,
        /// When it was measured last.
        at: Instant,
    },
}

impl Shedding {
    /// How it stands after one more measurement: `lag` late at `now`, where `tolerated` is borne.
    pub(super) fn after(self, now: Instant, lag: Duration, tolerated: Duration) -> Self {
        if tolerated.is_zero() {
            return Self::Calm;
        }
        let is_late = lag >= tolerated;
        let (held, at) = match self {
            Self::Calm if is_late => return Self::Late { since: now },
            Self::Late { since } if is_late && now.duration_since(since) < WINDOW => return self,
            // What it was late until now counts, or the first refusals would empty the queue for nothing.
            Self::Late { since } if is_late => (0.0, since),
            Self::Calm | Self::Late { .. } => return Self::Calm,
            Self::Refusing { held, at, .. } => (held, at),
        };
        let excess = (lag.as_secs_f64() / tolerated.as_secs_f64() - 1.0).min(MOST);
        let (held, share) = if excess < -0.5 {
            // The queue is gone, or nearly: nobody need be refused, and soon nothing is held.
            (held / 2.0, 0.0)
        } else {
            // A thread that stood still has measured nothing meanwhile.
            let seconds = now.duration_since(at).as_secs_f64().min(1.0);
            let held = (held + INTEGRAL * seconds * excess).clamp(0.0, 1.0);
            (held, (held + PROPORTIONAL * excess).clamp(0.0, 1.0))
        };
        if held < NONE && !is_late {
            return Self::Calm;
        }
        Self::Refusing {
            held,
            share,
            at: now,
        }
    }

    /// The share of new completions to refuse, 0 to 1.
    pub(super) fn share(self) -> f64 {
        match self {
            Self::Calm | Self::Late { .. } => 0.0,
            Self::Refusing { share, .. } => share,
        }
    }

    /// Whether it is so late that it refuses, be it that none at this moment.
    pub(super) fn is_refusing(self) -> bool {
        matches!(self, Self::Refusing { .. })
    }

    /// Whether there is nothing to go on measuring for.
    pub(super) fn is_calm(self) -> bool {
        self == Self::Calm
    }
}

#[cfg(test)]
mod tests;
