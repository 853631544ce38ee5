//! What becomes of a header, said so that it can be explained.

use actix_web::http::header::{HeaderName, HeaderValue};

/// What becomes of a header: of one value of a head, or of a name whatever its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate<'a> {
    /// It goes out.
    Passes {
        /// By this rule.
        rule: RuleOf,
        /// The name it goes out under.
        name: &'a HeaderName,
    },
    /// It stays here.
    Dropped(Dropped),
}

/// Whose rule it is, and its number there, counted from zero. What a provider's rules let out goes out
/// before what a key's do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RuleOf {
    /// One of the provider's policy: of the global list, or of its own.
    Provider(usize),
    /// One that the key adds.
    Key(usize),
}

/// Why a value stays here.
///
/// The last three are not the policy's to find: they are decided where a
/// [`ResponseHead`](crate::response::head::ResponseHead) is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// No rule can let its name through; the text completes "it is never forwarded: …".
    Never(&'static str),
    /// No rule names it.
    Unlisted,
    /// A rule lets it out, and this rule of the key, by its number, takes it away again.
    Hidden(usize),
    /// The head's own `Connection` field ties it to its connection.
    Nominated,
    /// It is `x-should-retry`, and the client sees another status than the one it speaks of.
    OtherStatus,
    /// It holds more than visible ASCII, spaces and tabs.
    NotPlain,
    /// [`HeaderCaps`](super::HeaderCaps) leave no room for it.
    OverCap,
    /// It repeats the key that the provider was called with.
    RepeatsKey,
    /// It is a `retry-after` that no client could read.
    BadRetryAfter,
    /// It is a second `retry-after`.
    SecondRetryAfter,
}

/// One value of a head, and what becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traced<'a> {
    /// The name it came under.
    pub header: &'a HeaderName,
    /// The value.
    pub value: &'a HeaderValue,
    /// What becomes of it.
    pub fate: Fate<'a>,
}
