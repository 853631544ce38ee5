//! `GET /v1/models` and `GET /v1/models/{id}`: what the settings define.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;

use super::{Failure, admit};
use crate::{error::RequestError, settings::VerifiedModel};

/// A model as the OpenAI API lists it (reference, "The model object", read November 2026).
#[derive(Serialize)]
struct Model<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    owned_by: &'a str,
}

#[derive(Serialize)]
struct List<'a> {
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

/// Lists the models in the order of the settings.
pub(crate) async fn list_models(request: HttpRequest) -> Result<HttpResponse, Failure> {
    let (_, settings) = admit(&request)?;
    let data = settings
        .models
        .iter()
        .map(|model| Model::from(&**model))
        .collect();
    Ok(HttpResponse::Ok().json(List {
        object: "list",
        data,
    }))
}

/// Tells of one model. Names may hold slashes, so the path's whole rest is the name.
pub(crate) async fn retrieve_model(
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let (_, settings) = admit(&request)?;
    let model = settings
        .models
        .get(&id)
        .ok_or_else(|| Failure::from(RequestError::unknown_model(&id)))?;
    Ok(HttpResponse::Ok().json(Model::from(&**model)))
}
