//! What Cody asks before it asks for anything else: which models there are, and what the server can do.

use serde::Serialize;
use utoipa::ToSchema;

use super::LATEST;
use crate::settings::{
    CHAT, CODE_COMPLETION, FAST_CHAT, ModelCapability, ModelCategory, ModelStatus, ModelTier,
    SourcegraphSettings, VerifiedModel,
};

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
    default_models: Defaults,
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
    capabilities: &'a [ModelCapability],
    category: ModelCategory,
    status: ModelStatus,
    tier: ModelTier,
    context_window: ContextWindow,
}

#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ContextWindow {
    max_input_tokens: u32,
    max_output_tokens: u32,
}

/// Each is absent where a key may use no model that is offered for it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SupportedModelsDefaults)]
#[serde(rename_all = "camelCase")]
struct Defaults {
    #[serde(skip_serializing_if = "Option::is_none")]
    chat: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fast_chat: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code_completion: Option<String>,
}

impl<'a> SupportedModels<'a> {
    /// Tells of the models that a key may use, in the order in which they are given.
    pub(crate) fn new(
        models: impl Iterator<Item = &'a VerifiedModel>,
        settings: &SourcegraphSettings,
        generation: u64,
    ) -> Self {
        let models: Vec<_> = models.collect();
        let mut providers: Vec<Provider<'a>> = Vec::new();
        for model in &models {
            let id = model.first_target().provider.id.as_str();
            if !providers.iter().any(|known| known.id == id) {
                let display_name = id;
                providers.push(Provider { id, display_name });
            }
        }
        let defaults = &settings.default_models;
        Self {
            schema_version: "1.0",
            revision: generation.to_string(),
            providers,
            default_models: Defaults {
                chat: default_model(&models, &defaults.chat, CHAT),
                fast_chat: default_model(&models, &defaults.fast_chat, FAST_CHAT),
                code_completion: default_model(&models, &defaults.code_completion, CODE_COMPLETION),
            },
            models: models
                .iter()
                .map(|model| Model::new(model, settings))
                .collect(),
        }
    }
}

impl<'a> Model<'a> {
    fn new(model: &'a VerifiedModel, settings: &SourcegraphSettings) -> Self {
        let catalogue = &model.catalogue;
        let (most_in, most_out) = (settings.max_input_tokens, settings.max_output_tokens);
        Self {
            model_ref: reference(model),
            display_name: &catalogue.display_name,
            model_name: &model.id,
            capabilities: &catalogue.capabilities,
            category: catalogue.category,
            status: catalogue.status,
            tier: catalogue.tier,
            context_window: ContextWindow {
                max_input_tokens: catalogue.max_input_tokens.unwrap_or(most_in),
                max_output_tokens: catalogue.max_output_tokens.unwrap_or(most_out),
            },
        }
    }
}

/// The name under which clients ask for a model.
fn reference(model: &VerifiedModel) -> String {
    format!(
        "{}::{VERSION}::{}",
        model.first_target().provider.id,
        model.id
    )
}

/// The one that the settings name, if the key may use it; else the first that is offered for this.
fn default_model(
    models: &[&VerifiedModel],
    named: &Option<String>,
    capability: ModelCapability,
) -> Option<String> {
    let is_named = |model: &&&VerifiedModel| named.as_ref() == Some(&model.id);
    let is_offered = |model: &&&VerifiedModel| model.catalogue.is_offered_for(capability);
    let named = models.iter().find(is_named);
    named
        .or_else(|| models.iter().find(is_offered))
        .map(|model| reference(model))
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
