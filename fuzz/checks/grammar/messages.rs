//! Anthropic's events: the start, one block after the other, the reason for the end, the end.

use serde_json::Value;

use super::{Grammar, count, text};

/// A stream.
#[derive(Default)]
pub(super) struct Messages {
    has_begun: bool,
    /// The types of the blocks so far.
    blocks: Vec<String>,
    /// Whether the last block is open.
    is_open: bool,
    /// Whether the open block takes nothing more: a thought that is signed.
    is_signed: bool,
    has_reason: bool,
    has_ended: bool,
}

impl Grammar for Messages {
    fn take(&mut self, name: Option<&str>, data: Option<&Value>) {
        let event = data.expect("there is no [DONE] here");
        assert_eq!(name, event["type"].as_str(), "the name is the type");
        let kind = text(event, "type");
        assert_eq!(self.has_begun, kind != "message_start");
        assert_eq!(self.has_reason, kind == "message_stop");
        match kind {
            "message_start" => {
                let message = &event["message"];
                assert_eq!(message["role"], "assistant");
                assert_eq!(message["content"], Value::Array(Vec::new()));
                assert_eq!(message["stop_reason"], Value::Null);
                count(&message["usage"], "input_tokens");
                self.has_begun = true;
            }
            "content_block_start" => {
                assert!(!self.is_open, "a block inside another");
                assert_eq!(count(event, "index"), self.blocks.len());
                let block = text(&event["content_block"], "type");
                self.blocks.push(block.to_owned());
                (self.is_open, self.is_signed) = (true, false);
            }
            "content_block_delta" => self.delta(count(event, "index"), &event["delta"]),
            "content_block_stop" => {
                assert!(self.is_open, "nothing is open");
                assert_eq!(count(event, "index"), self.blocks.len() - 1);
                let is_thought = self.blocks.last().is_some_and(|kind| kind == "thinking");
                assert_eq!(
                    is_thought, self.is_signed,
                    "a thought without its signature"
                );
                self.is_open = false;
            }
            "message_delta" => {
                assert!(!self.is_open, "a block was left open");
                let reason = event["delta"].get("stop_reason");
                assert!(reason.is_some_and(|it| it.is_null() || it.is_string()));
                count(&event["usage"], "output_tokens");
                self.has_reason = true;
            }
            "message_stop" => self.has_ended = true,
            _ => panic!("no event is called {kind}"),
        }
    }

    fn has_ended(&self) -> bool {
        self.has_ended
    }
}

impl Messages {
    fn delta(&mut self, index: usize, delta: &Value) {
        let kind = text(delta, "type");
        let block = self.blocks.get(index).expect("a block that has begun");
        let is_last = self.is_open && index == self.blocks.len() - 1;
        // A late piece of a call's arguments is the one thing that may go to a closed block.
        assert!(is_last || kind == "input_json_delta", "a closed block");
        assert!(
            !(is_last && self.is_signed),
            "a thought goes on behind its signature"
        );
        let (expected, member) = match kind {
            "text_delta" => ("text", "text"),
            "thinking_delta" => ("thinking", "thinking"),
            "signature_delta" => ("thinking", "signature"),
            "input_json_delta" => ("tool_use", "partial_json"),
            _ => panic!("no delta is called {kind}"),
        };
        assert_eq!(block, expected, "a delta of another block's");
        text(delta, member);
        self.is_signed |= kind == "signature_delta";
    }
}
