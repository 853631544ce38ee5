//! Cody Gateway, Sourcegraph's own gateway: one address, a path for each family of models.

use std::borrow::Cow;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};

use super::{Api, CredentialStyle, Provider, anthropic::Anthropic, error_body, openai::OpenAi};
use crate::{
    completion::{ProviderError, WireFormat},
    settings::{GatewayFamily, GatewayFeature, ProviderKind, VerifiedTarget},
};

/// Where Sourcegraph's own is.
pub(crate) const BASE_URL: &str = "https://cody-gateway.sourcegraph.com/v1";

/// A provider that is a Cody Gateway (its public sources, until August 2024).
///
/// It has mapped the 429 of its own providers to a 503 already, so a 429 of its own is the caller's
/// quota. It tells errors as plain text, or as `{"error":"…"}`.
#[derive(Debug)]
pub struct Sourcegraph;

/// Of which family a model is, and what it is asked for.
fn kind(target: &VerifiedTarget) -> Option<(GatewayFamily, GatewayFeature)> {
    match &target.provider.kind {
        ProviderKind::Sourcegraph { family, feature } => {
            let family = family.or_else(|| GatewayFamily::of_model(&target.upstream_model));
            Some((family?, *feature))
        }
        _ => None,
    }
}

impl Provider for Sourcegraph {
    fn api(&self, asked: WireFormat, target: &VerifiedTarget) -> Option<&'static dyn Api> {
        let (family, feature) = kind(target)?;
        match (family, feature, asked) {
            (_, _, WireFormat::CountTokens | WireFormat::Embeddings) => None,
            (GatewayFamily::Anthropic, _, asked) => Anthropic.api(asked, target),
            // It asks Fireworks for completions of a prompt where code is to be completed, and of a
            // conversation elsewhere. Cody's one message is the prompt.
            (
                GatewayFamily::Fireworks,
                GatewayFeature::CodeCompletions,
                WireFormat::Completions | WireFormat::Sourcegraph,
            ) => OpenAi.api(WireFormat::Completions, target),
            (GatewayFamily::Fireworks, GatewayFeature::CodeCompletions, _)
            | (_, _, WireFormat::Completions) => None,
            (_, _, asked) => OpenAi.api(asked, target),
        }
    }

    fn path(&self, _: &dyn Api, target: &VerifiedTarget) -> Cow<'static, str> {
        Cow::Borrowed(match kind(target) {
            Some((GatewayFamily::Anthropic, _)) | None => "/completions/anthropic-messages",
            Some((GatewayFamily::OpenAi, _)) => "/completions/openai",
            Some((GatewayFamily::Fireworks, _)) => "/completions/fireworks",
        })
    }

    /// It puts the family before the name by itself.
    fn model_name<'a>(&self, target: &'a VerifiedTarget) -> &'a str {
        let name = &*target.upstream_model;
        let bare = kind(target).and_then(|(family, _)| name.strip_prefix(family.prefix()));
        bare.unwrap_or(name)
    }

    fn credentials(&self) -> CredentialStyle {
        CredentialStyle::Bearer
    }

    fn default_headers(&self) -> &'static [(HeaderName, HeaderValue)] {
        &[]
    }

    fn takes_timeout(&self) -> bool {
        true
    }

    fn read_error(&self, body: &[u8]) -> ProviderError {
        error_body::from_body(body)
    }

    /// Its `retry-after` is a date of RFC 1123 with the zone's name, `UTC`, which HTTP writes as `GMT`
    /// (RFC 9110 section 5.6.7).
    fn mend_headers(&self, headers: &mut HeaderMap) {
        let values: Vec<_> = headers.remove(RETRY_AFTER).collect();
        for value in values {
            let date = value.to_str().ok();
            let date = date.and_then(|date| date.strip_suffix(" UTC"));
            let mended = date.and_then(|date| HeaderValue::from_str(&format!("{date} GMT")).ok());
            headers.append(RETRY_AFTER, mended.unwrap_or(value));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, sync::Arc};

    use super::*;
    use crate::settings::Settings;

    fn model(more: &str, target: &str) -> Arc<VerifiedTarget> {
        let toml = format!(
            "[[providers]]\nid = \"cg\"\nkind = \"sourcegraph\"\n{more}\n\
             [[models]]\nid = \"m\"\ntargets = [{{ provider = \"cg\", model = \"{target}\" }}]\n"
        );
        let settings = Settings::from_toml(&toml).unwrap();
        let settings = settings.verify(&HashMap::new());
        let settings = settings.unwrap_or_else(|found| panic!("{found}"));
        Arc::clone(settings.models.get("m").unwrap().first_target())
    }

    fn path_and_format(target: &VerifiedTarget, asked: WireFormat) -> Option<(String, WireFormat)> {
        let api = Sourcegraph.api(asked, target)?;
        Some((Sourcegraph.path(api, target).into_owned(), api.format()))
    }

    #[test]
    fn each_family_has_its_path_its_format_and_the_name_without_the_family() {
        use WireFormat::{ChatCompletions, Completions, Messages, Responses};
        for (target, path, format, name) in [
            (
                "anthropic/claude-3-haiku",
                "anthropic-messages",
                Messages,
                "claude-3-haiku",
            ),
            ("openai/gpt-4o", "openai", ChatCompletions, "gpt-4o"),
            (
                "fireworks/accounts/fireworks/models/llama",
                "fireworks",
                ChatCompletions,
                "accounts/fireworks/models/llama",
            ),
        ] {
            let model = model("", target);
            assert_eq!(Sourcegraph.model_name(&model), name);
            for asked in [ChatCompletions, Messages, Responses] {
                let expected = (format!("/completions/{path}"), format);
                assert_eq!(path_and_format(&model, asked), Some(expected), "{target}");
            }
            for asked in [Completions, WireFormat::Embeddings, WireFormat::CountTokens] {
                assert_eq!(path_and_format(&model, asked), None, "{target}");
            }
        }
    }

    #[test]
    fn code_of_fireworks_is_completed_from_a_prompt_alone() {
        let model = model("feature = \"code_completions\"", "fireworks/starcoder");
        let expected = ("/completions/fireworks".to_owned(), WireFormat::Completions);
        for asked in [WireFormat::Completions, WireFormat::Sourcegraph] {
            let found = path_and_format(&model, asked);
            assert_eq!(found.as_ref(), Some(&expected), "{asked:?}");
        }
        assert_eq!(path_and_format(&model, WireFormat::ChatCompletions), None);
    }

    #[test]
    fn a_family_of_the_settings_leaves_the_name_alone_but_for_its_own_prefix() {
        let model = model("family = \"openai\"", "anthropic/odd");
        let found = path_and_format(&model, WireFormat::ChatCompletions).unwrap();
        assert_eq!(found.0, "/completions/openai");
        assert_eq!(Sourcegraph.model_name(&model), "anthropic/odd");
    }

    #[test]
    fn a_date_in_utc_is_one_in_gmt_and_others_are_left_alone() {
        for (sent, mended) in [
            (
                "Sun, 06 Nov 1994 08:49:37 UTC",
                "Sun, 06 Nov 1994 08:49:37 GMT",
            ),
            (
                "Sun, 06 Nov 1994 08:49:37 CET",
                "Sun, 06 Nov 1994 08:49:37 CET",
            ),
            ("7", "7"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_static(sent));
            Sourcegraph.mend_headers(&mut headers);
            assert_eq!(headers.get(RETRY_AFTER).unwrap(), mended);
        }
        let mut headers = HeaderMap::new();
        for value in ["7", "Sun, 06 Nov 1994 08:49:37 UTC"] {
            headers.append(RETRY_AFTER, HeaderValue::from_static(value));
        }
        Sourcegraph.mend_headers(&mut headers);
        let values: Vec<_> = headers.get_all(RETRY_AFTER).collect();
        assert_eq!(values, ["7", "Sun, 06 Nov 1994 08:49:37 GMT"]);
    }

    #[test]
    fn both_of_its_shapes_of_errors_are_read() {
        for body in ["model not allowed\n", r#"{"error":"model not allowed"}"#] {
            let error = Sourcegraph.read_error(body.as_bytes());
            assert_eq!(error.message, "model not allowed");
        }
    }
}
