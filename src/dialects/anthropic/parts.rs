//! Where usage and reasoning stand in an event or a message.
//!
//! The SDKs fail on an event without its usage, and find blocks by their place. So neither is taken
//! out: counts become 0, and of a thought what can be read becomes empty, just as Anthropic itself
//! omits it. Its signature and redacted thoughts stay: they tell nobody anything but Anthropic, which
//! refuses the next turn without them. Log probabilities there are none.

use std::ops::Range;

use serde_json::value::RawValue;

use crate::{
    dialects::Edited,
    raw_json::{RawObject, span_in},
    settings::FilterRules,
};

/// The counts that the SDKs must have.
const NO_USAGE: &str = r#"{"input_tokens":0,"output_tokens":0}"#;

/// The text without the parts that the rules drop; every other byte stays.
pub(super) fn without(text: &str, rules: &FilterRules) -> Edited {
    let Ok(object) = RawObject::parse(text) else {
        return Edited::Same;
    };
    let is_thinking_delta = object
        .all("delta")
        .any(|delta| is_of(delta, "thinking_delta"));
    if rules.reasoning && is_thinking_delta {
        return Edited::Nothing;
    }
    let mut edits = Vec::new();
    edit_message(text, &object, rules, &mut edits);
    for message in object.all("message") {
        if let Ok(message) = RawObject::parse(message.get()) {
            edit_message(text, &message, rules, &mut edits);
        }
    }
    if rules.reasoning {
        for block in object.all("content_block") {
            empty_thought(text, block, &mut edits);
        }
    }
    if edits.is_empty() {
        return Edited::Same;
    }
    edits.sort_by_key(|(range, _)| range.start);
    Edited::Changed(edited(text, &edits))
}

type Edit = (Range<usize>, &'static str);

/// Of a message, or of an event that tells a part of one.
fn edit_message(text: &str, message: &RawObject<'_>, rules: &FilterRules, edits: &mut Vec<Edit>) {
    if rules.usage {
        let usages = message.all("usage").filter(|usage| usage.get() != "null");
        edits.extend(usages.map(|usage| (span_in(text, usage.get()), NO_USAGE)));
    }
    if rules.reasoning {
        for content in message.all("content") {
            let blocks: Vec<&RawValue> = serde_json::from_str(content.get()).unwrap_or_default();
            for block in blocks {
                empty_thought(text, block, edits);
            }
        }
    }
}

fn empty_thought(text: &str, block: &RawValue, edits: &mut Vec<Edit>) {
    if is_of(block, "thinking")
        && let Ok(block) = RawObject::parse(block.get())
    {
        let thoughts = block.all("thinking");
        let thoughts = thoughts.filter(|thought| thought.get() != r#""""#);
        edits.extend(thoughts.map(|thought| (span_in(text, thought.get()), r#""""#)));
    }
}

/// Whether an object is of a type.
fn is_of(value: &RawValue, kind: &str) -> bool {
    let object = RawObject::parse(value.get());
    object.is_ok_and(|object| {
        object
            .all("type")
            .any(|told| serde_json::from_str::<String>(told.get()).is_ok_and(|told| told == kind))
    })
}

fn edited(text: &str, edits: &[Edit]) -> String {
    let mut rest = String::with_capacity(text.len());
    let mut from = 0;
    for (range, new) in edits {
        rest.push_str(&text[from..range.start]);
        rest.push_str(new);
        from = range.end;
    }
    rest.push_str(&text[from..]);
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(parts: &[&str]) -> FilterRules {
        FilterRules {
            drop_events: Vec::new(),
            usage: parts.contains(&"usage"),
            reasoning: parts.contains(&"reasoning"),
            logprobs: parts.contains(&"logprobs"),
        }
    }

    #[test]
    fn parts_are_emptied_and_every_other_byte_stays() {
        for (text, parts, expected) in [
            (
                r#"{"type":"message_start", "message":{"id":"m","content":[],"usage":{"input_tokens":9,"x":{}}}}"#,
                &["usage"][..],
                r#"{"type":"message_start", "message":{"id":"m","content":[],"usage":{"input_tokens":0,"output_tokens":0}}}"#,
            ),
            (
                r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":3} }"#,
                &["usage", "reasoning"],
                r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"input_tokens":0,"output_tokens":0} }"#,
            ),
            (
                r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"hm","signature":"s"}}"#,
                &["reasoning"],
                r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":"s"}}"#,
            ),
            (
                r#"{"type":"message","content":[{"type":"thinking","thinking":"a\"b","signature":"s"},{"type":"redacted_thinking","data":"d"},{"type":"text","text":"c"}],"usage":{"output_tokens":3}}"#,
                &["reasoning", "usage"],
                r#"{"type":"message","content":[{"type":"thinking","thinking":"","signature":"s"},{"type":"redacted_thinking","data":"d"},{"type":"text","text":"c"}],"usage":{"input_tokens":0,"output_tokens":0}}"#,
            ),
        ] {
            assert_eq!(
                without(text, &rules(parts)),
                Edited::Changed(expected.to_owned())
            );
        }
    }

    #[test]
    fn more_of_a_thought_is_dropped_whole_and_its_block_and_signature_stay() {
        let delta = r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}"#;
        assert_eq!(without(delta, &rules(&["reasoning"])), Edited::Nothing);
        assert_eq!(without(delta, &rules(&["usage"])), Edited::Same);
        for text in [
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"s"}}"#,
            r#"{"type":"content_block_stop","index":0}"#,
            r#"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"thinking_delta"}}"#,
            "[1]",
            "",
        ] {
            let all = rules(&["usage", "reasoning", "logprobs"]);
            assert_eq!(without(text, &all), Edited::Same, "{text}");
        }
    }
}
