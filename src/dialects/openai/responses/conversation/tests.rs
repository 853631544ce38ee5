use serde_json::{Value, json};

use super::*;
use crate::completion::{Part, Source, ToolChoice};

/// Reads a request of these members, and tells what was lost.
fn read(body: &Value) -> Result<(Value, Vec<String>), RequestError> {
    let text = body.to_string();
    let mut losses = Losses::default();
    let conversation = super::read(&text, &mut losses)?;
    Ok((told(&conversation), losses.names().to_vec()))
}

/// A conversation as a test can compare it: only what is there.
fn told(conversation: &Conversation<'_>) -> Value {
    let turns = conversation.turns.iter().map(|turn| {
        let parts: Vec<Value> = turn.parts.iter().map(part).collect();
        json!([format!("{:?}", turn.role), parts])
    });
    let tools = conversation.tools.iter();
    let others = conversation.others.iter();
    let shape = match &conversation.shape {
        AnswerShape::Text => Value::Null,
        AnswerShape::JsonObject => json!("object"),
        AnswerShape::JsonSchema {
            name,
            schema,
            strict,
            ..
        } => json!([name, schema, strict]),
    };
    let reasoning = conversation.reasoning;
    let mut told = json!({
        "turns": turns.collect::<Vec<_>>(),
        "tools": tools.map(|tool| tool.name.as_ref()).collect::<Vec<_>>(),
        "choice": conversation.tool_choice.as_ref().map(|choice| match choice {
            ToolChoice::Function(name) => name.to_string(),
            choice => format!("{choice:?}"),
        }),
        "parallel": conversation.parallel_tool_calls,
        "shape": shape,
        "effort": reasoning.effort.map(Effort::word),
        "thinks": reasoning.enabled,
        "shown": reasoning.shown,
        "max_tokens": conversation.max_tokens,
        "temperature": conversation.temperature,
        "top_p": conversation.top_p,
        "end_user": conversation.end_user,
        "others": others.map(|(name, value)| json!([name, value])).collect::<Vec<_>>(),
    });
    let members = told.as_object_mut().unwrap();
    members.retain(|_, value| !value.is_null() && *value != json!([]));
    told
}

/// A part as a test can compare it.
pub(in crate::dialects::openai::responses) fn part(part: &Part<'_>) -> Value {
    let place = |source: &Source<'_>| match source {
        Source::Url(url) => url.to_string(),
        Source::Base64 { media_type, data } => format!("{media_type}:{data}"),
        Source::Text(text) => text.to_string(),
    };
    match &part.kind {
        PartKind::Text(text) => json!(text),
        PartKind::Image { source, detail } => json!({ "image": place(source), "detail": detail }),
        PartKind::File { source, name } => json!({ "file": place(source), "name": name }),
        PartKind::Thinking { text, signature } => json!({ "thought": text, "proof": signature }),
        PartKind::RedactedThinking(data) => json!({ "redacted": data }),
        PartKind::Refusal(text) => json!({ "refusal": text }),
        PartKind::ToolCall {
            id,
            name,
            arguments,
        } => json!({ "call": id, "name": name, "arguments": arguments }),
        PartKind::ToolResult {
            call_id, content, ..
        } => {
            json!({ "result": call_id, "content": content.iter().map(self::part).collect::<Vec<_>>() })
        }
    }
}

/// A request that holds no more than it must, but for these members.
fn with(members: &Value) -> Value {
    let mut body = json!({ "model": "m", "input": "Hi" });
    let members = members.as_object().unwrap().clone();
    body.as_object_mut().unwrap().extend(members);
    body
}

#[test]
fn a_text_is_a_turn_of_the_user_and_instructions_stand_before_it() {
    let (told, lost) = read(&with(&json!({ "instructions": "Be brief." }))).unwrap();
    assert_eq!(
        told,
        json!({ "turns": [["System", ["Be brief."]], ["User", ["Hi"]]] })
    );
    assert!(lost.is_empty());
}

#[test]
fn items_of_one_side_are_one_turn_and_so_are_results_of_several_calls() {
    let input = json!([
        { "role": "developer", "content": "d" },
        { "type": "message", "role": "user", "content": [
            { "type": "input_text", "text": "What is this?" },
            { "type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "high" },
            { "type": "input_file", "file_data": "data:application/pdf;base64,BB==", "filename": "a.pdf" },
            { "type": "input_file", "file_url": "https://x/b.pdf" },
        ] },
        { "type": "reasoning", "id": "rs_1", "summary": [{ "type": "summary_text", "text": "hm" }],
          "encrypted_content": "herald-signature:sig" },
        { "type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": "herald-redacted:data" },
        { "type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": [
            { "type": "output_text", "text": "Let me see.", "annotations": [], "logprobs": [] },
        ] },
        { "type": "function_call", "id": "fc_1", "status": "completed", "call_id": "a", "name": "look", "arguments": "{}" },
        { "type": "function_call", "call_id": "b", "name": "look", "arguments": "" },
        { "type": "function_call_output", "call_id": "a", "output": "cat" },
        { "type": "function_call_output", "call_id": "b", "output": [{ "type": "input_text", "text": "dog" }] },
        { "role": "user", "content": "So?" },
    ]);
    let (told, lost) = read(&with(&json!({ "input": input }))).unwrap();
    assert_eq!(
        told["turns"],
        json!([
            ["System", ["d"]],
            ["User", [
                "What is this?",
                { "image": "image/png:AA==", "detail": "high" },
                { "file": "application/pdf:BB==", "name": "a.pdf" },
                { "file": "https://x/b.pdf", "name": null },
            ]],
            ["Assistant", [
                { "thought": "hm", "proof": "sig" },
                { "redacted": "data" },
                "Let me see.",
                { "call": "a", "name": "look", "arguments": "{}" },
                { "call": "b", "name": "look", "arguments": "" },
            ]],
            ["User", [
                { "result": "a", "content": ["cat"] },
                { "result": "b", "content": ["dog"] },
            ]],
            ["User", ["So?"]],
        ])
    );
    assert!(lost.is_empty(), "{lost:?}");
}

#[test]
fn every_member_with_a_word_is_told_and_the_others_stand_beside() {
    let (told, lost) = read(&with(&json!({
        "tools": [
            { "type": "function", "name": "f", "parameters": { "type": "object" }, "strict": true },
            { "type": "function", "name": "g", "parameters": null, "defer_loading": false },
        ],
        "tool_choice": { "type": "function", "name": "f" },
        "parallel_tool_calls": false,
        "text": { "verbosity": "low", "format": {
            "type": "json_schema", "name": "n", "schema": { "type": "object" }, "strict": true,
        } },
        "reasoning": { "effort": "high", "summary": "auto" },
        "max_output_tokens": 9, "temperature": 0.5, "top_p": 0.9, "user": "u",
        "metadata": { "a": "b" }, "service_tier": "flex", "prompt_cache_key": "k",
    })))
    .unwrap();
    assert_eq!(
        told,
        json!({
            "turns": [["User", ["Hi"]]], "tools": ["f", "g"], "choice": "f", "parallel": false,
            "shape": ["n", { "type": "object" }, true], "effort": "high", "shown": true,
            "max_tokens": 9, "temperature": 0.5, "top_p": 0.9, "end_user": "u",
            "others": [["metadata", { "a": "b" }], ["prompt_cache_key", "k"], ["service_tier", "flex"], ["verbosity", "low"]],
        })
    );
    assert!(lost.is_empty(), "{lost:?}");
}

#[test]
fn what_says_nothing_or_repeats_a_default_is_no_loss() {
    let (told, lost) = read(&with(&json!({
        "instructions": null, "store": false, "background": false, "previous_response_id": null,
        "conversation": null, "prompt": null, "include": ["reasoning.encrypted_content"],
        "truncation": "disabled", "service_tier": "auto", "metadata": {}, "top_logprobs": 0,
        "stream_options": { "include_obfuscation": false }, "tools": [], "tool_choice": "auto",
        "parallel_tool_calls": true, "text": { "format": { "type": "text" }, "verbosity": "medium" },
        "reasoning": { "effort": null, "summary": null }, "max_tool_calls": null,
    })))
    .unwrap();
    assert_eq!(told, json!({ "turns": [["User", ["Hi"]]] }));
    assert!(lost.is_empty(), "{lost:?}");
}

#[test]
fn log_probabilities_are_asked_for_by_a_word_or_a_number() {
    for (members, expected) in [
        (json!({ "include": ["message.output_text.logprobs"] }), 0),
        (json!({ "top_logprobs": 2 }), 2),
        (
            json!({ "include": ["message.output_text.logprobs"], "top_logprobs": 2 }),
            2,
        ),
    ] {
        let body = with(&members).to_string();
        let mut losses = Losses::default();
        let conversation = super::read(&body, &mut losses).unwrap();
        assert_eq!(conversation.logprobs, Some(expected), "{members}");
        assert!(losses.is_empty());
    }
}

#[test]
fn what_has_no_word_is_lost_by_its_path() {
    for (members, name) in [
        (
            json!({ "tools": [{ "type": "web_search" }] }),
            "tools.web_search",
        ),
        (
            json!({ "tools": [{ "type": "function", "name": "f", "output_schema": { "a": 1 } }] }),
            "tools.output_schema",
        ),
        (
            json!({ "include": ["message.input_image.image_url"] }),
            "include.message.input_image.image_url",
        ),
        (
            json!({ "stream_options": { "include_obfuscation": true } }),
            "stream_options.include_obfuscation",
        ),
        (json!({ "reasoning": { "mode": "pro" } }), "reasoning.mode"),
        (json!({ "text": { "x": 1 } }), "text.x"),
        (json!({ "user": "a", "safety_identifier": "b" }), "user"),
        (
            json!({ "input": [{ "type": "web_search_call", "id": "w", "status": "completed", "action": {} }] }),
            "input.web_search_call",
        ),
        (
            json!({ "input": [{ "role": "assistant", "phase": "commentary", "content": "a" }] }),
            "input.phase",
        ),
        (
            json!({ "input": [{ "role": "assistant", "content": [{ "type": "output_text", "text": "a", "annotations": [{}] }] }] }),
            "input.content.annotations",
        ),
        (
            json!({ "input": [{ "type": "reasoning", "summary": [], "encrypted_content": "gAAA" }] }),
            "input.encrypted_content",
        ),
        (
            json!({ "input": [{ "type": "reasoning", "summary": [{ "text": "a" }], "content": [{ "text": "b" }] }] }),
            "input.summary",
        ),
    ] {
        let (_, lost) = read(&with(&members)).unwrap();
        assert_eq!(lost, [name], "{members}");
    }
}

#[test]
fn what_cannot_be_left_out_is_refused_where_it_stands() {
    for (members, path) in [
        (
            json!({ "previous_response_id": "resp_1" }),
            "previous_response_id",
        ),
        (json!({ "conversation": "conv_1" }), "conversation"),
        (
            json!({ "conversation": { "id": "conv_1" } }),
            "conversation",
        ),
        (json!({ "prompt": { "id": "p" } }), "prompt"),
        (json!({ "store": true }), "store"),
        (json!({ "background": true }), "background"),
        (json!({ "store": "yes" }), "store"),
        (json!({ "input": null }), "input"),
        (json!({ "input": [] }), "input"),
        (json!({ "input": 7 }), "input"),
        (json!({ "input": ["a"] }), "input[0]"),
        (json!({ "input": [{ "content": "a" }] }), "input[0].role"),
        (
            json!({ "input": [{ "role": "tool", "content": "a" }] }),
            "input[0].role",
        ),
        (json!({ "input": [{ "role": "user" }] }), "input[0].content"),
        (
            json!({ "input": [{ "type": "item_reference", "id": "msg_1" }] }),
            "input[0].type",
        ),
        (json!({ "input": [{ "id": "msg_1" }] }), "input[0].id"),
        (
            json!({ "input": [{ "type": "custom_tool_call_output", "call_id": "a", "output": "b" }] }),
            "input[0].type",
        ),
        (
            json!({ "input": [{ "type": "computer_call_output", "call_id": "a", "output": {} }] }),
            "input[0].type",
        ),
        (
            json!({ "input": [{ "type": "compaction", "encrypted_content": "a" }] }),
            "input[0].type",
        ),
        (
            json!({ "input": [{ "type": "function_call", "name": "f", "arguments": "{}" }] }),
            "input[0].call_id",
        ),
        (
            json!({ "input": [{ "type": "function_call_output", "call_id": "a" }] }),
            "input[0].output",
        ),
        (
            json!({ "input": [{ "role": "user", "content": [{ "type": "input_audio" }] }] }),
            "input[0].content[0].type",
        ),
        (
            json!({ "input": [{ "role": "user", "content": [{ "type": "input_image", "file_id": "f" }] }] }),
            "input[0].content[0].file_id",
        ),
        (
            json!({ "input": [{ "role": "user", "content": [{ "type": "input_file", "file_data": "AA" }] }] }),
            "input[0].content[0].file_data",
        ),
        (
            json!({ "input": [{ "role": "system", "content": [{ "type": "input_image" }] }] }),
            "input[0].content[0].type",
        ),
        (
            json!({ "tools": [{ "type": "custom", "name": "c" }] }),
            "tools[0].type",
        ),
        (
            json!({ "tools": [{ "type": "function" }] }),
            "tools[0].name",
        ),
        (
            json!({ "tools": [{ "type": "web_search" }], "tool_choice": "required" }),
            "tool_choice",
        ),
        (
            json!({ "tools": [{ "type": "web_search" }], "tool_choice": { "type": "web_search" } }),
            "tool_choice.type",
        ),
        (
            json!({ "tool_choice": { "type": "function", "name": "f" } }),
            "tool_choice.name",
        ),
        (
            json!({ "text": { "format": { "type": "grammar" } } }),
            "text.format.type",
        ),
        (
            json!({ "text": { "format": { "type": "json_schema", "name": "n" } } }),
            "text.format.schema",
        ),
        (
            json!({ "reasoning": { "effort": "huge" } }),
            "reasoning.effort",
        ),
        (json!({ "max_output_tokens": -1 }), "max_output_tokens"),
        (json!({ "temperature": "warm" }), "temperature"),
    ] {
        let error = read(&with(&members)).unwrap_err();
        assert_eq!(error.param(), Some(path), "{members}");
    }
}

#[test]
fn only_the_allowed_functions_are_told_of() {
    let tool = |name: &str| json!({ "type": "function", "name": name });
    let (told, lost) = read(&with(&json!({
        "tools": [tool("f"), tool("g"), tool("h")],
        "tool_choice": { "type": "allowed_tools", "mode": "required", "tools": [tool("h"), tool("f")] },
    })))
    .unwrap();
    assert_eq!(told["tools"], json!(["f", "h"]));
    assert_eq!(told["choice"], "Required");
    assert!(lost.is_empty());
}

#[test]
fn effort_of_none_means_not_to_think() {
    let (told, _) = read(&with(&json!({ "reasoning": { "effort": "none" } }))).unwrap();
    assert_eq!(told["thinks"], false);
}

#[test]
fn no_bytes_make_the_reader_panic() {
    use proptest::prelude::*;

    let whole = with(&json!({
        "instructions": "é", "text": { "format": { "type": "json_object" } },
        "input": [
            { "role": "user", "content": [{ "type": "input_image", "image_url": "data:a/b;base64,A" }] },
            { "type": "reasoning", "summary": [{ "text": "a" }], "encrypted_content": "herald-signature:a" },
            { "type": "function_call", "call_id": "a", "name": "b", "arguments": "\\" },
        ],
        "tools": [{ "type": "function", "name": "b" }], "tool_choice": { "type": "allowed_tools" },
    }))
    .to_string();
    let change = (0..whole.len(), 0_usize..9, "[\\PC\"{}\\[\\],:0nt\\\\]{0,4}");
    proptest!(|((from, length, put) in change)| {
        let mut bytes = whole.clone().into_bytes();
        let to = (from + length).min(bytes.len());
        bytes.splice(from..to, put.into_bytes());
        if let Ok(text) = String::from_utf8(bytes) {
            let _ = super::read(&text, &mut Losses::default());
        }
    });
}
