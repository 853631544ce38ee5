//! What every dialect reads of a request: that it is a JSON object, and members of it by name.

use std::ops::Range;

use bytes::Bytes;
use serde::Deserialize;

use crate::{error::RequestError, raw_json::RawObject};

/// The members of a request's body.
///
/// # Errors
/// It is no UTF-8, or no JSON object.
pub(super) fn members(body: &Bytes) -> Result<RawObject<'_>, RequestError> {
    let text = std::str::from_utf8(body).map_err(|error| RequestError::not_utf8(body, error))?;
    RawObject::parse(text).map_err(|error| RequestError::malformed(&error))
}

/// The model that is asked for, and where its value stands in the body.
///
/// # Errors
/// There is none, several, or it is no string.
pub(super) fn model(request: &RawObject<'_>) -> Result<(String, Range<usize>), RequestError> {
    let name = member(request, "model", "a string")?.ok_or(RequestError::ModelMissing)?;
    let value = request.get("model").ok_or(RequestError::ModelMissing)?;
    Ok((name, request.span(value)))
}

/// The value of one member; `None` where it is absent or null.
///
/// # Errors
/// It is not what is wanted, or stands there more than once.
pub(super) fn member<'a, T: Deserialize<'a>>(
    object: &RawObject<'a>,
    name: &'static str,
    wanted: &'static str,
) -> Result<Option<T>, RequestError> {
    if object.is_ambiguous(name) {
        // Herald and the provider could each act on another one of them.
        return Err(RequestError::Repeated { param: name });
    }
    let Some(value) = object.get(name) else {
        return Ok(None);
    };
    serde_json::from_str(value.get()).map_err(|_| RequestError::field(name, wanted))
}
