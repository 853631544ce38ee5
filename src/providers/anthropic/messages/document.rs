//! Whether a document is a whole message, and what it took.

use crate::{
    completion::TokenUsage,
    providers::{BadDocument, error_body},
    raw_json::RawObject,
};

/// Checks the syntax to the end, and that it is no error in the place of a message.
pub(super) fn check(document: &[u8]) -> Result<(), BadDocument> {
    let text = std::str::from_utf8(document).map_err(|_| BadDocument::NoDocument)?;
    let object = RawObject::parse(text).map_err(|error| BadDocument::of_syntax(&error))?;
    if object
        .get("type")
        .is_some_and(|kind| kind.get() == "\"error\"")
    {
        return Err(BadDocument::Error(error_body::from_body(document)));
    }
    Ok(())
}

/// The usage that a whole message tells.
pub(super) fn usage(document: &[u8]) -> Option<TokenUsage> {
    let document = RawObject::parse(std::str::from_utf8(document).ok()?).ok()?;
    super::event::usage(document.get("usage")?)
}
