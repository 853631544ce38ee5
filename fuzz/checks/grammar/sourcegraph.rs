//! Sourcegraph's stream from version 2 on, as Cody's client reads it.

use serde_json::{Value, json};

use super::{Grammar, text};

/// Members of an event, of which each has one of these at least.
const MEMBERS: [&str; 6] = [
    "deltaText",
    "delta_thinking",
    "delta_tool_calls",
    "logprobs",
    "stopReason",
    "usage",
];

/// Follows one stream.
#[derive(Default)]
pub(super) struct Sourcegraph {
    is_any: bool,
    has_stopped: bool,
    has_ended: bool,
}

impl Grammar for Sourcegraph {
    fn take(&mut self, name: Option<&str>, data: Option<&Value>) {
        let data = data.expect("there is no `[DONE]`");
        match name {
            Some("completion") => {
                assert!(!self.has_stopped, "something after the reason to stop");
                self.completion(data);
            }
            Some("done") => {
                assert!(self.is_any, "`done` without anything before it");
                assert_eq!(*data, json!({}));
                self.has_ended = true;
            }
            other => panic!("the event {other:?}"),
        }
    }

    fn has_ended(&self) -> bool {
        self.has_ended
    }
}

impl Sourcegraph {
    fn completion(&mut self, data: &Value) {
        self.is_any = true;
        let members = data.as_object().expect("it is an object");
        assert!(!members.is_empty(), "a completion that says nothing");
        for (name, value) in members {
            assert!(MEMBERS.contains(&name.as_str()), "the member {name}");
            match name.as_str() {
                "usage" => assert!(value["total_tokens"].is_u64(), "{value}"),
                "delta_tool_calls" => {
                    for call in value.as_array().expect("a list of calls") {
                        assert!(!text(call, "id").is_empty(), "{call}");
                        assert_eq!(text(call, "type"), "function");
                        text(&call["function"], "name");
                        text(&call["function"], "arguments");
                    }
                }
                "logprobs" => {
                    let length = |list: &str| value[list].as_array().expect("a list").len();
                    let tokens = length("tokens");
                    assert!(tokens > 0, "{value}");
                    for list in ["token_logprobs", "top_logprobs", "text_offset"] {
                        assert_eq!(length(list), tokens, "{list}: {value}");
                    }
                }
                _ => assert!(value.is_string(), "{name}"),
            }
        }
        self.has_stopped = members.contains_key("stopReason");
    }
}
