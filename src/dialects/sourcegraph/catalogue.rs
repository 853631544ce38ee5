//! What Cody asks before it asks for anything else: which models there are, and what the server can do.

use serde::Serialize;
use utoipa::ToSchema;

use super::LATEST;
use crate::settings::{SourcegraphSettings, VerifiedModel};

/// The second part of a model's name here. Cody looks at it for a few providers' autocomplete alone.
const VERSION: &str = "unknown";

/// `GET /.api/modelconfig/supported-models.json`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SupportedModels<'a> {
    schema_version: &'static str,
    revision: String,
    providers: Vec<Provider<'a>>,
    models: Vec<Model<'a>>,
    default_models: DefaultModels,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SupportedModelsProvider)]
#[serde(rename_all = "camelCase")]
struct Provider<'a> {
    id: &'a str,
    display_name: &'a str,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SupportedModel)]
#[serde(rename_all = "camelCase")]
struct Model<'a> {
    model_ref: String,
    display_name: &'a str,
    model_name: &'a str,
    capabilities: [&'static str; 3],
    category: &'static str,
    status: &'static str,
    tier: &'static str,
    context_window: ContextWindow,
}

#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ContextWindow {
    max_input_tokens: u32,
    max_output_tokens: u32,
}

/// Absent where a key may use no model.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DefaultModels {
    chat: Option<String>,
    fast_chat: Option<String>,
    code_completion: Option<String>,
}

impl<'a> SupportedModels<'a> {
    /// In the order in which they are given; the first is the default of everything.
    pub(crate) fn new(
        models: impl Iterator<Item = &'a VerifiedModel>,
        settings: &SourcegraphSettings,
        generation: u64,
    ) -> Self {
        let context_window = ContextWindow {
            max_input_tokens: settings.max_input_tokens,
            max_output_tokens: settings.max_output_tokens,
        };
        let mut providers: Vec<Provider<'a>> = Vec::new();
        let mut told = Vec::new();
        for model in models {
            let provider = model.first_target().provider.id.as_str();
            if !providers.iter().any(|known| known.id == provider) {
                providers.push(Provider {
                    id: provider,
                    display_name: provider,
                });
            }
            told.push(Model {
                model_ref: format!("{provider}::{VERSION}::{}", model.id),
                display_name: &model.id,
                model_name: &model.id,
                capabilities: ["autocomplete", "chat", "tools"],
                category: "balanced",
                status: "stable",
                tier: "enterprise",
                context_window,
            });
        }
        let first = told.first().map(|model| model.model_ref.clone());
        Self {
            schema_version: "1.0",
            revision: generation.to_string(),
            providers,
            models: told,
            default_models: DefaultModels {
                chat: first.clone(),
                fast_chat: first.clone(),
                code_completion: first,
            },
        }
    }
}

/// `GET /.api/client-config`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ClientConfig {
    cody_enabled: bool,
    chat_enabled: bool,
    auto_complete_enabled: bool,
    custom_commands_enabled: bool,
    attribution_enabled: bool,
    smart_context_window_enabled: bool,
    #[serde(rename = "modelsAPIEnabled")]
    models_api_enabled: bool,
    #[serde(rename = "latestSupportedCompletionsStreamAPIVersion")]
    latest_api_version: u8,
}

impl ClientConfig {
    /// What Herald can do, whoever asks: it looks nothing up in any code.
    pub(crate) const HERALDS: Self = Self {
        cody_enabled: true,
        chat_enabled: true,
        auto_complete_enabled: true,
        custom_commands_enabled: true,
        attribution_enabled: false,
        smart_context_window_enabled: true,
        models_api_enabled: true,
        latest_api_version: LATEST,
    };
}
