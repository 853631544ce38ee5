//! Anthropic.

mod count_tokens;
mod messages;

use actix_web::http::header::{HeaderName, HeaderValue};

use super::{Api, CredentialStyle, Provider, error_body};
use crate::{
    completion::{ProviderError, WireFormat},
    settings::VerifiedTarget,
};

/// Where Anthropic itself is.
pub(crate) const BASE_URL: &str = "https://api.anthropic.com/v1";

/// A provider that speaks the Anthropic API.
#[derive(Debug)]
pub struct Anthropic;

/// The version that is asked for where a client names none (API reference, "Versions", read November
/// 2026).
static DEFAULT_HEADERS: [(HeaderName, HeaderValue); 1] = [(
    HeaderName::from_static("anthropic-version"),
    HeaderValue::from_static("2023-06-01"),
)];

impl Provider for Anthropic {
    fn api(&self, asked: WireFormat, _: &VerifiedTarget) -> Option<&'static dyn Api> {
        match asked {
            WireFormat::Messages
            | WireFormat::ChatCompletions
            | WireFormat::Responses
            | WireFormat::Sourcegraph => Some(&messages::Messages),
            WireFormat::CountTokens => Some(&count_tokens::CountTokens),
            WireFormat::Completions | WireFormat::Embeddings => None,
        }
    }

    fn credentials(&self) -> CredentialStyle {
        CredentialStyle::XApiKey
    }

    fn default_headers(&self) -> &'static [(HeaderName, HeaderValue)] {
        &DEFAULT_HEADERS
    }

    fn read_error(&self, body: &[u8]) -> ProviderError {
        error_body::from_body(body)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use actix_web::http::header::HeaderMap;

    use super::*;
    use crate::{
        providers::{ProviderId, outgoing_headers},
        settings::{Settings, VerifiedSettings},
    };

    fn settings() -> VerifiedSettings {
        let toml = "[[providers]]\nid = \"a\"\nkind = \"anthropic\"\napi_key = { env = \"KEY\" }\n\
            [[models]]\nid = \"m\"\ntargets = [{ provider = \"a\", model = \"claude\" }]\n";
        let secrets = HashMap::from([("KEY".to_owned(), "sk-ant-1".to_owned())]);
        Settings::from_toml(toml).unwrap().verify(&secrets).unwrap()
    }

    /// What goes upstream of these headers of a client's, as `name: value`.
    fn sent(client: &[(&'static str, &'static str)]) -> Vec<String> {
        let mut downstream = HeaderMap::new();
        for (name, value) in client {
            let name = HeaderName::from_static(name);
            downstream.append(name, HeaderValue::from_static(value));
        }
        let settings = settings();
        let provider = &settings.providers[&ProviderId::new("a")];
        let headers = outgoing_headers(provider, &downstream, true);
        let line = |(name, value): &(HeaderName, HeaderValue)| {
            format!("{name}: {}", value.to_str().unwrap())
        };
        headers.iter().map(line).collect()
    }

    #[test]
    fn the_key_and_a_version_go_upstream_and_a_clients_own_key_does_not() {
        let headers = sent(&[("x-api-key", "client"), ("authorization", "Bearer client")]);
        for header in ["x-api-key: sk-ant-1", "anthropic-version: 2023-06-01"] {
            assert!(headers.iter().any(|sent| sent == header), "{headers:?}");
        }
        assert!(
            !headers.iter().any(|sent| sent.contains("client")),
            "{headers:?}"
        );
    }

    #[test]
    fn a_clients_version_and_its_betas_pass() {
        let headers = sent(&[
            ("anthropic-version", "2026-01-01"),
            ("anthropic-beta", "a,b"),
        ]);
        let named: Vec<_> = headers
            .iter()
            .filter(|header| header.starts_with("anthropic-"))
            .collect();
        assert_eq!(
            named,
            ["anthropic-version: 2026-01-01", "anthropic-beta: a,b"]
        );
    }

    #[test]
    fn each_thing_asked_has_its_path_or_is_not_served() {
        let settings = settings();
        let target = settings.models.get("m").unwrap().first_target();
        for (asked, format, path) in [
            (WireFormat::Messages, WireFormat::Messages, "/messages"),
            (
                WireFormat::ChatCompletions,
                WireFormat::Messages,
                "/messages",
            ),
            (WireFormat::Responses, WireFormat::Messages, "/messages"),
            (
                WireFormat::CountTokens,
                WireFormat::CountTokens,
                "/messages/count_tokens",
            ),
        ] {
            let api = Anthropic.api(asked, target).unwrap();
            assert_eq!((api.format(), &*api.path(target)), (format, path));
        }
        for asked in [WireFormat::Completions, WireFormat::Embeddings] {
            assert!(Anthropic.api(asked, target).is_none());
        }
    }
}
