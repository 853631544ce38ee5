//! Admission, first part: who is it?

use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::{error::AuthError, settings::Auth};

/// Checks the caller's `Authorization: Bearer KEY` against the keys of the settings.
///
/// Keys are kept as SHA-256 hashes and compared in constant time, all of them each time, so that
/// neither the settings nor the time an answer takes tells anything about a key.
///
/// # Errors
/// There is no key, or it is none of ours.
pub fn authenticate(auth: &Auth, headers: &HeaderMap) -> Result<(), AuthError> {
    let Auth::Keys(keys) = auth else {
        return Ok(());
    };
    let value = headers.get(AUTHORIZATION).ok_or(AuthError::Missing)?;
    let key = value
        .as_bytes()
        .split_at_checked(SCHEME.len())
        .and_then(|(scheme, key)| {
            scheme
                .eq_ignore_ascii_case(SCHEME)
                .then(|| key.trim_ascii())
        });
    let key = key
        .filter(|key| !key.is_empty())
        .ok_or(AuthError::Missing)?;
    let hash: [u8; 32] = Sha256::digest(key).into();
    let is_known = keys.iter().fold(subtle::Choice::from(0), |known, key| {
        known | key.sha256.ct_eq(&hash)
    });
    if is_known.into() {
        Ok(())
    } else {
        Err(AuthError::Unknown)
    }
}

const SCHEME: &[u8] = b"Bearer ";

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;
    use crate::settings::ClientKey;

    fn check(value: Option<&'static str>) -> Result<(), AuthError> {
        let key = |text: &str| ClientKey {
            id: text.into(),
            sha256: Sha256::digest(text).into(),
        };
        let mut headers = HeaderMap::new();
        if let Some(value) = value {
            headers.insert(AUTHORIZATION, HeaderValue::from_static(value));
        }
        authenticate(&Auth::Keys(vec![key("alpha"), key("beta")]), &headers)
    }

    #[test]
    fn each_defined_key_is_let_in_and_no_other() {
        assert_eq!(check(Some("Bearer alpha")), Ok(()));
        assert_eq!(check(Some("bearer  beta ")), Ok(()));
        assert_eq!(check(Some("Bearer gamma")), Err(AuthError::Unknown));
        assert_eq!(check(Some("Bearer alph")), Err(AuthError::Unknown));
    }

    #[test]
    fn what_is_no_bearer_key_counts_as_none() {
        for value in [
            None,
            Some("Basic YWxwaGE="),
            Some("Bearer "),
            Some("alpha"),
            Some(""),
        ] {
            assert_eq!(check(value), Err(AuthError::Missing), "{value:?}");
        }
    }

    #[test]
    fn an_open_gateway_asks_for_none() {
        assert_eq!(authenticate(&Auth::Open, &HeaderMap::new()), Ok(()));
    }
}
