//! Admission, first part: who is it?

use std::{sync::Arc, time::SystemTime};

use actix_web::http::header::{AUTHORIZATION, HeaderMap, HeaderName};
use sha2::{Digest, Sha256};

use crate::{
    error::AuthError,
    settings::{Auth, ClientKey},
};

/// Checks the caller's key against the keys of the settings; `None` where none is asked for.
///
/// It may stand in `Authorization`, under the scheme `Bearer` or `token`, in `x-api-key` or in
/// `api-key`: the SDKs of OpenAI, Sourcegraph, Anthropic and Azure each have their own. Several that
/// are one and the same are one; several different ones are refused, because somebody before Herald
/// could have looked at another.
///
/// Keys are known by their SHA-256 alone and found in the same time however many there are; see
/// [`ClientKeys::find`](crate::settings::ClientKeys::find).
///
/// # Errors
/// There is no key, or several; it is none of ours, or it has expired at `now`.
pub fn authenticate<'a>(
    auth: &'a Auth,
    headers: &HeaderMap,
    now: SystemTime,
) -> Result<Option<&'a Arc<ClientKey>>, AuthError> {
    let Auth::Keys(keys) = auth else {
        return Ok(None);
    };
    let hash: [u8; 32] = Sha256::digest(sent_key(headers)?).into();
    let key = keys.find(&hash).ok_or(AuthError::Unknown)?;
    if key.has_expired(now) {
        return Err(AuthError::Expired);
    }
    Ok(Some(key))
}

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const API_KEY: HeaderName = HeaderName::from_static("api-key");
const SCHEMES: [&[u8]; 2] = [b"Bearer ", b"token "];

/// The one key that the caller sent, wherever it stands.
fn sent_key(headers: &HeaderMap) -> Result<&[u8], AuthError> {
    let credentials = headers.get_all(AUTHORIZATION);
    let with_scheme = credentials.filter_map(|value| without_scheme(value.as_bytes()));
    let bare = headers.get_all(X_API_KEY).chain(headers.get_all(API_KEY));
    let mut keys = with_scheme
        .chain(bare.map(|value| value.as_bytes()))
        .map(<[u8]>::trim_ascii)
        .filter(|key| !key.is_empty());
    let key = keys.next().ok_or(AuthError::Missing)?;
    if keys.any(|other| other != key) {
        return Err(AuthError::Several);
    }
    Ok(key)
}

/// What stands behind a scheme that we know, in any case; credentials of another scheme are not ours.
fn without_scheme(value: &[u8]) -> Option<&[u8]> {
    SCHEMES.iter().find_map(|scheme| {
        let (sent, key) = value.split_at_checked(scheme.len())?;
        sent.eq_ignore_ascii_case(scheme).then_some(key)
    })
}

#[cfg(test)]
mod tests {
    use std::{
        collections::{BTreeMap, HashMap},
        time::Duration,
    };

    use actix_web::http::header::HeaderValue;

    use super::*;
    use crate::settings::Settings;

    const EXPIRES: &str = "2100-01-01T00:00:00Z";

    fn auth(keys: &[&str]) -> Auth {
        let mut toml = String::new();
        for (index, key) in keys.iter().enumerate() {
            let hash = hex::encode(Sha256::digest(key));
            toml.push_str(&format!(
                "[[keys]]\nid = \"key-{index}\"\nsha256 = \"{hash}\"\nexpires = \"{EXPIRES}\"\n"
            ));
        }
        let settings = Settings::from_toml(&toml).unwrap();
        settings.verify(&HashMap::new()).unwrap().auth
    }

    fn check(sent: &[(&'static str, &'static str)]) -> Result<String, AuthError> {
        let mut headers = HeaderMap::new();
        for (name, value) in sent {
            let name = HeaderName::from_static(name);
            headers.append(name, HeaderValue::from_static(value));
        }
        let auth = auth(&["alpha", "beta"]);
        let key = authenticate(&auth, &headers, SystemTime::now())?;
        Ok(key.expect("keys are asked for").id.clone())
    }

    #[test]
    fn each_defined_key_is_let_in_and_no_other() {
        let check = |value| check(&[("authorization", value)]);
        assert_eq!(check("Bearer alpha").unwrap(), "key-0");
        assert_eq!(check("bearer  beta ").unwrap(), "key-1");
        assert_eq!(check("Bearer gamma"), Err(AuthError::Unknown));
        assert_eq!(check("Bearer alph"), Err(AuthError::Unknown));
    }

    #[test]
    fn a_key_may_stand_wherever_a_known_sdk_puts_it() {
        for sent in [
            ("authorization", "token beta"),
            ("authorization", "TOKEN beta"),
            ("x-api-key", "beta"),
            ("api-key", " beta "),
        ] {
            assert_eq!(check(&[sent]).unwrap(), "key-1", "{sent:?}");
        }
    }

    #[test]
    fn one_key_in_several_places_is_one_and_different_ones_are_refused() {
        let twice = check(&[("authorization", "Bearer beta"), ("x-api-key", "beta")]);
        assert_eq!(twice.unwrap(), "key-1");
        for other in ["alpha", "unknown"] {
            let sent = [("authorization", "Bearer beta"), ("x-api-key", other)];
            assert_eq!(check(&sent), Err(AuthError::Several));
        }
        // What a browser or a proxy adds beside is no key of ours.
        let beside = check(&[("authorization", "Basic YWxwaGE="), ("api-key", "beta")]);
        assert_eq!(beside.unwrap(), "key-1");
    }

    #[test]
    fn what_is_no_key_counts_as_none() {
        for value in ["Basic YWxwaGE=", "Bearer ", "alpha", ""] {
            let sent = [("authorization", value)];
            assert_eq!(check(&sent), Err(AuthError::Missing), "{value:?}");
        }
        assert_eq!(check(&[]), Err(AuthError::Missing));
        assert_eq!(check(&[("x-api-key", "")]), Err(AuthError::Missing));
    }

    #[test]
    fn a_key_opens_until_the_moment_it_expires() {
        let auth = auth(&["alpha"]);
        let headers = HeaderMap::from_iter([(X_API_KEY, HeaderValue::from_static("alpha"))]);
        let expires = humantime::parse_rfc3339(EXPIRES).unwrap();
        let before = expires - Duration::from_millis(1);
        assert!(authenticate(&auth, &headers, before).is_ok());
        let after = authenticate(&auth, &headers, expires);
        assert_eq!(after.unwrap_err(), AuthError::Expired);
    }

    #[test]
    fn an_open_gateway_asks_for_none() {
        let let_in = authenticate(&Auth::Open, &HeaderMap::new(), SystemTime::now());
        assert_eq!(let_in, Ok(None));
    }

    #[test]
    fn a_hundred_thousand_keys_are_verified_and_each_is_found_by_its_hash() {
        let names: Vec<_> = (0..100_000).map(|number| format!("hk_{number}")).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let Auth::Keys(keys) = auth(&names) else {
            panic!("keys are defined");
        };
        // One map is what makes the time of a look-up that of one key, whatever their number.
        let ids: BTreeMap<_, _> = names
            .iter()
            .map(|name| {
                let hash = Sha256::digest(name).into();
                (*name, keys.find(&hash).expect("a key of ours").id.clone())
            })
            .collect();
        assert_eq!(ids["hk_0"], "key-0");
        assert_eq!(ids["hk_99999"], "key-99999");
        assert_eq!(keys.find(&Sha256::digest("hk_100000").into()), None);
    }
}
