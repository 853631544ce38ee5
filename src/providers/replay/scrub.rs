//! Takes out of a captured answer what is nobody else's business: keys, cookies, accounts.
//!
//! In a header the whole value gives way to a word; the name and its place stay. In a body each
//! byte gives way to a `*`, so that lengths, chunk borders and JSON stay as they came.

mod spelled;

use std::ops::Range;

use bytes::Bytes;
use secrecy::ExposeSecret;

use super::recording::Answer;
use crate::{
    metadata::{clean_text, never_forward},
    settings::VerifiedProvider,
};

/// What stands in a recording for a header's value, and for a name that holds a key.
const REDACTED: &str = "redacted";

/// What stands there for each byte of a body.
const MASK: u8 = b'*';

/// Shortest key, and shortest name of an account, that is looked for: a shorter one could be a
/// common word.
const MIN_SECRET_BYTES: usize = 8;

/// Words that condemn a header's name wherever they stand in it, beside those of the never-forward
/// set: what Herald never passes on, its operator may still not want in a file.
const PRIVATE_WORDS: [&str; 12] = [
    "access-token",
    "account",
    "auth-token",
    "client-ip",
    "connecting-ip",
    "customer",
    "project",
    "secret",
    "subscription",
    "tenant",
    "user-id",
    "workspace",
];

/// What was scrubbed of an answer: names and counts, never values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scrubbed {
    /// The headers whose values are gone, as they are spelled in the recording, in order.
    pub headers: Vec<String>,
    /// How often the body held what the provider was called with.
    pub own_secrets: usize,
    /// How many other places of the body looked like a key or named an account.
    pub other_places: usize,
}

/// Knows the secrets that one provider is called with.
pub struct Scrubber<'a> {
    secrets: Vec<&'a [u8]>,
}

impl<'a> Scrubber<'a> {
    /// Scrubs what this provider answers: of its `api_key`, and of what stands in its `headers` under
    /// a name that a secret may have. What has fewer than 8 bytes is not looked for.
    #[must_use]
    pub fn new(provider: &'a VerifiedProvider) -> Self {
        let key = provider.api_key.as_ref();
        let key = key.map(|key| key.expose_secret().as_bytes());
        let extra = provider.headers.iter().filter(|(name, _)| {
            is_private(name.as_str())
                || ["auth", "key", "token"]
                    .iter()
                    .any(|word| name.as_str().contains(word))
        });
        // `Bearer` and the like are no secret.
        let extra =
            extra.filter_map(|(_, value)| value.as_bytes().rsplit(|byte| *byte == b' ').next());
        let secrets = key.into_iter().chain(extra);
        Self {
            secrets: secrets
                .filter(|secret| secret.len() >= MIN_SECRET_BYTES)
                .collect(),
        }
    }

    /// Whether a text holds one of them, in whichever case and escapes.
    #[must_use]
    pub fn finds_secret(&self, text: &[u8]) -> bool {
        !self.secret_places(text).is_empty()
    }

    /// Scrubs an answer.
    ///
    /// Headers: those whose name says that they hold a credential, an account or an address, and those
    /// that hold a key. Bodies: what the provider was called with, also where a border of chunks cuts it,
    /// and other keys and account ids with a known beginning. A body under an error status is a text for
    /// people, so it is also freed of whatever looks like a key and of the accounts that the headers
    /// named; in completions too much looks like one.
    pub fn scrub(&self, answer: &mut Answer) -> Scrubbed {
        let mut scrubbed = Scrubbed::default();
        let mut accounts = Vec::new();
        for (name, value) in &mut answer.headers {
            let is_private = is_private(name);
            let name_holds_key = self.finds_key(name.as_bytes());
            if name_holds_key {
                // Names are told.
                REDACTED.clone_into(name);
            }
            if is_private || name_holds_key || self.finds_key(value) {
                let value = std::mem::replace(value, Bytes::from_static(REDACTED.as_bytes()));
                scrubbed.headers.push(name.clone());
                if is_private && value.len() >= MIN_SECRET_BYTES {
                    accounts.push(value);
                }
            }
        }
        let mut body = answer
            .chunks
            .iter()
            .flat_map(|chunk| &chunk.data)
            .copied()
            .collect::<Vec<_>>();
        let own = self.secret_places(&body);
        scrubbed.own_secrets = mask(&mut body, own);
        let others = if answer.status >= 400 {
            let named = accounts
                .iter()
                .flat_map(|account| places_of(&body, account));
            likely_keys(&body).into_iter().chain(named).collect()
        } else {
            known_keys(&body)
        };
        scrubbed.other_places = mask(&mut body, others);
        let mut body = Bytes::from(body);
        for chunk in &mut answer.chunks {
            chunk.data = body.split_to(chunk.data.len());
        }
        scrubbed
    }

    fn finds_key(&self, text: &[u8]) -> bool {
        self.finds_secret(text) || !known_keys(text).is_empty()
    }

    fn secret_places(&self, text: &[u8]) -> Vec<Range<usize>> {
        let secrets = self.secrets.iter();
        secrets
            .flat_map(|secret| spelled::places(text, secret))
            .collect()
    }
}

fn is_private(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    never_forward::tells_of_the_operator(&name)
        || PRIVATE_WORDS.iter().any(|word| name.contains(word))
}

/// Masks the places and tells how many of them were not masked before.
fn mask(body: &mut [u8], places: Vec<Range<usize>>) -> usize {
    let masked = places.into_iter().filter(|place| {
        let place = &mut body[place.clone()];
        let is_news = place.iter().any(|byte| *byte != MASK);
        place.fill(MASK);
        is_news
    });
    masked.count()
}

fn known_keys(bytes: &[u8]) -> Vec<Range<usize>> {
    places_in_text(bytes, clean_text::known_keys)
}

fn likely_keys(bytes: &[u8]) -> Vec<Range<usize>> {
    places_in_text(bytes, clean_text::likely_keys)
}

/// Looks through those parts of the bytes that are text.
fn places_in_text(bytes: &[u8], look: fn(&str) -> Vec<Range<usize>>) -> Vec<Range<usize>> {
    let mut places = Vec::new();
    let mut start = 0;
    for part in bytes.utf8_chunks() {
        let found = look(part.valid()).into_iter();
        places.extend(found.map(|place| place.start + start..place.end + start));
        start += part.valid().len() + part.invalid().len();
    }
    places
}

fn places_of(bytes: &[u8], sought: &[u8]) -> Vec<Range<usize>> {
    let found = memchr::memmem::find_iter(bytes, sought);
    found.map(|at| at..at + sought.len()).collect()
}

impl std::fmt::Debug for Scrubber<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scrubber").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
