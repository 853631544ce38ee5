//! `models.targets`: who serves a model, in which order, and how its load is shared.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    diagnostics::Problems,
    models::{FilterRules, is_name},
    providers::{
        GatewayFamily, ProviderKind, ProviderSection, VerifiedProvider, sourcegraph::why_no_family,
    },
};
use crate::{
    metadata::header_policy::KeyHeaderRules,
    providers::ProviderId,
    suggest::{did_you_mean, listed},
};

/// Most targets of a model.
const MAX_TARGETS: usize = 64;

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TargetSection {
    /// The id of a provider.
    pub(super) provider: String,
    /// What the provider calls the model.
    pub(super) model: String,
    /// When it is asked, 0 to 9: a later group where no earlier one serves.
    #[serde(default)]
    #[schemars(range(min = 0, max = 9))]
    group: u32,
    /// Its share of its group's load next to that of the others, 1 to 1000.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1000))]
    weight: u32,
}

fn one() -> u32 {
    1
}

/// A model as one of its targets serves it. Settings `models.targets`.
#[derive(Clone, Debug)]
pub struct VerifiedTarget {
    /// What clients ask for. Setting `models.id`.
    pub model: String,
    /// Who serves it. Setting `models.targets.provider`.
    pub provider: Arc<VerifiedProvider>,
    /// What the provider calls it. Setting `models.targets.model`.
    pub upstream_model: String,
    /// Its share of its group's load, from 1 to 1,000. Setting `models.targets.weight`, default 1.
    pub weight: u32,
    /// What is dropped of its streams. Setting `models.filter`.
    pub filter: FilterRules,
    /// The header rules of the key that asks for it. No setting of a target: `None` until a request is
    /// made with such a key.
    pub key_headers: Option<Arc<KeyHeaderRules>>,
    /// Whether a request is refused of which something would be lost in translation. Setting
    /// `models.strict`, default false.
    pub strict: bool,
    /// The key of its setting, such as `models[0].targets[1]`.
    pub settings_key: String,
}

/// What the targets of a model have in common.
pub(super) struct OfModel<'a> {
    pub(super) id: &'a str,
    /// The key of the model's setting, such as `models[0]`.
    pub(super) key: &'a str,
    pub(super) filter: FilterRules,
    pub(super) strict: bool,
}

/// Verifies a model's targets; gives them in groups, the first to be asked first. `None` where one is
/// wrong, and then it has been told. `written` tells an unknown provider from one that is known but was
/// refused.
pub(super) fn verify(
    targets: &[TargetSection],
    model: &OfModel<'_>,
    written: &[ProviderSection],
    providers: &BTreeMap<ProviderId, Arc<VerifiedProvider>>,
    problems: &mut Problems<'_>,
) -> Option<Vec<Vec<Arc<VerifiedTarget>>>> {
    let at = format!("{}.targets", model.key);
    if targets.is_empty() {
        let problem = "must have a target: [{ provider = \"…\", model = \"…\" }]";
        problems.at(&at, problem);
        return None;
    }
    if targets.len() > MAX_TARGETS {
        let problem = format!("has {} targets, more than {MAX_TARGETS}", targets.len());
        problems.at(&at, problem);
        return None;
    }
    let mut groups: BTreeMap<u32, Vec<Arc<VerifiedTarget>>> = BTreeMap::new();
    let mut known = HashSet::new();
    let mut is_right = true;
    for (index, target) in targets.iter().enumerate() {
        let key = format!("{at}[{index}]");
        if !known.insert((&target.provider, &target.model)) {
            problems.at(
                &key,
                "this model of this provider is a target already; a weight makes it serve more",
            );
            is_right = false;
        }
        match target.verify(&key, model, written, providers, problems) {
            Some(verified) => groups
                .entry(target.group)
                .or_default()
                .push(verified.into()),
            None => is_right = false,
        }
    }
    is_right.then(|| groups.into_values().collect())
}

impl TargetSection {
    fn verify(
        &self,
        key: &str,
        model: &OfModel<'_>,
        written: &[ProviderSection],
        providers: &BTreeMap<ProviderId, Arc<VerifiedProvider>>,
        problems: &mut Problems<'_>,
    ) -> Option<VerifiedTarget> {
        let at = |name: &str| format!("{key}.{name}");
        problems.take(&at("model"), is_name(&self.model));
        let Some(provider) = providers.get(&ProviderId::new(self.provider.as_str())) else {
            self.tell_unknown_provider(&at("provider"), written, problems);
            return None;
        };
        if let ProviderKind::Sourcegraph { family: None, .. } = provider.kind
            && GatewayFamily::of_model(&self.model).is_none()
        {
            problems.at(&at("model"), why_no_family(&self.model));
        }
        Some(VerifiedTarget {
            model: model.id.to_owned(),
            provider: Arc::clone(provider),
            upstream_model: self.model.clone(),
            weight: self.weight,
            filter: model.filter.clone(),
            key_headers: None,
            strict: model.strict,
            settings_key: key.to_owned(),
        })
    }

    fn tell_unknown_provider(
        &self,
        key: &str,
        written: &[ProviderSection],
        problems: &mut Problems<'_>,
    ) {
        let known = || written.iter().map(|provider| provider.id.as_str());
        // One that is known but was refused has been told already, and so has one whose id is wrong,
        // which may be the one that was meant.
        let is_told = known().any(|id| id == self.provider)
            || problems.is_told("providers")
            || (0..written.len()).any(|index| problems.is_told(&format!("providers[{index}].id")));
        if is_told {
            return;
        }
        problems
            .error(key, format!("{:?} is no provider", self.provider))
            .hint_if(did_you_mean(&self.provider, known()))
            .note(match written {
                [] => "no provider is defined: add [[providers]]".to_owned(),
                _ => format!("known: {}", listed(known(), '"')),
            })
            .tell();
    }
}
