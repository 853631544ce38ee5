//! Events of a response: numbered, each item added once and done once, and what is done repeats what
//! was said piece by piece.

use serde_json::{Value, json};

use super::{Grammar, count, text};

/// A stream.
#[derive(Default)]
pub(super) struct Responses {
    /// How many events there were.
    events: usize,
    items: Vec<Item>,
    has_ended: bool,
}

/// An item of the output.
struct Item {
    id: String,
    kind: String,
    /// The pieces of each of its parts, of its summary or of its arguments.
    parts: Vec<String>,
    /// Whether the last of them goes on.
    is_open: bool,
    /// The whole of it, once it is done.
    done: Option<Value>,
}

impl Grammar for Responses {
    fn take(&mut self, name: Option<&str>, data: Option<&Value>) {
        let event = data.expect("there is no [DONE] here");
        assert_eq!(name, event["type"].as_str(), "the name is the type");
        assert_eq!(count(event, "sequence_number"), self.events);
        let kind = text(event, "type");
        let kind = kind.strip_prefix("response.").expect("it is of a response");
        assert_eq!(kind == "created", self.events == 0);
        assert_eq!(kind == "in_progress", self.events == 1);
        self.events += 1;
        match kind {
            "created" | "in_progress" => {
                assert_eq!(event["response"]["status"], "in_progress");
                assert_eq!(event["response"]["output"], json!([]));
            }
            "completed" | "incomplete" => self.end(kind, &event["response"]),
            "output_item.added" => self.add(count(event, "output_index"), &event["item"]),
            "output_item.done" => self.item_of(event).finish(&event["item"]),
            _ => {
                let item = self.item_of(event);
                assert_eq!(item.id, text(event, "item_id"), "another item's id");
                item.take(kind, event);
            }
        }
    }

    fn has_ended(&self) -> bool {
        self.has_ended
    }
}

impl Responses {
    fn add(&mut self, place: usize, item: &Value) {
        assert_eq!(place, self.items.len(), "items are counted without a gap");
        let id = text(item, "id").to_owned();
        assert!(self.items.iter().all(|known| known.id != id), "an id twice");
        let kind = text(item, "type").to_owned();
        // Calls are done with the answer; of all else one goes on at a time.
        let goes_on = |known: &Item| known.done.is_none() && known.kind != "function_call";
        assert!(!self.items.iter().any(goes_on), "an item inside another");
        self.items.push(Item {
            is_open: kind == "function_call",
            parts: Vec::from_iter((kind == "function_call").then(String::new)),
            id,
            kind,
            done: None,
        });
    }

    fn item_of(&mut self, event: &Value) -> &mut Item {
        let item = self.items.get_mut(count(event, "output_index"));
        let item = item.expect("an item that was added");
        assert!(item.done.is_none(), "an item that is done goes on");
        item
    }

    fn end(&mut self, kind: &str, response: &Value) {
        assert_eq!(response["status"], kind);
        assert_eq!(
            response["incomplete_details"].is_null(),
            kind == "completed"
        );
        let done = self.items.iter().map(|item| item.done.clone());
        let done: Option<Vec<Value>> = done.collect();
        let done = done.expect("every item is done");
        assert_eq!(response["output"], Value::Array(done), "another output");
        self.has_ended = true;
    }
}

impl Item {
    fn take(&mut self, kind: &str, event: &Value) {
        let (of, place, step) = match kind {
            "content_part.added" | "content_part.done" => ("message", "content_index", kind),
            "output_text.delta" | "refusal.delta" => ("message", "content_index", "delta"),
            "output_text.done" => ("message", "content_index", "text"),
            "refusal.done" => ("message", "content_index", "refusal"),
            "reasoning_summary_part.added" | "reasoning_summary_part.done" => {
                ("reasoning", "summary_index", kind)
            }
            "reasoning_summary_text.delta" => ("reasoning", "summary_index", "delta"),
            "reasoning_summary_text.done" => ("reasoning", "summary_index", "text"),
            "function_call_arguments.delta" => ("function_call", "", "delta"),
            "function_call_arguments.done" => ("function_call", "", "arguments"),
            _ => panic!("no event is called {kind}"),
        };
        assert_eq!(self.kind, of, "an event of another item's");
        if step.ends_with(".added") {
            assert!(!self.is_open, "a part inside another");
            self.parts.push(String::new());
            self.is_open = true;
        }
        if !place.is_empty() {
            assert_eq!(count(event, place) + 1, self.parts.len(), "another part");
        }
        let said = self.parts.last_mut().expect("a part that was added");
        match step {
            "delta" => {
                assert!(self.is_open, "a part that is done goes on");
                said.push_str(text(event, "delta"));
            }
            "text" | "refusal" | "arguments" => {
                assert!(self.is_open, "a part is done twice");
                assert_eq!(text(event, step), said, "another text");
                self.is_open = false;
            }
            _ if step.ends_with(".done") => {
                assert!(!self.is_open, "its text is not done");
                assert_eq!(part_text(&event["part"]), said, "another text");
            }
            _ => {}
        }
    }

    fn finish(&mut self, item: &Value) {
        assert!(!self.is_open, "a part was left open");
        assert_eq!(text(item, "id"), self.id);
        assert_eq!(text(item, "type"), self.kind);
        let said: Vec<&str> = match self.kind.as_str() {
            "message" => parts_of(&item["content"]),
            "reasoning" => parts_of(&item["summary"]),
            "function_call" => vec![text(item, "arguments")],
            kind => panic!("no item is called {kind}"),
        };
        assert_eq!(said, self.parts, "another text");
        self.done = Some(item.clone());
    }
}

fn parts_of(list: &Value) -> Vec<&str> {
    let list = list.as_array().expect("it is a list");
    list.iter().map(part_text).collect()
}

fn part_text(part: &Value) -> &str {
    match text(part, "type") {
        "refusal" => text(part, "refusal"),
        "output_text" | "summary_text" => text(part, "text"),
        kind => panic!("no part is called {kind}"),
    }
}
