//! Where a provider's APIs stand below its base URL.

use std::{borrow::Cow, fmt::Write};

use super::presets::Paths;
use crate::settings::VerifiedTarget;

/// The path of an API, such as `/chat/completions`, as this model's provider has it.
pub(super) fn path(api: &'static str, target: &VerifiedTarget) -> Cow<'static, str> {
    let provider = &target.provider;
    match (provider.preset.paths, &provider.api_version) {
        (Paths::Plain, _) => Cow::Borrowed(api),
        (Paths::Azure, None) => Cow::Owned(format!("/openai/v1{api}")),
        // Of all of Azure's APIs only this one stands beside the deployments.
        (Paths::Azure, Some(version)) if api == "/responses" => {
            Cow::Owned(format!("/openai{api}?api-version={version}"))
        }
        (Paths::Azure, Some(version)) => {
            let deployment = escaped(&target.upstream_model);
            Cow::Owned(format!(
                "/openai/deployments/{deployment}{api}?api-version={version}"
            ))
        }
    }
}

/// A name as one segment of a path (RFC 3986 section 3.3): what is not unreserved is percent-encoded.
fn escaped(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            text.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::settings::Settings;

    fn asked_at(provider: &str, api: &'static str) -> String {
        let settings = format!(
            "[[providers]]\nid = \"p\"\nkind = \"openai\"\n{provider}\n\
             [[models]]\nid = \"m\"\ntargets = [{{ provider = \"p\", model = \"a/b c\" }}]\n"
        );
        let settings = Settings::from_toml(&settings).unwrap();
        let settings = settings.verify(&HashMap::new()).unwrap();
        let target = settings.models.get("m").unwrap().first_target();
        format!("{}{}", target.provider.base_path, path(api, target))
    }

    #[test]
    fn azure_is_asked_below_its_deployment_or_below_its_versionless_api() {
        let azure = "preset = \"azure-openai\"\nbase_url = \"https://x.openai.azure.com\"";
        assert_eq!(
            asked_at(azure, "/chat/completions"),
            "/openai/v1/chat/completions"
        );
        let dated = format!("{azure}\napi_version = \"2024-10-21\"");
        assert_eq!(
            asked_at(&dated, "/chat/completions"),
            "/openai/deployments/a%2Fb%20c/chat/completions?api-version=2024-10-21"
        );
        assert_eq!(
            asked_at(&dated, "/responses"),
            "/openai/responses?api-version=2024-10-21"
        );
    }

    #[test]
    fn all_others_are_asked_where_openai_would_be() {
        assert_eq!(
            asked_at("preset = \"groq\"", "/responses"),
            "/openai/v1/responses"
        );
        assert_eq!(
            asked_at("base_url = \"http://127.0.0.1:1/x/\"", "/embeddings"),
            "/x/embeddings"
        );
    }
}
