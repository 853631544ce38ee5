//! `models.catalogue`: what clients are told of a model before they ask it for anything.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{diagnostics::Problems, models::is_name};

#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct CatalogueSection {
    display_name: Option<String>,
    context_window: ContextWindowSection,
    capabilities: Option<Vec<ModelCapability>>,
    category: Option<ModelCategory>,
    status: Option<ModelStatus>,
    tier: Option<ModelTier>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct ContextWindowSection {
    /// Most tokens of a prompt, 1 to 10000000. Absent: sourcegraph.max_input_tokens.
    #[schemars(range(min = 1, max = 10_000_000))]
    input: Option<u32>,
    /// Most tokens of an answer, 1 to 10000000. Absent: sourcegraph.max_output_tokens.
    #[schemars(range(min = 1, max = 10_000_000))]
    output: Option<u32>,
}

/// What clients are told of a model. Settings `models.catalogue`; Herald acts on none of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelCatalogue {
    /// What people see. Setting `models.catalogue.display_name`, default the model's id.
    pub display_name: String,
    /// Most tokens of a prompt; `None`: `sourcegraph.max_input_tokens`. Setting
    /// `models.catalogue.context_window.input`, 1 to 10,000,000.
    pub max_input_tokens: Option<u32>,
    /// Most tokens of an answer; `None`: `sourcegraph.max_output_tokens`. Setting
    /// `models.catalogue.context_window.output`, 1 to 10,000,000.
    pub max_output_tokens: Option<u32>,
    /// Each once. Setting `models.catalogue.capabilities`, default all but `vision` and `reasoning`.
    pub capabilities: Vec<ModelCapability>,
    /// Setting `models.catalogue.category`, default `balanced`.
    pub category: ModelCategory,
    /// Setting `models.catalogue.status`, default `stable`.
    pub status: ModelStatus,
    /// Setting `models.catalogue.tier`, default `enterprise`.
    pub tier: ModelTier,
}

/// What a model is offered for, in the words of Cody (`lib/shared/src/models`, read November 2026).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ModelCapability {
    /// Completing code while it is typed.
    Autocomplete,
    /// Answering in a conversation.
    Chat,
    /// Changing code as it is told.
    Edit,
    /// Calling tools.
    Tools,
    /// Seeing images.
    Vision,
    /// Thinking before it answers.
    Reasoning,
}

/// Under which heading a model stands where people choose one.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema, ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum ModelCategory {
    /// The best answers.
    Accuracy,
    /// Neither the best nor the fastest.
    #[default]
    Balanced,
    /// The fastest answers.
    Speed,
    /// None of these.
    Other,
}

/// How far a model has come.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema, ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum ModelStatus {
    /// Being tried out.
    Experimental,
    /// Nearly done.
    Beta,
    /// Here to stay.
    #[default]
    Stable,
    /// On its way out: Cody no longer offers it.
    Deprecated,
}

/// Which of Sourcegraph's plans a model belongs to. Herald asks for none: Cody offers an instance's
/// users every tier, and those of sourcegraph.com what they pay for.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema, ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum ModelTier {
    /// For everybody.
    Free,
    /// For who pays.
    Pro,
    /// For the users of an instance.
    #[default]
    Enterprise,
}

/// What any model of a conversation can do, as far as Herald carries it.
const USUAL: [ModelCapability; 4] = [
    ModelCapability::Autocomplete,
    ModelCapability::Chat,
    ModelCapability::Edit,
    ModelCapability::Tools,
];

impl ModelCatalogue {
    /// Whether clients offer it for this; what is deprecated they offer for nothing.
    #[must_use]
    pub fn is_offered_for(&self, use_of_it: ModelCapability) -> bool {
        self.status != ModelStatus::Deprecated && self.capabilities.contains(&use_of_it)
    }
}

impl CatalogueSection {
    /// Verifies what is told of the model `id`, whose catalogue stands under `key`.
    pub(super) fn verify(
        &self,
        id: &str,
        key: &str,
        problems: &mut Problems<'_>,
    ) -> ModelCatalogue {
        if let Some(name) = &self.display_name {
            problems.take(&format!("{key}.display_name"), is_name(name));
        }
        let written = self.capabilities.as_deref();
        for (index, capability) in written.unwrap_or_default().iter().enumerate() {
            if written.unwrap_or_default()[..index].contains(capability) {
                problems.at(&format!("{key}.capabilities[{index}]"), "is already there");
            }
        }
        ModelCatalogue {
            display_name: self.display_name.clone().unwrap_or_else(|| id.to_owned()),
            max_input_tokens: self.context_window.input,
            max_output_tokens: self.context_window.output,
            capabilities: written.unwrap_or(&USUAL).to_vec(),
            category: self.category.unwrap_or_default(),
            status: self.status.unwrap_or_default(),
            tier: self.tier.unwrap_or_default(),
        }
    }
}
