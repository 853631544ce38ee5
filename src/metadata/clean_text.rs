//! Makes an upstream's error text fit to be shown to a client.
//!
//! Providers answer failures with whatever is at hand: JSON, a proxy's HTML page, a message that
//! repeats the key it refused. What leaves here is one line of valid UTF-8 without markup and
//! without anything that looks like a key.

use std::{borrow::Cow, ops::Range};

mod html;
mod secrets;

const ELLIPSIS: &str = "…";

/// Cleans `text` and cuts it to `max_bytes` with an ellipsis (without one below 3 bytes).
///
/// Invalid UTF-8 becomes U+FFFD; control characters and runs of white space one space; invisible
/// formatting characters vanish; markup is removed as `html.rs` says and keys become `[redacted]` as
/// `secrets.rs` says. Linear in the input, which the caller bounds.
pub fn clean(text: &[u8], max_bytes: usize) -> String {
    // Keys come after markup and white space, which could hide their beginning; the cut comes last,
    // since half a key would not be recognised.
    let text = String::from_utf8_lossy(text);
    let text = visible(&text);
    let text = fold_spaces(&html::strip(&text));
    bound(secrets::redact(&text), max_bytes)
}

/// Whether [`clean`] would change the text beyond cutting it: if not, it may pass verbatim.
pub fn needs_cleaning(text: &str) -> bool {
    clean(text.as_bytes(), usize::MAX) != text
}

/// Longest text that [`holds_markup_or_secret`] looks into, in bytes.
const MAX_LOOKED_INTO: usize = 16 * 1024;

/// Whether a text holds markup or a key; white space alone does not count, nor does what the text
/// would be cut to. For JSON that is to pass as it stands. It errs on the safe side: an escaped ASCII
/// character could hide either, and a text over 16 KiB is not looked into, because that would hold
/// up every stream of the worker.
pub fn holds_markup_or_secret(text: &str) -> bool {
    if text.len() > MAX_LOOKED_INTO || text.contains("\\u00") {
        return true;
    }
    let seen = visible(text);
    secrets::redact(&html::strip(&seen)) != seen
}

/// Where keys and account ids stand that are known by how they begin, in bytes. Hardly ever anything
/// else: for texts in which most of what looks drawn at random is none.
pub(crate) fn known_keys(text: &str) -> Vec<Range<usize>> {
    secrets::known_places(text)
}

/// Where everything stands that [`clean`] takes for a key, in bytes; the places may overlap.
pub(crate) fn likely_keys(text: &str) -> Vec<Range<usize>> {
    secrets::likely_places(text)
}

/// Every character that takes no place on a line becomes a space, or vanishes where a reader would
/// see nothing: otherwise one such character in the middle would hide a key or a tag.
fn visible(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Cow::Borrowed(text);
    }
    text.chars()
        .filter(|char| !is_invisible(*char))
        .map(|char| {
            if char.is_control() || char.is_whitespace() {
                ' '
            } else {
                char
            }
        })
        .collect()
}

/// Soft hyphens, zero-width, bidirectional and tag characters (Unicode general category Cf).
fn is_invisible(char: char) -> bool {
    matches!(char,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn fold_spaces(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        if !folded.is_empty() {
            folded.push(' ');
        }
        folded.push_str(word);
    }
    folded
}

fn bound(mut text: String, max_bytes: usize) -> String {
    if text.len() <= max_bytes {
        return text;
    }
    let ellipsis = if max_bytes < ELLIPSIS.len() {
        ""
    } else {
        ELLIPSIS
    };
    text.truncate(text.floor_char_boundary(max_bytes - ellipsis.len()));
    text.push_str(ellipsis);
    text
}

#[cfg(test)]
mod tests;
