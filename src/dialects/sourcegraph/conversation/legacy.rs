//! What clients of version 0 mean: they know no system prompt, and leave room for the answer.

use std::borrow::Cow;

use crate::completion::{PartKind, Role, Turn};

/// How Cody told a model who it is, when there was no other way.
const SYSTEM_PROMPT: &str = "You are Cody, an AI";

/// Makes a conversation of such messages; each has its place in the request beside it.
pub(super) fn convert(turns: &mut Vec<(usize, Turn<'_>)>) {
    // The first message is the system prompt, and the second what the model was made to say to it.
    if let Some((_, first)) = turns.first_mut()
        && begins(first, SYSTEM_PROMPT)
    {
        first.role = Role::System;
        turns.drain(1..turns.len().min(2));
    }
    // What is asked and got no answer is gone with the answer, but for the last question.
    let mut place = 0;
    while place + 2 < turns.len() {
        let is_question = turns[place].1.role == Role::User;
        let answer = &turns[place + 1].1;
        if is_question && answer.role == Role::Assistant && answer.parts.is_empty() {
            turns.drain(place..place + 2);
        } else {
            place += 1;
        }
    }
    // The last message is what the answer begins with, where it is the model's.
    if let Some((_, last)) = turns.last_mut()
        && last.role == Role::Assistant
    {
        if let Some(part) = last.parts.last_mut()
            && let PartKind::Text(text) = &mut part.kind
        {
            trim_end(text);
            if text.is_empty() {
                last.parts.pop();
            }
        }
        if last.parts.is_empty() {
            turns.pop();
        }
    }
}

fn begins(turn: &Turn<'_>, with: &str) -> bool {
    let first = turn.parts.first().map(|part| &part.kind);
    matches!(first, Some(PartKind::Text(text)) if text.starts_with(with))
}

/// Some providers refuse a beginning that ends in white space.
fn trim_end(text: &mut Cow<'_, str>) {
    match text {
        Cow::Borrowed(text) => *text = text.trim_end(),
        Cow::Owned(text) => text.truncate(text.trim_end().len()),
    }
}
