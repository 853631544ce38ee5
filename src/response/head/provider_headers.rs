//! Of the headers of a provider's answer, those that the client's head takes over.

use actix_web::http::{
    StatusCode,
    header::{HeaderName, HeaderValue, RETRY_AFTER},
};

use crate::{
    error::respond::is_valid_retry_after,
    metadata::header_policy::{Dropped, Fate, Forwarded, KeyHeaderRules, Traced},
    settings::{VerifiedProvider, VerifiedTarget},
    upstream::http_client::UpstreamHead,
};

/// Those that go out under `status`, Herald's own, to whom the model is served.
#[must_use]
pub fn take(target: &VerifiedTarget, head: &UpstreamHead, status: StatusCode) -> Forwarded {
    let provider = &*target.provider;
    let is_unchanged = is_unchanged(provider, head, status);
    let policy = provider
        .header_policy
        .for_key(target.key_headers.as_deref());
    let mut taken = policy.forward(&head.headers, is_unchanged);
    let mut gate = ValueGate::new(provider);
    let mut keys = 0;
    taken.headers.retain(|(name, value)| {
        let why = gate.why_dropped(name, value);
        keys += usize::from(why == Some(Dropped::RepeatsKey));
        why.is_none()
    });
    taken.invalid += keys;
    taken
}

/// What becomes of each value of a head under `status`, Herald's own, for a key with these rules: what the client's head takes
/// over, in its order, and why it takes over no more.
#[must_use]
pub fn trace<'a>(
    provider: &'a VerifiedProvider,
    key: Option<&'a KeyHeaderRules>,
    head: &'a UpstreamHead,
    status: StatusCode,
) -> Vec<Traced<'a>> {
    let is_unchanged = is_unchanged(provider, head, status);
    let policy = provider.header_policy.for_key(key);
    let mut traced = policy.trace(&head.headers, is_unchanged);
    let mut gate = ValueGate::new(provider);
    for Traced { value, fate, .. } in &mut traced {
        if let Fate::Passes { name, .. } = *fate
            && let Some(why) = gate.why_dropped(name, value)
        {
            *fate = Fate::Dropped(why);
        }
    }
    traced
}

/// Whether the client sees the provider's own status, of which its `x-should-retry` speaks.
fn is_unchanged(provider: &VerifiedProvider, head: &UpstreamHead, status: StatusCode) -> bool {
    provider.status_table.map(head.status.as_u16()).unchanged && status == head.status
}

/// What the values that the policy lets through are held to, one after the other.
struct ValueGate<'a> {
    provider: &'a VerifiedProvider,
    has_retry_after: bool,
}

impl<'a> ValueGate<'a> {
    fn new(provider: &'a VerifiedProvider) -> Self {
        Self {
            provider,
            has_retry_after: false,
        }
    }

    /// `name` is the one that the value goes out under.
    fn why_dropped(&mut self, name: &HeaderName, value: &HeaderValue) -> Option<Dropped> {
        if self.provider.repeats_key(value.as_bytes()) {
            return Some(Dropped::RepeatsKey);
        }
        if name != RETRY_AFTER {
            return None;
        }
        // One that says something, and only one.
        if !is_valid_retry_after(value) {
            Some(Dropped::BadRetryAfter)
        } else if std::mem::replace(&mut self.has_retry_after, true) {
            Some(Dropped::SecondRetryAfter)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use actix_web::http::header::HeaderMap;

    use super::*;
    use crate::settings::Settings;

    const KEY: &str = "sk-0123456789";

    const WRITTEN: &str = r#"
        [[providers]]
        id = "p"
        kind = "openai"
        base_url = "http://provider.test/v1"
        api_key = { env = "KEY" }
        metadata.allow = [{ name = "wait", as = "retry-after" }]
        [[models]]
        id = "m"
        targets = [{ provider = "p", model = "m" }]
    "#;

    #[test]
    fn what_is_traced_is_what_is_taken_and_each_reason_is_named() {
        let secrets = HashMap::from([("KEY".to_owned(), KEY.to_owned())]);
        let settings = Settings::from_toml(WRITTEN).unwrap();
        let settings = settings.verify(&secrets).unwrap();
        let target = settings.models.get("m").unwrap().first_target();
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("retry-after", "soon"),
            ("retry-after", "7"),
            ("wait", "8"),
            ("x-request-id", "of sk-0123456789"),
            ("x-should-retry", "true"),
            ("set-cookie", "a=b"),
        ] {
            let name = HeaderName::from_static(name);
            headers.append(name, HeaderValue::from_static(value));
        }
        let head = UpstreamHead {
            status: StatusCode::TOO_MANY_REQUESTS,
            headers,
        };
        for status in [head.status, StatusCode::SERVICE_UNAVAILABLE] {
            let traced = trace(&target.provider, None, &head, status);
            let why = |header: &str, value: &str| {
                let is_it = |traced: &&Traced<'_>| traced.header == header && traced.value == value;
                match traced.iter().find(is_it).unwrap().fate {
                    Fate::Passes { .. } => None,
                    Fate::Dropped(why) => Some(why),
                }
            };
            assert_eq!(why("retry-after", "soon"), Some(Dropped::BadRetryAfter));
            assert_eq!(why("retry-after", "7"), None);
            assert_eq!(why("wait", "8"), Some(Dropped::SecondRetryAfter));
            let key = why("x-request-id", "of sk-0123456789");
            assert_eq!(key, Some(Dropped::RepeatsKey));
            let other = (status != head.status).then_some(Dropped::OtherStatus);
            assert_eq!(why("x-should-retry", "true"), other);
            assert!(matches!(why("set-cookie", "a=b"), Some(Dropped::Never(_))));

            let passing: Vec<_> = traced
                .iter()
                .filter_map(|traced| match traced.fate {
                    Fate::Passes { name, .. } => Some((name.clone(), traced.value.clone())),
                    Fate::Dropped(_) => None,
                })
                .collect();
            let taken = take(target, &head, status);
            assert_eq!(passing, taken.headers);
            assert_eq!((taken.invalid, taken.over_cap), (1, 0));
        }
    }
}
