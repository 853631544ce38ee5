//! Where usage, reasoning and logprobs stand in a chunk or a completion.

use std::ops::Range;

use serde_json::value::RawValue;

use crate::{
    dialects::Edited,
    raw_json::{RawObject, cut, span_in},
    settings::FilterRules,
};

/// The members that hold reasoning, by the providers that write them: DeepSeek, vLLM, Z.ai and
/// Alibaba (`reasoning_content`), OpenRouter and Groq (`reasoning`, `reasoning_details`).
const REASONING: &[&str] = &["reasoning_content", "reasoning", "reasoning_details"];

/// The text without the parts that the rules drop; every other byte stays.
pub(in crate::dialects::openai) fn without(text: &str, rules: &FilterRules) -> Edited {
    let Ok(object) = RawObject::parse(text) else {
        return Edited::Same;
    };
    let mut cuts = Vec::new();
    if rules.usage {
        cuts.extend(object.removals(&["usage"]));
    }
    // A repeated member is cut each time: which of them a client reads is not known.
    let had_content = object.all("choices").fold(false, |had, choices| {
        let choices: Vec<&RawValue> = serde_json::from_str(choices.get()).unwrap_or_default();
        choices
            .iter()
            .for_each(|choice| cut_choice(text, choice.get(), rules, &mut cuts));
        had || !choices.is_empty()
    });
    if cuts.is_empty() {
        return Edited::Same;
    }
    cuts.sort_by_key(|range| range.start);
    let rest = cut(text, &cuts);
    if had_content && is_hollow(&rest) {
        Edited::Nothing
    } else {
        Edited::Changed(rest)
    }
}

fn cut_choice(text: &str, choice: &str, rules: &FilterRules, cuts: &mut Vec<Range<usize>>) {
    let Ok(object) = RawObject::parse(choice) else {
        return;
    };
    let offset = span_in(text, choice).start;
    let mut cut_from = |object: &RawObject<'_>, offset: usize, names: &[&str]| {
        let ranges = object.removals(names).into_iter();
        cuts.extend(ranges.map(|range| range.start + offset..range.end + offset));
    };
    if rules.logprobs {
        cut_from(&object, offset, &["logprobs"]);
    }
    if rules.reasoning {
        for part in ["delta", "message"]
            .iter()
            .flat_map(|name| object.all(name))
        {
            if let Ok(inner) = RawObject::parse(part.get()) {
                cut_from(&inner, span_in(text, part.get()).start, REASONING);
            }
        }
    }
}

/// Whether a chunk has nothing left to tell: each of its deltas is empty and none is finished.
fn is_hollow(text: &str) -> bool {
    let Ok(value) = serde_json::from_str::<serde_json::Value>(text) else {
        return false;
    };
    let Some(choices) = value["choices"].as_array() else {
        return false;
    };
    let has_usage = value.get("usage").is_some_and(|usage| !usage.is_null());
    !has_usage
        && choices.iter().all(|choice| {
            let delta = choice["delta"].as_object();
            delta.is_some_and(serde_json::Map::is_empty) && choice["finish_reason"].is_null()
        })
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
    fn parts_go_and_every_other_byte_stays() {
        for (text, parts, expected) in [
            (
                r#"{ "x" :1.0, "choices":[{"index":0,"delta":{"content":"a"},"logprobs":{"content":[]},"finish_reason":null}],"usage":{"a":1}}"#,
                &["logprobs", "usage"][..],
                r#"{ "x" :1.0, "choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}"#,
            ),
            (
                r#"{"choices":[{"delta":{"role":"assistant","reasoning_content":"hm","content":null}}]}"#,
                &["reasoning"],
                r#"{"choices":[{"delta":{"role":"assistant","content":null}}]}"#,
            ),
            (
                r#"{"choices":[{"message":{"reasoning":"hm","reasoning_details":[],"content":"a"},"logprobs":null}]}"#,
                &["reasoning", "logprobs"],
                r#"{"choices":[{"message":{"content":"a"}}]}"#,
            ),
        ] {
            assert_eq!(
                without(text, &rules(parts)),
                Edited::Changed(expected.to_owned())
            );
        }
    }

    #[test]
    fn what_holds_no_such_part_is_left_alone() {
        for text in [r#"{"choices":[{"delta":{"content":"a"}}]}"#, "[DONE]", "{}"] {
            assert_eq!(
                without(text, &rules(&["usage", "reasoning", "logprobs"])),
                Edited::Same
            );
        }
    }

    #[test]
    fn a_chunk_of_reasoning_alone_is_dropped_whole_but_not_with_a_finish() {
        let chunk = r#"{"choices":[{"delta":{"reasoning":"hm"},"finish_reason":null}]}"#;
        assert_eq!(without(chunk, &rules(&["reasoning"])), Edited::Nothing);
        let last = r#"{"choices":[{"delta":{"reasoning":"hm"},"finish_reason":"stop"}]}"#;
        assert_eq!(
            without(last, &rules(&["reasoning"])),
            Edited::Changed(r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#.to_owned())
        );
    }
}
