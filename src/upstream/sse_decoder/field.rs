//! One line of a frame: which field it is.

/// The fields that matter to us. Names are compared literally, without case folding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FieldName {
    Data,
    Event,
    Id,
}

/// Splits a whole line into name and value; `None` for every line that is to be ignored.
///
/// One space after the colon is not part of the value. A line without a colon is a name with an empty
/// value.
pub(super) fn parse_field(line: &[u8]) -> Option<(FieldName, &[u8])> {
    let (name, rest) = if let Some(rest) = line.strip_prefix(b"data") {
        (FieldName::Data, rest)
    } else if let Some(rest) = line.strip_prefix(b"event") {
        (FieldName::Event, rest)
    } else {
        (FieldName::Id, line.strip_prefix(b"id")?)
    };
    match rest {
        [b':', b' ', value @ ..] | [b':', value @ ..] => Some((name, value)),
        [] => Some((name, rest)),
        _ => None,
    }
}

/// Whether a line that begins so is, or may yet become, one that [`parse_field`] knows.
pub(super) fn may_become_field(line: &[u8]) -> bool {
    let names: [&[u8]; 3] = [b"data:", b"event:", b"id:"];
    names
        .iter()
        .any(|name| line.starts_with(name) || name.starts_with(line))
}
