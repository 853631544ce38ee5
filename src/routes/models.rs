//! `GET /v1/models` and `GET /v1/models/{id}`: what the settings define and the caller may use, in the
//! shape of OpenAI, or of Anthropic for a client that sends `anthropic-version`. Under `/.api/llm` there
//! is OpenAI's alone.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Failure, admission::admit, dialect_of, speaks_anthropic};
use crate::{
    dialects::{anthropic, openai},
    error::HeraldError,
    openapi,
};

/// All models, in the shape that the client knows.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum AnyModelList<'a> {
    OpenAi(openai::ModelList<'a>),
    Anthropic(anthropic::ModelList<'a>),
}

/// One of them.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum AnyModel<'a> {
    OpenAi(openai::Model<'a>),
    Anthropic(anthropic::Model<'a>),
}

/// Lists the models in the order of the settings.
#[utoipa::path(
    get,
    path = "/v1/models",
    tag = openapi::PUBLIC,
    params((
        "anthropic-version" = String,
        Header,
        description = "Asks for Anthropic's shape, all of it on one page; its value is not looked at"
    )),
    responses((
        status = 200,
        description = "What clients may ask for",
        body = AnyModelList<'static>
    ))
)]
pub(super) async fn list_models(request: HttpRequest) -> Result<HttpResponse, Failure> {
    let admitted = admit(&request).map_err(|error| failure(&request, error))?;
    let models = admitted.settings.models.iter().map(|model| &**model);
    let models = models.filter(|model| admitted.may_use(model));
    Ok(HttpResponse::Ok().json(if speaks_anthropic(&request) {
        AnyModelList::Anthropic(anthropic::ModelList::new(models))
    } else {
        AnyModelList::OpenAi(openai::ModelList::new(models))
    }))
}

/// Tells of one model. Names may hold slashes, so the path's whole rest is the name.
#[utoipa::path(
    get,
    path = "/v1/models/{id}",
    tag = openapi::PUBLIC,
    params(
        ("id" = String, Path, description = "The model's name; slashes may stand as they are"),
        (
            "anthropic-version" = String,
            Header,
            description = "Asks for Anthropic's shape; its value is not looked at"
        )
    ),
    responses(
        (status = 200, description = "The model", body = AnyModel<'static>),
        (status = 403, description = "`model_not_allowed`", body = openai::ErrorBody<'static>),
        (status = 404, description = "`model_not_found`", body = openai::ErrorBody<'static>)
    )
)]
pub(super) async fn retrieve_model(
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let admitted = admit(&request).map_err(|error| failure(&request, error))?;
    let model = admitted.model(&id);
    let model = model.map_err(|error| failure(&request, error.into()))?;
    Ok(HttpResponse::Ok().json(if speaks_anthropic(&request) {
        AnyModel::Anthropic(anthropic::Model::from(&**model))
    } else {
        AnyModel::OpenAi(openai::Model::from(&**model))
    }))
}

/// Lists the models under Sourcegraph's path.
#[utoipa::path(
    get,
    path = "/.api/llm/models",
    tag = openapi::PUBLIC,
    responses((
        status = 200,
        description = "What clients may ask for",
        body = openai::ModelList<'static>
    ))
)]
pub(super) async fn list_llm_models(request: HttpRequest) -> Result<HttpResponse, Failure> {
    let admitted = admit(&request).map_err(|error| failure(&request, error))?;
    let models = admitted.settings.models.iter().map(|model| &**model);
    let models = models.filter(|model| admitted.may_use(model));
    Ok(HttpResponse::Ok().json(openai::ModelList::new(models)))
}

/// Tells of one model by a name that may have its provider and a version before it.
#[utoipa::path(
    get,
    path = "/.api/llm/models/{id}",
    tag = openapi::PUBLIC,
    params(("id" = String, Path, description = "The model's name; slashes may stand as they are")),
    responses(
        (status = 200, description = "The model", body = openai::Model<'static>),
        (status = 403, description = "`model_not_allowed`", body = openai::ErrorBody<'static>),
        (status = 404, description = "`model_not_found`", body = openai::ErrorBody<'static>)
    )
)]
pub(super) async fn retrieve_qualified_model(
    request: HttpRequest,
    name: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let admitted = admit(&request).map_err(|error| failure(&request, error))?;
    let model = admitted.qualified_model(&name);
    let model = model.map_err(|error| failure(&request, error.into()))?;
    Ok(HttpResponse::Ok().json(openai::Model::from(&**model)))
}

fn failure(request: &HttpRequest, error: HeraldError) -> Failure {
    Failure::new(dialect_of(request), error)
}
