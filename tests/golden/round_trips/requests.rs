//! A request that goes to a provider of the other format, and from there on to one of its own.

use bytes::Bytes;
use herald::dialects::{Dialect, anthropic::Messages, openai::ChatCompletions};
use proptest::{
    collection::vec,
    option,
    prelude::*,
    sample::{select, subsequence},
};
use serde_json::{Value, json};

use super::{name, object, word};
use crate::passage;

const MODEL: &str = "m";

/// The request as this provider is asked, and what of it is lost.
fn asked(dialect: &'static dyn Dialect, request: &Value, provider: &str) -> (Value, Vec<String>) {
    let body = Bytes::from(request.to_string());
    let (_, passage) = passage(dialect, body, provider).unwrap();
    let mut body: Value = serde_json::from_slice(&passage.body.concat()).unwrap();
    // The model is named anew for each provider.
    body["model"] = MODEL.into();
    (body, passage.lost.names().to_vec())
}

/// A request in which everything stands that both formats know, in each one's words.
#[derive(Clone, Debug)]
struct Asked {
    system: Option<String>,
    turns: Vec<Turn>,
    tools: Vec<(String, Option<String>, Value, bool)>,
    choice: Option<&'static str>,
    schema: Option<Value>,
    stop: Vec<String>,
    temperature: Option<u8>,
    top_p: Option<u8>,
    top_k: Option<u8>,
    effort: Option<&'static str>,
    user: Option<String>,
    stream: bool,
}

/// What the user asks, and what the model answered: thoughts with their proofs, a text, calls and what
/// became of them.
#[derive(Clone, Debug)]
struct Turn {
    text: String,
    picture: Option<String>,
    thoughts: Vec<(String, String)>,
    answer: Option<String>,
    calls: Vec<(String, Value, String)>,
}

fn requests() -> impl Strategy<Value = Asked> {
    let turn = (
        word(),
        option::of(select(vec![
            "https://example.com/a.png".to_owned(),
            "data:image/png;base64,iVBORw0KGgo=".to_owned(),
        ])),
        vec((word(), word()), 0..3),
        option::of(word()),
        vec((name(), object(), word()), 0..3),
    )
        .prop_map(|(text, picture, thoughts, answer, calls)| Turn {
            text,
            picture,
            thoughts,
            // One who called nothing said something.
            answer: answer.or_else(|| calls.is_empty().then(|| "Well".to_owned())),
            calls,
        });
    let tool = (name(), option::of(word()), object(), any::<bool>());
    let said = (option::of(word()), vec(turn, 1..4), vec(tool, 0..3));
    let shape = (
        option::of(select(vec!["any", "none", "one", "parallel"])),
        option::of(object()),
        vec(word(), 0..3),
        option::of(word()),
        any::<bool>(),
    );
    let number = || option::of(0..100_u8);
    let effort = option::of(select(vec!["low", "medium", "high", "xhigh", "max"]));
    let sampling = (number(), number(), number(), effort);
    (said, shape, sampling).prop_map(
        |((system, turns, tools), (choice, schema, stop, user, stream), sampling)| {
            let (temperature, top_p, top_k, effort) = sampling;
            // Anthropic's models that are told to think take no sampling and may not be forced to call.
            let sampled = |number: Option<u8>| number.filter(|_| effort.is_none());
            let is_barred = effort.is_some() && matches!(choice, Some("any" | "one"));
            Asked {
                system,
                turns,
                choice: choice.filter(|_| !(tools.is_empty() || is_barred)),
                tools,
                schema,
                stop,
                temperature: sampled(temperature),
                top_p: sampled(top_p),
                top_k: sampled(top_k).filter(|number| *number > 0),
                effort,
                user,
                stream,
            }
        },
    )
}

/// A request from its members, without those that say nothing.
fn body<const N: usize>(members: [(&str, Value); N]) -> Value {
    let said =
        |value: &Value| !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty());
    let members = members.into_iter().filter(|(_, value)| said(value));
    Value::Object(
        members
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    )
}

fn schema(properties: &Value) -> Value {
    json!({ "type": "object", "title": properties.to_string() })
}

fn hundredth(number: Option<u8>) -> Value {
    number.map_or(Value::Null, |number| json!(f64::from(number) / 100.0))
}

impl Asked {
    fn call_id(turn: usize, call: usize) -> String {
        format!("call_{turn}_{call}")
    }

    fn chat(&self) -> Value {
        let mut messages = Vec::new();
        messages.extend(
            self.system
                .as_ref()
                .map(|text| json!({ "role": "system", "content": text })),
        );
        for (at, turn) in self.turns.iter().enumerate() {
            messages.push(match &turn.picture {
                None => json!({ "role": "user", "content": turn.text }),
                Some(url) => json!({ "role": "user", "content": [
                    { "type": "text", "text": turn.text },
                    { "type": "image_url", "image_url": { "url": url } },
                ] }),
            });
            let called = turn.calls.iter().enumerate().map(|(call, (name, arguments, _))| {
                let function = json!({ "name": name, "arguments": arguments.to_string() });
                json!({ "id": Self::call_id(at, call), "type": "function", "function": function })
            });
            let called: Vec<Value> = called.collect();
            let thoughts = turn
                .thoughts
                .iter()
                .enumerate()
                .map(|(index, (text, signature))| {
                    json!({ "type": "reasoning.text", "text": text, "signature": signature,
                    "format": "anthropic-claude-v1", "index": index })
                });
            let thought: String = turn
                .thoughts
                .iter()
                .map(|(text, _)| text.as_str())
                .collect();
            let mut message = body([
                ("role", "assistant".into()),
                (
                    "reasoning_content",
                    json!(Some(thought).filter(|text| !text.is_empty())),
                ),
                ("reasoning_details", thoughts.collect()),
                ("tool_calls", called.into()),
            ]);
            message["content"] = json!(turn.answer);
            messages.push(message);
            messages.extend(turn.calls.iter().enumerate().map(|(call, (_, _, result))| {
                json!({ "role": "tool", "tool_call_id": Self::call_id(at, call), "content": result })
            }));
            if !turn.calls.is_empty() {
                messages.push(json!({ "role": "assistant", "content": "So it is" }));
            }
        }
        messages.push(json!({ "role": "user", "content": "And now?" }));
        let tools = self
            .tools
            .iter()
            .map(|(name, description, properties, strict)| {
                let strict = if *strict { true.into() } else { Value::Null };
                let function = body([
                    ("name", json!(name)),
                    ("description", json!(description)),
                    ("parameters", schema(properties)),
                    ("strict", strict),
                ]);
                json!({ "type": "function", "function": function })
            });
        let choice = self.choice.map(|choice| match choice {
            "any" => "required".into(),
            "none" => "none".into(),
            "one" => json!({ "type": "function", "function": { "name": self.tools[0].0 } }),
            _ => "auto".into(),
        });
        let format = self.schema.as_ref().map(|properties| {
            json!({ "type": "json_schema", "json_schema": { "name": "answer", "schema": schema(properties), "strict": true } })
        });
        body([
            ("model", MODEL.into()),
            ("max_tokens", 500.into()),
            ("messages", messages.into()),
            ("tools", tools.collect()),
            (
                "parallel_tool_calls",
                if self.choice == Some("parallel") {
                    false.into()
                } else {
                    Value::Null
                },
            ),
            ("tool_choice", json!(choice)),
            ("response_format", json!(format)),
            ("stop", json!(self.stop)),
            ("temperature", hundredth(self.temperature)),
            ("top_p", hundredth(self.top_p)),
            ("top_k", json!(self.top_k)),
            ("reasoning_effort", json!(self.effort)),
            ("user", json!(self.user)),
            (
                "stream",
                if self.stream {
                    true.into()
                } else {
                    Value::Null
                },
            ),
            (
                "stream_options",
                if self.stream {
                    json!({ "include_usage": true })
                } else {
                    Value::Null
                },
            ),
        ])
    }

    fn messages(&self) -> Value {
        let mut messages = Vec::new();
        for (at, turn) in self.turns.iter().enumerate() {
            messages.push(match &turn.picture {
                None => json!({ "role": "user", "content": turn.text }),
                Some(url) => {
                    let source = match url.strip_prefix("data:image/png;base64,") {
                        Some(data) => {
                            json!({ "type": "base64", "media_type": "image/png", "data": data })
                        }
                        None => json!({ "type": "url", "url": url }),
                    };
                    json!({ "role": "user", "content": [
                        { "type": "text", "text": turn.text },
                        { "type": "image", "source": source },
                    ] })
                }
            });
            if turn.calls.is_empty() && turn.thoughts.is_empty() {
                messages.push(json!({ "role": "assistant", "content": turn.answer }));
                continue;
            }
            let thoughts = turn.thoughts.iter().map(|(thinking, signature)| {
                json!({ "type": "thinking", "thinking": thinking, "signature": signature })
            });
            let mut content: Vec<Value> = thoughts.collect();
            content.extend(
                turn.answer
                    .as_ref()
                    .map(|text| json!({ "type": "text", "text": text })),
            );
            content.extend(turn.calls.iter().enumerate().map(|(call, (name, input, _))| {
                json!({ "type": "tool_use", "id": Self::call_id(at, call), "name": name, "input": input })
            }));
            messages.push(json!({ "role": "assistant", "content": content }));
            if turn.calls.is_empty() {
                continue;
            }
            let results = turn.calls.iter().enumerate().map(|(call, (_, _, result))| {
                json!({ "type": "tool_result", "tool_use_id": Self::call_id(at, call), "content": result })
            });
            messages.push(json!({ "role": "user", "content": results.collect::<Vec<_>>() }));
            messages.push(json!({ "role": "assistant", "content": "So it is" }));
        }
        messages.push(json!({ "role": "user", "content": "And now?" }));
        let tools = self
            .tools
            .iter()
            .map(|(name, description, properties, strict)| {
                body([
                    ("name", json!(name)),
                    ("description", json!(description)),
                    ("input_schema", schema(properties)),
                    ("strict", if *strict { true.into() } else { Value::Null }),
                ])
            });
        let choice = self.choice.map(|choice| match choice {
            "one" => json!({ "type": "tool", "name": self.tools[0].0 }),
            "parallel" => json!({ "type": "auto", "disable_parallel_tool_use": true }),
            word => json!({ "type": word }),
        });
        let format = self
            .schema
            .as_ref()
            .map(|properties| json!({ "type": "json_schema", "schema": schema(properties) }));
        let output = body([("effort", json!(self.effort)), ("format", json!(format))]);
        let output = Some(output).filter(|output| output != &json!({}));
        body([
            ("model", MODEL.into()),
            ("max_tokens", 500.into()),
            ("system", json!(self.system)),
            ("messages", messages.into()),
            ("tools", tools.collect()),
            ("tool_choice", json!(choice)),
            ("output_config", json!(output)),
            ("stop_sequences", json!(self.stop)),
            ("temperature", hundredth(self.temperature)),
            ("top_p", hundredth(self.top_p)),
            ("top_k", json!(self.top_k)),
            (
                "thinking",
                json!(self.effort.map(|_| json!({ "type": "adaptive" }))),
            ),
            (
                "metadata",
                json!(self.user.as_ref().map(|user| json!({ "user_id": user }))),
            ),
            ("stream", self.stream.into()),
        ])
    }
}

/// Members that one side alone knows, by the name under which they are lost.
const CHAT_ALONE: [(&str, &str); 4] = [
    ("logit_bias", r#"{"1":2}"#),
    ("seed", "7"),
    ("logprobs", "true"),
    ("service_tier", "\"flex\""),
];
const MESSAGES_ALONE: [(&str, &str); 4] = [
    ("container", "\"c\""),
    ("inference_geo", "\"eu\""),
    ("service_tier", "\"standard_only\""),
    ("speed", "\"fast\""),
];

/// Checks that a request comes back from the other side as it was, but for what is named as lost.
fn check(
    (dialect, provider): (&'static dyn Dialect, &str),
    (other_dialect, other_provider): (&'static dyn Dialect, &str),
    request: &Value,
    alone: &[(&str, &str)],
) {
    let mut with_more = request.clone();
    for (name, value) in alone {
        with_more[name] = serde_json::from_str(value).unwrap();
    }
    let (there, lost) = asked(dialect, &with_more, other_provider);
    let mut lost = lost;
    lost.sort();
    let mut names: Vec<&str> = alone.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    assert_eq!(lost, names);
    let (back, lost) = asked(other_dialect, &there, provider);
    assert_eq!(lost, [""; 0]);
    assert_eq!(&back, request);
}

proptest! {
    #[test]
    fn a_chat_request_is_the_same_after_a_way_through_messages(
        asked in requests(),
        alone in subsequence(CHAT_ALONE.to_vec(), 0..=4),
    ) {
        let (here, there) = ((&ChatCompletions as _, "openrouter"), (&Messages as _, "anthropic"));
        check(here, there, &asked.chat(), &alone);
    }

    #[test]
    fn a_request_for_a_message_is_the_same_after_a_way_through_chat_completions(
        asked in requests(),
        alone in subsequence(MESSAGES_ALONE.to_vec(), 0..=4),
    ) {
        let (here, there) = ((&Messages as _, "anthropic"), (&ChatCompletions as _, "openrouter"));
        check(here, there, &asked.messages(), &alone);
    }
}
