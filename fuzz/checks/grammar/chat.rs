//! Chunks of chat completions: the role first, pieces, one reason for the end, usage, `[DONE]`.

use serde_json::Value;

use super::{Grammar, count, text};

/// A stream for a client that asked for usage and for one alternative.
#[derive(Default)]
pub(super) struct Chat {
    /// What every chunk repeats: id, model, time.
    envelope: Option<[Value; 3]>,
    calls: usize,
    has_finished: bool,
    has_usage: bool,
    has_ended: bool,
}

impl Grammar for Chat {
    fn take(&mut self, name: Option<&str>, data: Option<&Value>) {
        assert_eq!(name, None, "chunks have no names");
        let Some(chunk) = data else {
            self.has_ended = true;
            return;
        };
        assert!(!self.has_usage, "a chunk after the usage");
        assert_eq!(chunk["object"], "chat.completion.chunk");
        let envelope = ["id", "model", "created"].map(|name| chunk[name].clone());
        let is_first = self.envelope.is_none();
        let known = self.envelope.get_or_insert_with(|| envelope.clone());
        assert_eq!(*known, envelope, "another answer");
        let choices = chunk["choices"].as_array().expect("`choices` is a list");
        assert!(chunk.get("usage").is_some(), "no `usage`, not even null");
        match choices.as_slice() {
            [] => {
                assert!(!is_first, "usage before the role");
                count(&chunk["usage"], "prompt_tokens");
                count(&chunk["usage"], "completion_tokens");
                self.has_usage = true;
            }
            [choice] => {
                assert_eq!(chunk["usage"], Value::Null);
                self.choice(choice, is_first);
            }
            _ => panic!("several alternatives"),
        }
    }

    fn has_ended(&self) -> bool {
        self.has_ended
    }
}

impl Chat {
    fn choice(&mut self, choice: &Value, is_first: bool) {
        assert_eq!(count(choice, "index"), 0);
        assert!(!self.has_finished, "a piece after the reason for the end");
        let delta = choice["delta"].as_object().expect("`delta` is an object");
        let role = is_first.then_some("assistant");
        assert_eq!(delta.get("role").and_then(Value::as_str), role);
        for member in ["content", "refusal", "reasoning_content"] {
            assert!(delta.get(member).is_none_or(Value::is_string), "{member}");
        }
        for call in choice["delta"]["tool_calls"]
            .as_array()
            .into_iter()
            .flatten()
        {
            self.call(call);
        }
        self.has_finished = !choice["finish_reason"].is_null();
        if self.has_finished {
            text(choice, "finish_reason");
            assert!(delta.is_empty(), "a piece beside the reason for the end");
        }
    }

    fn call(&mut self, call: &Value) {
        let index = count(call, "index");
        text(&call["function"], "arguments");
        if index < self.calls {
            assert!(call.get("id").is_none(), "a call that begins twice");
            return;
        }
        assert_eq!(index, self.calls, "calls are counted without a gap");
        self.calls += 1;
        assert!(!text(call, "id").is_empty());
        assert_eq!(call["type"], "function");
        text(&call["function"], "name");
    }
}
