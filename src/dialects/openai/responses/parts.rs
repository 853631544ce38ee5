//! Where usage, reasoning and logprobs stand in a response and in its events.

use std::ops::Range;

use serde_json::value::RawValue;

use crate::{
    dialects::Edited,
    raw_json::{RawObject, cut, span_in},
    settings::FilterRules,
};

/// Whether an event ends its stream with a failure that the SDKs know for one.
pub(super) fn is_failure(data: &str) -> bool {
    let event = RawObject::parse(data);
    let kind = event.ok().and_then(|event| event.get("type"));
    kind.is_some_and(|kind| matches!(kind.get(), "\"response.failed\"" | "\"error\""))
}

/// The text without the parts that the rules drop; every other byte stays. Items of reasoning stay
/// too, emptied: the SDKs find the items after them by their place.
pub(super) fn without(text: &str, rules: &FilterRules) -> Edited {
    let Ok(object) = RawObject::parse(text) else {
        return Edited::Same;
    };
    let kind = object.get("type").map_or("", |kind| kind.get());
    if rules.reasoning && kind.starts_with("\"response.reasoning") {
        return Edited::Nothing;
    }
    let mut cuts = Cuts {
        text,
        rules,
        ranges: Vec::new(),
    };
    cuts.of_response(&object, 0);
    for member in ["response", "item", "part"] {
        for inner in object.all(member) {
            let Ok(parsed) = RawObject::parse(inner.get()) else {
                continue;
            };
            let offset = span_in(text, inner.get()).start;
            match member {
                "response" => cuts.of_response(&parsed, offset),
                "item" => cuts.of_item(&parsed, offset),
                _ => cuts.of_part(&parsed, offset),
            }
        }
    }
    if cuts.ranges.is_empty() {
        return Edited::Same;
    }
    cuts.ranges.sort_by_key(|range| range.start);
    Edited::Changed(cut(text, &cuts.ranges))
}

struct Cuts<'a> {
    text: &'a str,
    rules: &'a FilterRules,
    ranges: Vec<Range<usize>>,
}

impl<'a> Cuts<'a> {
    fn members(&mut self, object: &RawObject<'_>, offset: usize, names: &[&str]) {
        let ranges = object.removals(names).into_iter();
        self.ranges
            .extend(ranges.map(|range| range.start + offset..range.end + offset));
    }

    fn of_response(&mut self, response: &RawObject<'a>, offset: usize) {
        let mut names = Vec::new();
        if self.rules.usage {
            names.push("usage");
        }
        // An event of text has them beside its piece.
        if self.rules.logprobs {
            names.push("logprobs");
        }
        if !names.is_empty() {
            self.members(response, offset, &names);
        }
        self.each(response, "output", Self::of_item);
    }

    fn of_item(&mut self, item: &RawObject<'a>, offset: usize) {
        let is_reasoning = item
            .get("type")
            .is_some_and(|kind| kind.get() == "\"reasoning\"");
        if is_reasoning {
            if self.rules.reasoning {
                self.empty(item, "summary");
                self.members(item, offset, &["content", "encrypted_content"]);
            }
        } else {
            self.each(item, "content", Self::of_part);
        }
    }

    fn of_part(&mut self, part: &RawObject<'a>, offset: usize) {
        if self.rules.logprobs {
            self.members(part, offset, &["logprobs"]);
        }
    }

    /// Cuts what stands between the brackets of a list: the SDKs require the list.
    fn empty(&mut self, object: &RawObject<'a>, name: &str) {
        for list in object.all(name) {
            let place = span_in(self.text, list.get());
            if list.get().starts_with('[') && place.len() > 2 {
                self.ranges.push(place.start + 1..place.end - 1);
            }
        }
    }

    fn each(
        &mut self,
        object: &RawObject<'a>,
        name: &str,
        of: fn(&mut Self, &RawObject<'a>, usize),
    ) {
        for list in object.all(name) {
            let items: Vec<&RawValue> = serde_json::from_str(list.get()).unwrap_or_default();
            for item in items {
                if let Ok(parsed) = RawObject::parse(item.get()) {
                    of(self, &parsed, span_in(self.text, item.get()).start);
                }
            }
        }
    }
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
    fn parts_go_wherever_they_stand_and_every_other_byte_stays() {
        for (text, parts, expected) in [
            (
                r#"{"type":"response.completed","response":{"output":[{"type":"reasoning","id":"r","summary":[{"text":"hm"}],"encrypted_content":"x"},{"type":"message","content":[{"type":"output_text","text":"a","logprobs":[1]}]}],"usage":{"a":1}}}"#,
                &["usage", "reasoning", "logprobs"][..],
                r#"{"type":"response.completed","response":{"output":[{"type":"reasoning","id":"r","summary":[]},{"type":"message","content":[{"type":"output_text","text":"a"}]}]}}"#,
            ),
            (
                r#"{ "type":"response.output_text.delta", "delta":"a", "logprobs":[1] }"#,
                &["logprobs"],
                r#"{ "type":"response.output_text.delta", "delta":"a" }"#,
            ),
            (
                r#"{"type":"response.output_item.done","item":{"type":"reasoning","summary":[],"encrypted_content":"x"}}"#,
                &["reasoning"],
                r#"{"type":"response.output_item.done","item":{"type":"reasoning","summary":[]}}"#,
            ),
        ] {
            assert_eq!(
                without(text, &rules(parts)),
                Edited::Changed(expected.to_owned())
            );
        }
    }

    #[test]
    fn what_holds_nothing_of_them_stays_and_pieces_of_reasoning_go() {
        let all = rules(&["usage", "reasoning", "logprobs"]);
        let text = r#"{"type":"response.output_text.delta","delta":"usage"}"#;
        assert_eq!(without(text, &all), Edited::Same);
        assert_eq!(without("[DONE]", &all), Edited::Same);
        let piece = r#"{"type":"response.reasoning_summary_text.delta","delta":"hm"}"#;
        assert_eq!(without(piece, &all), Edited::Nothing);
    }

    #[test]
    fn a_failure_is_known_by_its_type() {
        assert!(is_failure(r#"{"type":"response.failed","response":{}}"#));
        assert!(is_failure(r#"{"type":"error","message":"no"}"#));
        assert!(!is_failure(r#"{"type":"response.completed"}"#));
        assert!(!is_failure("no json"));
    }
}
