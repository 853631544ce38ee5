use proptest::prelude::*;
use serde_json::json;

use super::*;

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in ".{0,200}", value in json_value()) {
        let _ = read(&text, &mut Losses::default());
        let _ = read(&value.to_string(), &mut Losses::default());
    }
}

/// Requests of the right words in the wrong places.
fn json_value() -> impl Strategy<Value = Value> {
    const WORDS: &[&str] = &[
        "role",
        "user",
        "assistant",
        "tool",
        "function",
        "content",
        "type",
        "text",
        "image_url",
        "url",
        "data:a/b;base64,x",
        "data:é;base64,",
        "dat",
        "é",
        "file",
        "file_data",
        "tool_calls",
        "id",
        "name",
        "arguments",
        "tools",
        "tool_choice",
        "reasoning_details",
        "reasoning.text",
        "index",
        "stop",
        "messages",
        "response_format",
        "json_schema",
        "reasoning",
        "function_call",
        "functions",
        "cache_control",
    ];
    let word = prop::sample::select(WORDS).prop_map(str::to_owned);
    let leaf = prop_oneof![
        word.clone().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
    ];
    let tree = leaf.prop_recursive(6, 60, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((word.clone(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    });
    (tree.clone(), tree).prop_map(|(message, other)| {
        json!({ "messages": [{ "role": "user", "content": [message] }, other], "tools": other, "stop": message })
    })
}
