//! Who may ask for a model, or whether one key may.

use std::{sync::Arc, time::SystemTime};

use herald::{
    error::{AuthError, HeraldError, RequestError, respond::rescue_own},
    settings::{AllowedModels, Auth, ClientKey, VerifiedModel},
};
use humantime::format_rfc3339_seconds;

use super::super::known::{AskedKey, Known, no_key_counts};

/// Who may ask for the model, or what holds for one key. `is_key_asked` where an id was given, whether
/// or not a key is looked at.
pub(super) fn may_ask(
    known: &Known,
    key: Option<AskedKey<'_>>,
    is_key_asked: bool,
    model: &VerifiedModel,
) -> String {
    let keys = match (&known.settings.auth, key) {
        (_, Some(asked)) => return whether_it_may(known, asked, model),
        (Auth::Open, None) if is_key_asked => return no_key_counts(known),
        (Auth::Open, None) => return format!("everybody, {}", known.place("auth")),
        (Auth::Keys(keys), None) => keys,
    };
    let now = SystemTime::now();
    let may = |key: &&Arc<ClientKey>| key.models.contains(&model.id) && !key.has_expired(now);
    let place = known.place("keys");
    match (keys.iter().filter(may).count(), keys.len()) {
        (some, all) if some == all => format!("each of the [[keys]], {place}"),
        (0, _) => format!("none of the [[keys]], {place}"),
        (some, all) => format!("{some} of the {all} [[keys]], {place}"),
    }
}

/// Whether one key may ask for the model, and what a client would be told if not.
fn whether_it_may(known: &Known, asked: AskedKey<'_>, model: &VerifiedModel) -> String {
    let at = |name: &str| known.place(&asked.setting(name));
    let told = |error: HeraldError| {
        let status = rescue_own(&error).status.as_u16();
        format!("; a client gets {status} {}", error.code())
    };
    let key = asked.key;
    let id = &key.id;
    if let Some(expires) = key.expires.filter(|_| key.has_expired(SystemTime::now())) {
        let (place, told) = (at("expires"), told(AuthError::Expired.into()));
        let ended = format_rfc3339_seconds(expires);
        return format!("{id} may not: it expired at {ended}, {place}{told}");
    }
    match (&key.models, key.models.matching(&model.id)) {
        (AllowedModels::All, _) => format!("{id} may, {}", at("")),
        (AllowedModels::Matching(_), Some(pattern)) => {
            format!("{id} may, {}", at(&format!("models[{pattern}]")))
        }
        (AllowedModels::Matching(_), None) => {
            let error = RequestError::model_not_allowed(&model.id);
            let (place, told) = (at("models"), told(error.into()));
            format!("{id} may not: no pattern matches, {place}{told}")
        }
    }
}
