//! What every request to an API passes first: the gateway that is mounted here, its settings, its keys.

use std::{sync::Arc, time::SystemTime};

use actix_web::{HttpRequest, web};

use crate::{
    auth::authenticate,
    error::{GatewayError, HeraldError, RequestError},
    limits::{LimitError, limit::Limit},
    middleware::{foreign_page::is_foreign, record_of},
    settings::{ClientKey, VerifiedModel, VerifiedSettings},
    startup::{Gateway, Worker},
};

/// A caller who was let in.
pub(super) struct Admitted {
    pub(super) gateway: web::Data<Gateway>,
    /// The settings that the request keeps to its end.
    pub(super) settings: Arc<VerifiedSettings>,
    /// Whose key it is; `None` where none is asked for.
    pub(super) key: Option<Arc<ClientKey>>,
}

/// Lets in whoever asks for a completion, as [`admit`] does, if the worker has room for one more: that
/// is asked first, so that a refusal costs as little as it can.
pub(super) fn admit_completion(request: &HttpRequest) -> Result<Admitted, HeraldError> {
    let gateway = gateway_of(request)?;
    let settings = gateway.settings();
    let worker = request
        .app_data::<Worker>()
        .ok_or(GatewayError::NotMounted)?;
    if worker
        .overload()
        .refuses(gateway, settings.server.overload_lag)
    {
        let error = LimitError::Late;
        gateway.metrics().refused(&error);
        return Err(error.into());
    }
    admit_under(request, gateway, settings)
}

/// Takes the settings that this request keeps to its end, and lets the caller in or not.
pub(super) fn admit(request: &HttpRequest) -> Result<Admitted, HeraldError> {
    let gateway = gateway_of(request)?;
    admit_under(request, gateway, gateway.settings())
}

fn gateway_of(request: &HttpRequest) -> Result<&web::Data<Gateway>, GatewayError> {
    let gateway = request.app_data::<web::Data<Gateway>>();
    gateway.ok_or(GatewayError::NotMounted)
}

fn admit_under(
    request: &HttpRequest,
    gateway: &web::Data<Gateway>,
    settings: Arc<VerifiedSettings>,
) -> Result<Admitted, HeraldError> {
    let key = authenticate(&settings.auth, request.headers(), SystemTime::now())?.cloned();
    if let Some(key) = &key {
        record_of(request).note_key(key);
    }
    if is_foreign(request, &settings) {
        return Err(RequestError::ForeignPage.into());
    }
    let running = gateway.drain().enter().ok_or(GatewayError::Draining)?;
    record_of(request).note_running(running);
    Ok(Admitted {
        gateway: gateway.clone(),
        settings,
        key,
    })
}

impl Admitted {
    /// The model of this id, if there is one and the caller may use it.
    pub(super) fn model(&self, id: &str) -> Result<&Arc<VerifiedModel>, RequestError> {
        let model = self.settings.models.get(id);
        let model = model.ok_or_else(|| RequestError::unknown_model(id))?;
        if !self.may_use(model) {
            return Err(RequestError::model_not_allowed(id));
        }
        Ok(model)
    }

    /// The model of this name, of which a provider and a version may be a part: `provider/model` or
    /// `provider::version::model`. What is named like the whole is meant first, then what is named like
    /// the rest behind them.
    pub(super) fn qualified_model(&self, name: &str) -> Result<&Arc<VerifiedModel>, RequestError> {
        if self.settings.models.get(name).is_some() {
            return self.model(name);
        }
        let unqualified = match name.splitn(3, "::").collect::<Vec<_>>()[..] {
            [_, _, model] => Some(model),
            _ => name.split_once('/').map(|(_, model)| model),
        };
        let known = unqualified.filter(|name| self.settings.models.get(name).is_some());
        self.model(known.unwrap_or(name))
    }

    /// The limits that a request of the caller for a model meets.
    pub(super) fn limits<'a>(
        &'a self,
        model: &'a VerifiedModel,
    ) -> impl Iterator<Item = &'a Arc<Limit>> {
        let of_key = self.key.iter().flat_map(|key| &key.limits);
        let all = self.settings.limits.all.iter();
        all.chain(&model.limits).chain(of_key)
    }

    /// Whether the caller may use a model.
    pub(super) fn may_use(&self, model: &VerifiedModel) -> bool {
        let key = self.key.as_ref();
        key.is_none_or(|key| key.models.contains(&model.id))
    }
}
