//! OpenAI and everything compatible.

mod chat;
mod completions;
mod embeddings;
mod paths;
pub mod presets;
mod responses;

use actix_web::http::header::{HeaderName, HeaderValue};

use super::{Api, CredentialStyle, Provider, error_body};
use crate::{
    completion::{ProviderError, WireFormat},
    settings::VerifiedTarget,
};

pub use chat::ChatQuirks;

/// A provider that speaks the OpenAI API.
#[derive(Debug)]
pub struct OpenAi;

impl Provider for OpenAi {
    fn api(&self, asked: WireFormat, target: &VerifiedTarget) -> Option<&'static dyn Api> {
        let has = |format| target.provider.apis.contains(&format);
        match asked {
            WireFormat::Completions if has(asked) => Some(&completions::Completions),
            WireFormat::Embeddings if has(asked) => Some(&embeddings::Embeddings),
            WireFormat::Responses if has(asked) => Some(&responses::Responses),
            // What has no API of its own here is translated into chat completions.
            WireFormat::ChatCompletions
            | WireFormat::Responses
            | WireFormat::Messages
            | WireFormat::Sourcegraph => Some(&chat::ChatCompletions),
            WireFormat::Completions | WireFormat::Embeddings | WireFormat::CountTokens => None,
        }
    }

    fn credentials(&self) -> CredentialStyle {
        CredentialStyle::Bearer
    }

    fn default_headers(&self) -> &'static [(HeaderName, HeaderValue)] {
        &[]
    }

    fn read_error(&self, body: &[u8]) -> ProviderError {
        error_body::from_body(body)
    }
}
