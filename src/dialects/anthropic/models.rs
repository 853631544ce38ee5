//! How models are told of (API reference, "Models", read November 2026).

use std::time::{Duration, UNIX_EPOCH};

use serde::Serialize;
use utoipa::ToSchema;

use crate::settings::VerifiedModel;

/// A model as the Anthropic API lists it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MessagesModel)]
pub(crate) struct Model<'a> {
    r#type: &'static str,
    id: &'a str,
    display_name: &'a str,
    /// RFC 3339.
    created_at: String,
}

/// All of them, on one page.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MessagesModelList)]
pub(crate) struct ModelList<'a> {
    data: Vec<Model<'a>>,
    has_more: bool,
    first_id: Option<&'a str>,
    last_id: Option<&'a str>,
}

impl<'a> From<&'a VerifiedModel> for Model<'a> {
    fn from(model: &'a VerifiedModel) -> Self {
        // Verification has bounded it to the years that RFC 3339 can write.
        let created = UNIX_EPOCH + Duration::from_secs(model.created);
        Self {
            r#type: "model",
            id: &model.id,
            display_name: &model.catalogue.display_name,
            created_at: humantime::format_rfc3339_seconds(created).to_string(),
        }
    }
}

impl<'a> ModelList<'a> {
    /// In the order in which they are given.
    pub(crate) fn new(models: impl Iterator<Item = &'a VerifiedModel>) -> Self {
        let data: Vec<_> = models.map(Model::from).collect();
        Self {
            has_more: false,
            first_id: data.first().map(|model| model.id),
            last_id: data.last().map(|model| model.id),
            data,
        }
    }
}
