//! How models are told of (API reference, "Models", read November 2026).

use serde::Serialize;
use utoipa::ToSchema;

use crate::settings::VerifiedModel;

/// A model as the OpenAI API lists it (reference, "The model object", read November 2026).
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Model<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    owned_by: &'a str,
}

/// All of them.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ModelList<'a> {
    object: &'static str,
    data: Vec<Model<'a>>,
}

impl<'a> From<&'a VerifiedModel> for Model<'a> {
    fn from(model: &'a VerifiedModel) -> Self {
        Self {
            id: &model.id,
            object: "model",
            created: model.created,
            owned_by: &model.owned_by,
        }
    }
}

impl<'a> ModelList<'a> {
    /// In the order in which they are given.
    pub(crate) fn new(models: impl Iterator<Item = &'a VerifiedModel>) -> Self {
        Self {
            object: "list",
            data: models.map(Model::from).collect(),
        }
    }
}
