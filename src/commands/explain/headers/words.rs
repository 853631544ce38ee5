//! What becomes of a header, in words.

use actix_web::http::{
    StatusCode,
    header::{HeaderName, RETRY_AFTER},
};
use herald::{
    error::respond::X_SHOULD_RETRY,
    metadata::header_policy::{Dropped, Fate, KeyHeaderRules, RuleOf},
    settings::VerifiedProvider,
};

use super::super::known::{AskedKey, Known};

/// Puts the fates of one provider's headers into words.
pub(super) struct Teller<'a> {
    pub(super) known: &'a Known,
    pub(super) provider: &'a VerifiedProvider,
    pub(super) key: Option<AskedKey<'a>>,
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
                let (written, place) = self.rule(rule);
                if name == header {
                    format!("forwarded  by {written}, {place}")
                } else {
                    format!("renamed    to {name} by {written}, {place}")
                }
            }
            Fate::Dropped(why) => format!("dropped    {}", self.why(header, why, statuses)),
        }
    }

    /// A rule as it was written, and where.
    fn rule(&self, rule: RuleOf) -> (String, String) {
        let (written, place) = match rule {
            RuleOf::Provider(rule) => (
                self.provider.header_policy.rule(rule),
                self.provider.rule_key(rule),
            ),
            RuleOf::Key(rule) => (
                self.key_rules().and_then(|rules| rules.rule(rule)),
                self.key_setting(&format!("metadata.allow[{rule}]")),
            ),
        };
        let written = written.map(ToString::to_string).unwrap_or_default();
        (written, self.known.place(&place))
    }

    fn key_rules(&self) -> Option<&KeyHeaderRules> {
        self.key?.key.headers.as_deref()
    }

    fn key_setting(&self, name: &str) -> String {
        self.key.map(|key| key.setting(name)).unwrap_or_default()
    }

    fn why(
        &self,
        header: &HeaderName,
        why: Dropped,
        statuses: Option<(StatusCode, StatusCode)>,
    ) -> String {
        match why {
            Dropped::Never(why) => format!("it is never forwarded: {why}"),
            Dropped::Unlisted => {
                let or_key = self.key.map_or("", |_| ", or in this one of the [[keys]]");
                format!(
                    "no rule allows it; to forward it, write metadata.allow = [{:?}] in its \
                     [[providers]]{or_key}",
                    header.as_str()
                )
            }
            Dropped::Hidden(rule) => {
                let written = self.key_rules().and_then(|rules| rules.hidden(rule));
                let place = self.key_setting(&format!("metadata.hide[{rule}]"));
                let (written, place) = (written.unwrap_or_default(), self.known.place(&place));
                format!("the key hides {written}, {place}")
            }
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
