//! `GET /v1/models` and `GET /v1/models/{id}`: what the settings define and the caller may use.

use actix_web::{HttpRequest, HttpResponse, web};

use super::{Failure, admission::admit};
use crate::{
    dialects::openai::{ChatCompletions, ErrorBody, Model, ModelList},
    error::HeraldError,
    openapi,
};

/// Lists the models in the order of the settings.
#[utoipa::path(
    get,
    path = "/v1/models",
    tag = openapi::PUBLIC,
    responses((status = 200, description = "What clients may ask for", body = ModelList<'static>))
)]
pub(super) async fn list_models(request: HttpRequest) -> Result<HttpResponse, Failure> {
    let admitted = admit(&request).map_err(failure)?;
    let models = admitted.settings.models.iter().map(|model| &**model);
    let models = models.filter(|model| admitted.may_use(model));
    Ok(HttpResponse::Ok().json(ModelList::new(models)))
}

/// Tells of one model. Names may hold slashes, so the path's whole rest is the name.
#[utoipa::path(
    get,
    path = "/v1/models/{id}",
    tag = openapi::PUBLIC,
    params(("id" = String, Path, description = "The model's name; slashes may stand as they are")),
    responses(
        (status = 200, description = "The model", body = Model<'static>),
        (status = 403, description = "`model_not_allowed`", body = ErrorBody<'static>),
        (status = 404, description = "`model_not_found`", body = ErrorBody<'static>)
    )
)]
pub(super) async fn retrieve_model(
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let admitted = admit(&request).map_err(failure)?;
    let model = admitted.model(&id).map_err(|error| failure(error.into()))?;
    Ok(HttpResponse::Ok().json(Model::from(&**model)))
}

fn failure(error: HeraldError) -> Failure {
    Failure::new(&ChatCompletions, error)
}
