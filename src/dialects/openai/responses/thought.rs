//! How a provider's proof of a thought travels in `encrypted_content`, the one member of an item of
//! reasoning that clients give back unread.
//!
//! What stands there begins with a word of Herald's, so that a proof which Herald has carried is told
//! apart from one that OpenAI has written. It is no secret and proves nothing by itself: its provider
//! judges it.

use std::borrow::Cow;

const SIGNATURE: &str = "herald-signature:";
const REDACTED: &str = "herald-redacted:";

/// What an `encrypted_content` holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Proof<'a> {
    /// The signature of the text beside it.
    Signature(Cow<'a, str>),
    /// A whole thought that only its provider can read.
    Redacted(Cow<'a, str>),
    /// What Herald has not written.
    Foreign,
}

impl<'a> Proof<'a> {
    /// Reads what a client gives back.
    pub(super) fn read(content: Cow<'a, str>) -> Self {
        if content.starts_with(SIGNATURE) {
            Self::Signature(behind(content, SIGNATURE.len()))
        } else if content.starts_with(REDACTED) {
            Self::Redacted(behind(content, REDACTED.len()))
        } else {
            Self::Foreign
        }
    }
}

/// A signature as `encrypted_content`.
pub(super) fn signed(signature: &str) -> String {
    [SIGNATURE, signature].concat()
}

/// A thought that only its provider can read as `encrypted_content`.
pub(super) fn redacted(data: &str) -> String {
    [REDACTED, data].concat()
}

fn behind(text: Cow<'_, str>, length: usize) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[length..]),
        Cow::Owned(mut text) => {
            text.drain(..length);
            Cow::Owned(text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_carried_is_read_again_and_nothing_else_is_taken_for_it() {
        for owned in [false, true] {
            let told = |text: String| -> Cow<'static, str> {
                if owned {
                    Cow::Owned(text)
                } else {
                    Cow::Borrowed(text.leak())
                }
            };
            assert_eq!(
                Proof::read(told(signed("Eq=="))),
                Proof::Signature("Eq==".into())
            );
            assert_eq!(
                Proof::read(told(redacted("Em=="))),
                Proof::Redacted("Em==".into())
            );
            assert_eq!(Proof::read(told("gAAAAABo".to_owned())), Proof::Foreign);
        }
    }
}
