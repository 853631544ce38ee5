//! `[sourcegraph.default_models]`: what clients take until their users choose.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    settings::{
        catalogue::{ModelCapability, ModelStatus},
        diagnostics::Problems,
        models::Models,
    },
    suggest::{did_you_mean, listed},
};

#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct DefaultModelsSection {
    chat: Option<String>,
    fast_chat: Option<String>,
    code_completion: Option<String>,
}

/// The model for each use, by its id; `None`: the first that the key may use and that is offered for it.
/// Settings `[sourcegraph.default_models]`, default none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DefaultModels {
    /// Setting `sourcegraph.default_models.chat`.
    pub chat: Option<String>,
    /// What Cody edits code with. Setting `sourcegraph.default_models.fast_chat`.
    pub fast_chat: Option<String>,
    /// Setting `sourcegraph.default_models.code_completion`.
    pub code_completion: Option<String>,
}

/// For what a model is taken that is the default of chat, of fast chat and of code completion.
pub(crate) const CHAT: ModelCapability = ModelCapability::Chat;
pub(crate) const FAST_CHAT: ModelCapability = ModelCapability::Edit;
pub(crate) const CODE_COMPLETION: ModelCapability = ModelCapability::Autocomplete;

impl DefaultModelsSection {
    pub(super) fn verify(&self, models: &Models, problems: &mut Problems<'_>) -> DefaultModels {
        let uses = [
            ("chat", &self.chat, CHAT),
            ("fast_chat", &self.fast_chat, FAST_CHAT),
            ("code_completion", &self.code_completion, CODE_COMPLETION),
        ];
        // Where a model is wrong, nobody knows which was meant, and for what it is offered.
        let is_known = !problems.has_error_within("models");
        for (name, id, capability) in uses {
            let Some(id) = id.as_ref().filter(|_| is_known) else {
                continue;
            };
            let key = format!("sourcegraph.default_models.{name}");
            let Some(model) = models.get(id) else {
                let known = || models.iter().map(|model| model.id.as_str());
                problems
                    .error(&key, format!("{id:?} is no model"))
                    .hint_if(did_you_mean(id, known()))
                    .note(format!("known: {}", listed(known(), '"')))
                    .tell();
                continue;
            };
            if model.catalogue.status == ModelStatus::Deprecated {
                let problem = format!("{id:?} is deprecated, so that Cody takes another");
                problems.warning(&key, problem).tell();
            } else if !model.catalogue.is_offered_for(capability) {
                let problem = format!("the catalogue of {id:?} does not offer it for this");
                problems.warning(&key, problem).tell();
            }
        }
        DefaultModels {
            chat: self.chat.clone(),
            fast_chat: self.fast_chat.clone(),
            code_completion: self.code_completion.clone(),
        }
    }
}
