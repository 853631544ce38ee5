//! Which call of a function a piece belongs to.

use std::{
    borrow::Cow,
    hash::{DefaultHasher, Hash, Hasher},
};

use super::{
    super::wire::{CallPiece, Function, carries, text},
    nesting::Nesting,
};
use crate::{completion::Delta, providers::BadEvent};

/// Most calls of one answer: they are remembered, so there must be a bound. OpenAI takes 128 tools.
const MOST_CALLS: usize = 1024;

/// Most characters of the answer's id in the id of a call that has none; OpenAI takes 40 in all.
const MOST_OF_ID: usize = 24;

/// The calls of one answer, in the order in which they began.
///
/// A piece should say by its index which call it belongs to, and the first of them should have an id
/// and a name. Compatible servers leave any of that out, repeat it, or use an index twice.
#[derive(Debug, Default)]
pub(super) struct Calls {
    calls: Vec<Call>,
    answer: String,
}

/// What must be known of a call to find its pieces.
#[derive(Debug)]
struct Call {
    /// By the provider's count.
    index: Option<u64>,
    /// Of its id, which can be long. Two that collide are one call, which only their provider can cause.
    id_hash: Option<u64>,
    arguments: Nesting,
}

impl Calls {
    /// Whether the model has called any.
    pub(super) fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// Calls without an id get one after the answer's: of the index alone, those of two answers could
    /// not be told apart.
    pub(super) fn name_after(&mut self, answer: &str) {
        let known = |char: &char| char.is_ascii_alphanumeric();
        let chars: Vec<char> = answer.chars().filter(known).collect();
        self.answer = chars[chars.len().saturating_sub(MOST_OF_ID)..]
            .iter()
            .collect();
    }

    /// Adds what a piece of a call says.
    ///
    /// # Errors
    /// It has arguments of a call that has no name, or is one call too many.
    pub(super) fn read<'a>(
        &mut self,
        piece: CallPiece<'a>,
        deltas: &mut Vec<Delta<'a>>,
    ) -> Result<(), BadEvent> {
        if carries(piece.extra_content) {
            deltas.push(Delta::Lost("tool_calls.extra_content"));
        }
        if carries(piece.custom) {
            deltas.push(Delta::Lost("tool_calls.custom"));
        }
        let Some(function) = piece.function else {
            return Ok(());
        };
        let id = text(piece.id);
        let (name, arguments) = (text(function.name), arguments(&function)?);
        let id_hash = id.as_deref().map(hash);
        let found = self.find(piece.index, id_hash, name.is_some(), arguments.is_some());
        let place = match (found, name) {
            (Some(place), _) => place,
            (None, Some(name)) => {
                let place = self.begin(piece.index)?;
                let id = id.unwrap_or_else(|| self.made_up_id(place));
                deltas.push(Delta::ToolCall {
                    index: place,
                    id,
                    name,
                });
                place
            }
            // Nothing to tell yet: some begin with a piece that says only that there is a call.
            (None, None) if arguments.is_none() => return Ok(()),
            (None, None) => return Err(BadEvent),
        };
        let call = &mut self.calls[place];
        call.id_hash = call.id_hash.or(id_hash);
        if let Some(text) = arguments {
            call.arguments.feed(&text);
            deltas.push(Delta::ToolArguments { index: place, text });
        }
        Ok(())
    }

    /// The place of the call that a piece goes on with; `None` where it begins another.
    fn find(
        &self,
        index: Option<u64>,
        id: Option<u64>,
        has_name: bool,
        has_arguments: bool,
    ) -> Option<usize> {
        if index.is_none() {
            let with_id = |call: &Call| id.is_some() && call.id_hash == id;
            let known = self.calls.iter().rposition(with_id);
            // Without a name it can only go on with the last one.
            let last = || self.calls.len().checked_sub(1).filter(|_| !has_name);
            return known.or_else(last);
        }
        let place = self.calls.iter().rposition(|call| call.index == index)?;
        let call = &self.calls[place];
        let is_another = match (call.id_hash, id) {
            (Some(known), Some(id)) if known == id => false,
            // Gemini's server gives each of several whole calls the index 0, and vLLM's did so for
            // calls in pieces. It also gave each piece of one call another id, name and all, so a new
            // call begins only outside the arguments of the last.
            (Some(_), Some(_)) => has_name && !call.arguments.is_open(),
            _ => has_name && has_arguments && call.arguments.is_closed(),
        };
        (!is_another).then_some(place)
    }

    fn begin(&mut self, index: Option<u64>) -> Result<usize, BadEvent> {
        let place = self.calls.len();
        if place == MOST_CALLS {
            return Err(BadEvent);
        }
        self.calls.push(Call {
            index,
            id_hash: None,
            arguments: Nesting::default(),
        });
        Ok(place)
    }

    fn made_up_id(&self, place: usize) -> Cow<'static, str> {
        if self.answer.is_empty() {
            format!("call_{place}").into()
        } else {
            format!("call_{}_{place}", self.answer).into()
        }
    }
}

/// The arguments of a piece: text that is not empty, or an object where a server writes no string.
fn arguments<'a>(function: &Function<'a>) -> Result<Option<Cow<'a, str>>, BadEvent> {
    let Some(value) = function.arguments else {
        return Ok(None);
    };
    match value.get().as_bytes().first() {
        Some(b'"') => Ok(text(Some(value))),
        Some(b'{') => Ok(Some(value.get().into())),
        _ if value.get() == "null" => Ok(None),
        _ => Err(BadEvent),
    }
}

fn hash(id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish()
}
