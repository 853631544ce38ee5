//! `[[models]]`: what clients may ask for, and who serves it.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    catalogue::{CatalogueSection, ModelCatalogue},
    diagnostics::Problems,
    limits::LimitSetSection,
    providers::{ProviderSection, VerifiedProvider},
    targets::{self, OfModel, TargetSection, VerifiedTarget},
};
use crate::{
    limits::limit::{Limit, Scope},
    providers::ProviderId,
};

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ModelSection {
    pub(super) id: String,
    targets: Vec<TargetSection>,
    #[serde(default)]
    limits: LimitSetSection,
    /// What is dropped of its streams.
    #[serde(default)]
    filter: FilterSection,
    // The last second of the year 9999.
    #[serde(default)]
    #[schemars(range(min = 0, max = 253_402_300_799_u64))]
    created: u64,
    owned_by: Option<String>,
    #[serde(default)]
    strict: bool,
    /// What clients are told of it.
    #[serde(default)]
    catalogue: CatalogueSection,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct FilterSection {
    drop_events: Vec<String>,
    drop: Vec<Part>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Part {
    Usage,
    Reasoning,
    Logprobs,
}

/// One model, ready to be served. Settings `[[models]]`.
#[derive(Clone, Debug)]
pub struct VerifiedModel {
    /// What clients ask for. Setting `models.id`, unique.
    pub id: String,
    /// Who serves it, in the order in which they are asked: a group where no earlier one serves, and
    /// within a group by weight and load. There is a group at least, and none is empty. Setting
    /// `models.targets`.
    pub groups: Vec<Vec<Arc<VerifiedTarget>>>,
    /// How much may be asked for of it. Settings `models.limits`, default any amount.
    pub limits: Vec<Arc<Limit>>,
    /// Seconds since 1970, as `GET /v1/models` tells it. Setting `models.created`, default 0.
    pub created: u64,
    /// The owner that `GET /v1/models` tells. Setting `models.owned_by`, default the id of the first
    /// target's provider.
    pub owned_by: String,
    /// What clients are told of it. Settings `models.catalogue`.
    pub catalogue: ModelCatalogue,
}

impl VerifiedModel {
    /// All that serve it, group after group.
    pub fn targets(&self) -> impl Iterator<Item = &Arc<VerifiedTarget>> {
        self.groups.iter().flatten()
    }

    /// One of those that are asked first.
    #[must_use]
    pub fn first_target(&self) -> &Arc<VerifiedTarget> {
        &self.groups[0][0]
    }
}

/// What is dropped of a model's streams. Settings `models.filter`; nothing by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilterRules {
    /// Events by the name in their `event` field; never `error`.
    pub drop_events: Vec<String>,
    /// Whether token counts are dropped.
    pub usage: bool,
    /// Whether reasoning is dropped.
    pub reasoning: bool,
    /// Whether log probabilities are dropped.
    pub logprobs: bool,
}

impl FilterRules {
    /// Whether nothing is dropped.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What either drops.
    #[must_use]
    pub fn joined(&self, other: &Self) -> Self {
        let mut drop_events = self.drop_events.clone();
        drop_events.extend_from_slice(&other.drop_events);
        Self {
            drop_events,
            usage: self.usage || other.usage,
            reasoning: self.reasoning || other.reasoning,
            logprobs: self.logprobs || other.logprobs,
        }
    }
}

/// The models, in the order of the settings, at least one.
#[derive(Clone, Debug, Default)]
pub struct Models {
    list: Vec<Arc<VerifiedModel>>,
    index: HashMap<String, usize>,
}

impl Models {
    /// The model that clients ask for by this name.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Arc<VerifiedModel>> {
        self.index.get(id).map(|index| &self.list[*index])
    }

    /// All of them, in the order of the settings.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Arc<VerifiedModel>> {
        self.list.iter()
    }
}

/// Verifies the models. `written` tells an unknown provider from one that is known but was refused.
pub(super) fn verify(
    models: &[ModelSection],
    written: &[ProviderSection],
    providers: &BTreeMap<ProviderId, Arc<VerifiedProvider>>,
    problems: &mut Problems<'_>,
) -> Models {
    if models.is_empty() && !problems.is_told("providers") {
        problems.at(
            "models",
            "none is defined, so there is nothing to serve: add [[models]]",
        );
    }
    let mut verified = Models::default();
    let mut ids = HashMap::new();
    for (index, model) in models.iter().enumerate() {
        let key = format!("models[{index}]");
        if let Some(first) = ids.insert(&model.id, index) {
            let problem = format!("{:?} is already the id of models[{first}]", model.id);
            problems
                .error(&format!("{key}.id"), problem)
                .beside(&format!("models[{first}].id"), "the first")
                .tell();
        }
        if let Some(model) = model.verify(&key, written, providers, problems) {
            let index = verified.list.len();
            verified.index.insert(model.id.clone(), index);
            verified.list.push(Arc::new(model));
        }
    }
    warn_of_unused(models, written, problems);
    verified
}

/// Warns of providers that no model is served by.
fn warn_of_unused(
    models: &[ModelSection],
    providers: &[ProviderSection],
    problems: &mut Problems<'_>,
) {
    // Where a model is wrong, nobody knows who was to serve it.
    if models.is_empty() || problems.has_error_within("models") {
        return;
    }
    let targets = models.iter().flat_map(|model| &model.targets);
    for (index, provider) in providers.iter().enumerate() {
        if !targets.clone().any(|target| target.provider == provider.id) {
            problems
                .warning(
                    &format!("providers[{index}].id"),
                    format!("no model is served by {:?}", provider.id),
                )
                .hint("name it in the targets of a model, or remove it")
                .tell();
        }
    }
}

impl ModelSection {
    fn verify(
        &self,
        key: &str,
        written: &[ProviderSection],
        providers: &BTreeMap<ProviderId, Arc<VerifiedProvider>>,
        problems: &mut Problems<'_>,
    ) -> Option<VerifiedModel> {
        let at = |name: &str| format!("{key}.{name}");
        problems.take(&at("id"), is_name(&self.id));
        if let Some(owner) = &self.owned_by {
            problems.take(&at("owned_by"), is_name(owner));
        }
        let filter = self.filter.verify(&at("filter.drop_events"), problems);
        let catalogue = self.catalogue.verify(&self.id, &at("catalogue"), problems);
        let of_model = OfModel {
            id: &self.id,
            key,
            filter,
            strict: self.strict,
        };
        let groups = targets::verify(&self.targets, &of_model, written, providers, problems)?;
        let first = &groups.first()?.first()?.provider.id;
        Some(VerifiedModel {
            id: self.id.clone(),
            owned_by: match &self.owned_by {
                Some(owner) => owner.clone(),
                None => first.to_string(),
            },
            groups,
            limits: self.limits.verified(&Scope::Model(self.id.clone())),
            created: self.created,
            catalogue,
        })
    }
}

impl FilterSection {
    pub(super) fn verify(&self, key: &str, problems: &mut Problems<'_>) -> FilterRules {
        for (index, name) in self.drop_events.iter().enumerate() {
            let key = format!("{key}[{index}]");
            problems.take(&key, is_name(name));
            let reason = match name.as_str() {
                "error" => "an error is never dropped: the client must learn of it",
                "message" => "this is the name of every event without one: nothing would be left",
                _ => continue,
            };
            problems.at(&key, reason);
        }
        FilterRules {
            drop_events: self.drop_events.clone(),
            usage: self.drop.contains(&Part::Usage),
            reasoning: self.drop.contains(&Part::Reasoning),
            logprobs: self.drop.contains(&Part::Logprobs),
        }
    }
}

/// Holds a model's name, an owner or an event's name to what can be shown and sent.
pub(super) fn is_name(name: &str) -> Result<(), &'static str> {
    let length = name.chars().count();
    if (1..=256).contains(&length) && !name.chars().any(char::is_control) {
        Ok(())
    } else {
        Err("must be 1 to 256 printable characters")
    }
}
