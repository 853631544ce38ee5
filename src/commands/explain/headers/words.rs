//! What becomes of a header, in words.

use actix_web::http::{
    StatusCode,
    header::{HeaderName, RETRY_AFTER},
};
use herald::{
    error::respond::X_SHOULD_RETRY,
    metadata::header_policy::{Dropped, Fate},
    settings::VerifiedProvider,
};

use super::super::known::Known;

/// Puts the fates of one provider's headers into words.
pub(super) struct Teller<'a> {
    pub(super) known: &'a Known,
    pub(super) provider: &'a VerifiedProvider,
}

impl Teller<'_> {
    /// `statuses` are the provider's and Herald's, where a head has told them.
    pub(super) fn tell(
        &self,
        header: &HeaderName,
        fate: Fate<'_>,
        statuses: Option<(StatusCode, StatusCode)>,
    ) -> String {
        match fate {
            Fate::Passes { rule, name } => {
                let policy = &self.provider.header_policy;
                let written = policy.rule(rule).map(ToString::to_string);
                let written = written.unwrap_or_default();
                let place = self.known.place(&self.provider.rule_key(rule));
                if name == header {
                    format!("forwarded  by {written}, {place}")
                } else {
                    format!("renamed    to {name} by {written}, {place}")
                }
            }
            Fate::Dropped(why) => format!("dropped    {}", self.why(header, why, statuses)),
        }
    }

    fn why(
        &self,
        header: &HeaderName,
        why: Dropped,
        statuses: Option<(StatusCode, StatusCode)>,
    ) -> String {
        match why {
            Dropped::Never(why) => format!("it is never forwarded: {why}"),
            Dropped::Unlisted => format!(
                "no rule allows it; to forward it, write metadata.allow = [{:?}] in its [[providers]]",
                header.as_str()
            ),
            Dropped::Nominated => {
                "the head's own Connection field ties it to its connection".into()
            }
            Dropped::OtherStatus => match statuses {
                Some((theirs, ours)) => format!(
                    "it speaks of the status {}, and the client sees {}",
                    theirs.as_u16(),
                    ours.as_u16()
                ),
                None => "the client sees another status than the one it speaks of".into(),
            },
            Dropped::NotPlain => "its value is more than visible ASCII, spaces and tabs".into(),
            Dropped::OverCap => {
                let caps = self.provider.header_policy.caps();
                format!(
                    "no room is left: {} headers, {}, and {} bytes, {}",
                    caps.headers,
                    self.known.place("metadata.max_headers"),
                    caps.bytes,
                    self.known.place("metadata.max_bytes")
                )
            }
            Dropped::RepeatsKey => "its value holds the provider's own key".into(),
            Dropped::BadRetryAfter => {
                "its value is neither whole seconds nor an IMF-fixdate".into()
            }
            Dropped::SecondRetryAfter => "only the first valid retry-after is forwarded".into(),
        }
    }
}

/// What a name that passes still depends on.
pub(super) fn proviso(fate: Fate<'_>, has_value: bool) -> &'static str {
    match fate {
        Fate::Passes { name, .. } if *name == X_SHOULD_RETRY => {
            "; only where the client sees the provider's own status"
        }
        Fate::Passes { name, .. } if *name == RETRY_AFTER && !has_value => {
            "; only whole seconds or an IMF-fixdate, and of several the first"
        }
        _ => "",
    }
}
