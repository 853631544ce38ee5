//! Turns as messages.

use std::{borrow::Cow, mem};

use super::{
    assistant,
    wire::{Content, ContentPart, FileWire, ImageUrl, Message, PartWire, Url},
};
use crate::{
    completion::{Part, PartKind, Role, Source, Turn},
    providers::openai::ChatQuirks,
    translation::Losses,
};

/// Between the texts of a message that may not stand in a list.
const BETWEEN_TEXTS: &str = "\n\n";

/// Writes all turns. A user's turn becomes a message for each result of a tool, and one of the rest.
pub(super) fn write<'a>(
    turns: Vec<Turn<'a>>,
    quirks: &ChatQuirks,
    losses: &mut Losses,
) -> Vec<Message<'a>> {
    let mut writer = Writer {
        messages: Vec::with_capacity(turns.len()),
        moved: Vec::new(),
        quirks,
        losses,
    };
    for turn in turns {
        match turn.role {
            Role::System => writer.system(turn.parts),
            Role::User => writer.user(turn.parts),
            Role::Assistant => writer.assistant(turn.parts),
        }
    }
    writer.tell_moved();
    writer.messages
}

struct Writer<'a, 'w> {
    messages: Vec<Message<'a>>,
    /// Pictures and documents that tools gave. A tool's message holds only text, and nothing may stand
    /// between a call's results, so they wait for the user's next message.
    moved: Vec<Part<'a>>,
    quirks: &'w ChatQuirks,
    losses: &'w mut Losses,
}

impl<'a> Writer<'a, '_> {
    fn system(&mut self, parts: Vec<Part<'a>>) {
        self.tell_moved();
        let content = content(parts, self.quirks, self.losses);
        self.messages.push(Message::of("system", content));
    }

    fn user(&mut self, parts: Vec<Part<'a>>) {
        let is_result = |part: &Part<'_>| matches!(part.kind, PartKind::ToolResult { .. });
        let (results, said): (Vec<_>, Vec<_>) = parts.into_iter().partition(is_result);
        let has_results = !results.is_empty();
        for result in results {
            self.result(result);
        }
        if has_results && said.is_empty() {
            return;
        }
        let mut all = mem::take(&mut self.moved);
        all.extend(said);
        let content = content(all, self.quirks, self.losses);
        self.messages.push(Message::of("user", content));
    }

    fn result(&mut self, part: Part<'a>) {
        if part.cache_control.is_some() {
            self.losses.add("cache_control");
        }
        let PartKind::ToolResult {
            call_id,
            content: given,
            is_error,
        } = part.kind
        else {
            return;
        };
        if is_error {
            // The text of an error mostly says that it is one; to add words to it is not ours.
            self.losses.add("tool_result.is_error");
        }
        let mut texts = Vec::new();
        for part in given {
            match name_if_moved(&part.kind) {
                None => texts.push(part),
                Some(name) => {
                    self.losses.add(name);
                    self.moved.push(part);
                }
            }
        }
        let content = content(texts, self.quirks, self.losses);
        self.messages.push(Message {
            tool_call_id: Some(call_id),
            ..Message::of("tool", content)
        });
    }

    fn assistant(&mut self, parts: Vec<Part<'a>>) {
        self.tell_moved();
        let message = assistant::message(parts, self.quirks, self.losses);
        self.messages.extend(message);
    }

    fn tell_moved(&mut self) {
        if !self.moved.is_empty() {
            let moved = mem::take(&mut self.moved);
            let content = content(moved, self.quirks, self.losses);
            self.messages.push(Message::of("user", content));
        }
    }
}

/// The name of the loss, if a part cannot stay in a tool's message.
fn name_if_moved(kind: &PartKind<'_>) -> Option<&'static str> {
    match kind {
        PartKind::Image { source, .. } if !is_text(source) => Some("tool_result.image"),
        PartKind::File { source, .. } if !is_text(source) => Some("tool_result.file"),
        _ => None,
    }
}

fn is_text(source: &Source<'_>) -> bool {
    matches!(source, Source::Text(_))
}

/// The content of a message: a string where it is one text, else parts.
pub(super) fn content<'a>(
    parts: Vec<Part<'a>>,
    quirks: &ChatQuirks,
    losses: &mut Losses,
) -> Content<'a> {
    let parts: Vec<ContentPart<'a>> = parts
        .into_iter()
        .filter_map(|part| content_part(part, quirks, losses))
        .collect();
    let is_plain = |part: &ContentPart<'_>| {
        matches!(part.kind, PartWire::Text { .. }) && part.cache_control.is_none()
    };
    let is_string = (parts.len() <= 1 || !quirks.text_lists) && parts.iter().all(is_plain);
    if !is_string {
        return Content::Parts(parts);
    }
    let mut texts = parts.into_iter().filter_map(|part| match part.kind {
        PartWire::Text { text } => Some(text),
        _ => None,
    });
    let mut all = texts.next().unwrap_or_default();
    for text in texts {
        all += BETWEEN_TEXTS;
        all += text;
    }
    Content::Text(all)
}

fn content_part<'a>(
    part: Part<'a>,
    quirks: &ChatQuirks,
    losses: &mut Losses,
) -> Option<ContentPart<'a>> {
    let kind = match part.kind {
        PartKind::Text(text)
        | PartKind::Refusal(text)
        | PartKind::Image {
            source: Source::Text(text),
            ..
        } => PartWire::Text { text },
        PartKind::Image { source, detail } => PartWire::ImageUrl {
            image_url: ImageUrl {
                url: Url(source),
                detail,
            },
        },
        PartKind::File {
            source: Source::Text(text),
            name,
        } => {
            if name.is_some() {
                losses.add("file.name");
            }
            PartWire::Text { text }
        }
        PartKind::File { source, name } => PartWire::File {
            file: FileWire {
                filename: name.unwrap_or_else(|| file_name(&source)),
                file_data: Url(source),
            },
        },
        PartKind::Thinking { .. } | PartKind::RedactedThinking(_) => {
            losses.add("thinking");
            return None;
        }
        PartKind::ToolCall { .. } | PartKind::ToolResult { .. } => {
            losses.add("messages.content");
            return None;
        }
    };
    let cache_control = part.cache_control.filter(|_| {
        if !quirks.cache_control {
            losses.add("cache_control");
        }
        quirks.cache_control
    });
    Some(ContentPart {
        kind,
        cache_control,
    })
}

/// A name for a document that has none: OpenAI requires one.
fn file_name(source: &Source<'_>) -> Cow<'static, str> {
    match source {
        Source::Base64 { media_type, .. } if media_type != "application/pdf" => "document".into(),
        _ => "document.pdf".into(),
    }
}
