//! OpenAI and everything compatible.

mod chat;

use actix_web::http::header::{HeaderName, HeaderValue};

use super::{Api, CredentialStyle, Provider, error_body};
use crate::{
    completion::{ProviderError, WireFormat},
    settings::VerifiedProvider,
};

/// A provider that speaks the OpenAI API.
#[derive(Debug)]
pub struct OpenAi;

impl Provider for OpenAi {
    fn api(&self, asked: WireFormat, _: &VerifiedProvider) -> Option<&'static dyn Api> {
        match asked {
            // What has no API of its own here is translated into chat completions.
            WireFormat::ChatCompletions | WireFormat::Messages => Some(&chat::ChatCompletions),
            _ => None,
        }
    }

    fn credentials(&self, _: &VerifiedProvider) -> CredentialStyle {
        CredentialStyle::Bearer
    }

    fn default_headers(&self) -> &'static [(HeaderName, HeaderValue)] {
        &[]
    }

    fn read_error(&self, body: &[u8]) -> ProviderError {
        error_body::from_body(body)
    }
}
