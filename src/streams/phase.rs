//! How far an answer has come.

use serde::Serialize;
use utoipa::ToSchema;

/// How far an answer has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Phase {
    /// The provider is connected to and asked; its head is not here.
    AwaitingHead,
    /// The provider's head is here, Herald's is not out yet: events are held until commit, a document
    /// is read whole.
    Held,
    /// Events pass.
    Streaming,
    /// The provider is done, or let go; the client takes what is left.
    Ending,
}

impl Phase {
    /// All of them, in their order.
    pub const ALL: [Self; 4] = [
        Self::AwaitingHead,
        Self::Held,
        Self::Streaming,
        Self::Ending,
    ];

    /// Its name in JSON and in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AwaitingHead => "awaiting_head",
            Self::Held => "held",
            Self::Streaming => "streaming",
            Self::Ending => "ending",
        }
    }

    pub(super) fn from_number(number: u8) -> Self {
        Self::ALL[usize::from(number)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phase_is_found_again_by_its_number_and_has_one_name_everywhere() {
        for phase in Phase::ALL {
            assert_eq!(Phase::from_number(phase as u8), phase);
            assert_eq!(serde_json::to_value(phase).unwrap(), phase.name());
        }
    }
}
