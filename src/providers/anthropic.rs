//! Anthropic.

mod messages;

use actix_web::http::header::{HeaderName, HeaderValue};

use super::{Api, CredentialStyle, Provider, error_body};
use crate::{
    completion::{ProviderError, WireFormat},
    settings::VerifiedProvider,
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
    fn api(&self, asked: WireFormat, _: &VerifiedProvider) -> Option<&'static dyn Api> {
        match asked {
            WireFormat::Messages | WireFormat::ChatCompletions | WireFormat::Responses => {
                Some(&messages::Messages)
            }
            WireFormat::CountTokens | WireFormat::Completions | WireFormat::Embeddings => None,
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
