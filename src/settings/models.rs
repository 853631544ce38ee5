//! `[[models]]`: what clients may ask for, and who serves it.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use serde::Deserialize;

use super::{
    error::Problems,
    providers::{ProviderSection, VerifiedProvider},
    units::hold_to,
};
use crate::providers::ProviderId;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ModelSection {
    id: String,
    targets: Vec<TargetSection>,
    #[serde(default)]
    filter: FilterSection,
    #[serde(default)]
    created: u64,
    owned_by: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TargetSection {
    provider: String,
    model: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct FilterSection {
    drop_events: Vec<String>,
    drop: Vec<Part>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
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
    /// Who serves it. Setting `models.targets`.
    pub provider: Arc<VerifiedProvider>,
    /// What the provider calls it. Setting `models.targets`.
    pub upstream_model: String,
    /// What is dropped of its streams. Setting `models.filter`.
    pub filter: FilterRules,
    /// Seconds since 1970, as `GET /v1/models` tells it. Setting `models.created`, default 0.
    pub created: u64,
    /// The owner that `GET /v1/models` tells. Setting `models.owned_by`, default the provider's id.
    pub owned_by: String,
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
    if models.is_empty() {
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
            problems.at(&format!("{key}.id"), problem);
        }
        if let Some(model) = model.verify(&key, written, providers, problems) {
            let index = verified.list.len();
            verified.index.insert(model.id.clone(), index);
            verified.list.push(Arc::new(model));
        }
    }
    verified
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
        // The last second of the year 9999.
        hold_to(0..=253_402_300_799, self.created, &at("created"), problems);
        let filter = self.filter.verify(&at("filter.drop_events"), problems);
        let [target] = &self.targets[..] else {
            let problem = match self.targets.len() {
                0 => "must have one target: [{ provider = \"…\", model = \"…\" }]".to_owned(),
                many => format!("has {many} targets, and falling back is not built yet: keep one"),
            };
            problems.at(&at("targets"), problem);
            return None;
        };
        problems.take(&at("targets[0].model"), is_name(&target.model));
        let Some(provider) = providers.get(&ProviderId::new(target.provider.as_str())) else {
            // One that is known but was refused has been told already.
            if written
                .iter()
                .all(|provider| provider.id != target.provider)
            {
                let known: Vec<_> = written.iter().map(|provider| &provider.id).collect();
                let problem = format!("{:?} is no provider; known: {known:?}", target.provider);
                problems.at(&at("targets[0].provider"), problem);
            }
            return None;
        };
        Some(VerifiedModel {
            id: self.id.clone(),
            provider: Arc::clone(provider),
            upstream_model: target.model.clone(),
            filter,
            created: self.created,
            owned_by: self
                .owned_by
                .clone()
                .unwrap_or_else(|| target.provider.clone()),
        })
    }
}

impl FilterSection {
    fn verify(&self, key: &str, problems: &mut Problems<'_>) -> FilterRules {
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
fn is_name(name: &str) -> Result<(), &'static str> {
    let length = name.chars().count();
    if (1..=256).contains(&length) && !name.chars().any(char::is_control) {
        Ok(())
    } else {
        Err("must be 1 to 256 printable characters")
    }
}
