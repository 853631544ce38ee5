//! What was said, in the order that Anthropic takes it in.

use std::borrow::Cow;

use super::{
    body::{Block, Content, Message},
    parts,
};
use crate::{
    completion::{PartKind, Role, TURNS, Turn},
    error::RequestError,
    translation::Losses,
};

/// The system prompt, and the messages of both sides by turns.
pub(super) struct Said<'a> {
    pub(super) system: Option<Content<'a>>,
    pub(super) messages: Vec<Message<'a>>,
}

/// Writes the turns: system prompts to the front, turns of one side joined into one message, and in
/// each message of the user the results of tools first, where Anthropic looks for them.
pub(super) fn write<'a>(
    turns: &'a [Turn<'_>],
    losses: &mut Losses,
) -> Result<Said<'a>, RequestError> {
    let mut system = Vec::new();
    let mut sides: Vec<(Role, Vec<Block<'a>>)> = Vec::new();
    for turn in turns {
        let mut blocks = Vec::with_capacity(turn.parts.len());
        for part in &turn.parts {
            if turn.role == Role::System && !matches!(part.kind, PartKind::Text(_)) {
                return Err(RequestError::field(
                    TURNS,
                    "without images, files and calls in the system prompt",
                ));
            }
            blocks.extend(parts::block(part, losses)?);
        }
        if blocks.is_empty() {
            continue;
        }
        match sides.last_mut() {
            _ if turn.role == Role::System => {
                if !sides.is_empty() {
                    losses.add("messages.system");
                }
                system.append(&mut blocks);
            }
            Some((role, said)) if *role == turn.role => said.append(&mut blocks),
            _ => sides.push((turn.role, blocks)),
        }
    }
    if sides.first().is_none_or(|(role, _)| *role != Role::User) {
        return Err(RequestError::field(
            TURNS,
            "begun by the user with a text that is not empty: the model's provider takes no others",
        ));
    }
    if let Some((Role::Assistant, blocks)) = sides.last_mut() {
        trim_end(blocks, losses);
    }
    let messages = sides
        .into_iter()
        .filter_map(|(role, mut blocks)| {
            if role == Role::User {
                // Stable: the order within each kind stays.
                blocks.sort_by_key(|block| !matches!(block, Block::ToolResult { .. }));
            }
            let role = match role {
                Role::Assistant => "assistant",
                Role::User | Role::System => "user",
            };
            Content::of(blocks).map(|content| Message { role, content })
        })
        .collect();
    Ok(Said {
        system: Content::of(system),
        messages,
    })
}

/// The beginning of an answer that the model is to carry on may not end in white space.
fn trim_end(blocks: &mut [Block<'_>], losses: &mut Losses) {
    let Some(Block::Text { text, .. }) = blocks.last_mut() else {
        return;
    };
    let kept = text.trim_end().len();
    if kept < text.len() {
        losses.add("messages.trailing_space");
        match text {
            Cow::Borrowed(borrowed) => *borrowed = &borrowed[..kept],
            Cow::Owned(owned) => owned.truncate(kept),
        }
    }
}

impl Said<'_> {
    /// Whether the conversation ends in results of calls before which no thought stands: a model that is
    /// told to think by a budget must be given its thoughts back there.
    pub(super) fn answers_a_call_without_thought(&self) -> bool {
        let [.., calls, results] = &self.messages[..] else {
            return false;
        };
        let first = |message: &Message<'_>, is: fn(&Block<'_>) -> bool| match &message.content {
            Content::Text(_) => false,
            Content::Blocks(blocks) => blocks.first().is_some_and(is),
        };
        let is_thought = |block: &Block<'_>| {
            matches!(
                block,
                Block::Thinking { .. } | Block::RedactedThinking { .. }
            )
        };
        first(results, |block| matches!(block, Block::ToolResult { .. }))
            && !first(calls, is_thought)
    }
}
