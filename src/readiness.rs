//! Whether the gateway may be sent requests.

use serde::Serialize;
use utoipa::ToSchema;

use crate::startup::Gateway;

/// Whether it may, and if not, why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Readiness {
    /// It may.
    Ready,
    /// The shutdown has begun.
    Draining,
    /// No model has a provider.
    NoUsableProvider,
}

/// What a probe of readiness reads.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub(crate) struct ReadinessReport {
    status: Readiness,
    /// For people.
    message: &'static str,
}

impl Readiness {
    /// Whether requests may be sent here.
    #[must_use]
    pub fn is_ready(self) -> bool {
        self == Self::Ready
    }

    pub(crate) fn report(self) -> ReadinessReport {
        ReadinessReport {
            status: self,
            message: match self {
                Self::Ready => "requests may be sent here",
                Self::Draining => "the gateway is shutting down",
                Self::NoUsableProvider => "no model of the settings has a provider",
            },
        }
    }
}

impl Gateway {
    /// Whether it may be sent requests now.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        if self.drain().has_begun() {
            return Readiness::Draining;
        }
        match self.settings().models.iter().len() {
            0 => Readiness::NoUsableProvider,
            _ => Readiness::Ready,
        }
    }
}
