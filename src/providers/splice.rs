//! A client's body with few edits, everything else byte for byte as the client wrote it.

use std::ops::Range;

use bytes::Bytes;

use crate::completion::CompletionRequest;

/// The body in pieces, slices of what the client sent with the edits between them: the model by the
/// provider's name, and one more where there is one to make.
pub(super) fn splice(
    request: &CompletionRequest,
    model: &str,
    more: Option<(Range<usize>, String)>,
) -> Vec<Bytes> {
    let model = serde_json::Value::from(model).to_string();
    let mut edits = vec![(request.places.model.clone(), model)];
    edits.extend(more);
    edits.sort_by_key(|(range, _)| range.start);

    let mut pieces = Vec::with_capacity(2 * edits.len() + 1);
    let mut from = 0;
    for (range, text) in edits {
        pieces.push(request.body.slice(from..range.start));
        pieces.push(Bytes::from(text));
        from = range.end;
    }
    pieces.push(request.body.slice(from..));
    pieces.retain(|piece| !piece.is_empty());
    pieces
}
